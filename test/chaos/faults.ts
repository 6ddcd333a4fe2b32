/** All faults of a run: those of processes and replicas one after the other, and beside them those of links and disks. */
import { sleep, systemClock } from '../../common/clock.js';
import { type Random, seededRandom } from '../../common/random.js';
import type { PrivateNetwork } from '../cluster/support/private-network.js';
import type { ChaosCluster } from './cluster.js';
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
    const lanes = [this.#repeat(() => this.#processes.run(), this.#processRandom, signal)];
    if (this.#surroundings.length > 0) lanes.push(this.#repeat(() => this.#oneOutside(signal), this.#random, signal));
    await Promise.all(lanes);
  }

  async #repeat(oneFault: () => Promise<void>, random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await oneFault();
      await sleep(systemClock, random.int(PAUSE_MS_MAX), signal).catch(() => {});
    }
  }

  /** Half of them are shorter than every timeout, half are longer. */
  async #oneOutside(signal: AbortSignal): Promise<void> {
    const random = this.#random;
    const fault = this.#surroundings[random.int(this.#surroundings.length)];
    const durationMs = random.int(2) === 0 ? 200 + random.int(1_300) : 4_000 + random.int(8_000);
    await fault?.(durationMs, signal);
  }
}
