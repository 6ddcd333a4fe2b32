/** All faults of a run: those of processes and replicas one after the other, and beside them those of links and disks. */
import { sleep, systemClock } from '../../common/clock.js';
import { type Random, seededRandom } from '../../common/random.js';
import type { PrivateNetwork } from '../cluster/support/private-network.js';
import { type ChaosCluster, LONGER_THAN_TIMEOUTS_MS } from './cluster.js';
import { DiskFaults } from './disk-faults.js';
import { NetworkFaults } from './network-faults.js';
import { ProcessFaults } from './process-faults.js';
import { Tally } from './tally.js';

export interface FaultsOptions {
  readonly cluster: ChaosCluster;
  /** Undefined where links cannot be cut. */
  readonly network: PrivateNetwork | undefined;
  readonly seed: number;
  readonly log: (line: string) => void;
  readonly nextNumber: () => number;
  readonly onKilledPut: (path: string) => void;
}

const PAUSE_MS_MAX = 1_500;

export class Faults {
  readonly tally = new Tally();
  readonly #processes: ProcessFaults;
  readonly #surroundings: ((durationMs: number, signal: AbortSignal) => Promise<void>)[] = [];
  readonly #random: Random;
  readonly #processRandom: Random;

  constructor({ cluster, network, seed, log, nextNumber, onKilledPut }: FaultsOptions) {
    const { tally } = this;
    this.#processRandom = seededRandom(seed * 1_000);
    this.#random = seededRandom(seed * 1_000 + 999);
    this.#processes = new ProcessFaults({
      cluster,
      random: this.#processRandom,
      tally,
      log,
      nextNumber,
      onKilledPut,
    });
    if (network !== undefined) {
      const faults = new NetworkFaults(network, this.#random, tally, log);
      this.#surroundings.push((durationMs, signal) => faults.run(durationMs, signal));
    }
    if (cluster.disks.size > 0) {
      const faults = new DiskFaults(cluster, this.#random, tally, log);
      this.#surroundings.push((durationMs, signal) => faults.run(durationMs, signal));
    }
  }

  /** Until the signal aborts; then everything is in order and runs again. */
  async run(signal: AbortSignal): Promise<void> {
    const lanes = [this.#repeat(() => this.#processes.run(signal), this.#processRandom, signal)];
    if (this.#surroundings.length > 0) lanes.push(this.#repeat(() => this.#oneOutside(signal), this.#random, signal));
    await Promise.all(lanes);
  }

  async #repeat(oneFault: () => Promise<void>, random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await oneFault();
      await sleep(systemClock, random.int(PAUSE_MS_MAX), signal).catch(() => {});
    }
  }

  /** Half of them are shorter than the timeouts, some longer than every one. */
  async #oneOutside(signal: AbortSignal): Promise<void> {
    const random = this.#random;
    const fault = this.#surroundings[random.int(this.#surroundings.length)];
    const dice = random.int(6);
    const moment = 200 + random.int(1_300);
    const long = 4_000 + random.int(8_000);
    const durationMs = dice < 3 ? moment : dice < 5 ? long : LONGER_THAN_TIMEOUTS_MS + random.int(5_000);
    await fault?.(durationMs, signal);
  }
}
