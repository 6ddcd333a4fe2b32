/** Disks that fill up, turn read-only, or are gone from one moment to the next; and are put in order again. */
import { sleep, systemClock } from '../../common/clock.js';
import type { Random } from '../../common/random.js';
import type { NodeName } from '../cluster/harness.js';
import type { DiskImage } from '../cluster/support/disk-image.js';
import { type ChaosCluster, DATANODES, nameOf, roleOf } from './cluster.js';
import type { Tally } from './tally.js';

/** The NameNode may need as long to be started again once there is space. */
const RECOVERY_MS = 3_000;
const NEARLY_FULL_BYTES = 4 * 2 ** 20;

export class DiskFaults {
  readonly #cluster: ChaosCluster;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #log: (line: string) => void;

  constructor(cluster: ChaosCluster, random: Random, tally: Tally, log: (line: string) => void) {
    this.#cluster = cluster;
    this.#random = random;
    this.#tally = tally;
    this.#log = log;
  }

  /** One fault, which is over when this returns. */
  async run(durationMs: number, signal: AbortSignal): Promise<void> {
    const dice = this.#random.int(100);
    const datanode = 1 + this.#random.int(DATANODES);
    if (dice < 20) await this.#full('namenode', durationMs, signal);
    else if (dice < 50) await this.#full(datanode, durationMs, signal);
    else if (dice < 75) await this.#broken(datanode, 'disk turned read-only', durationMs, signal);
    else await this.#broken(datanode, 'disk unmounted (lazily)', durationMs, signal);
  }

  async #full(node: NodeName, durationMs: number, signal: AbortSignal): Promise<void> {
    const nearly = this.#random.int(2) === 0;
    const disk = this.#diskOf(node);
    this.#say(nearly ? 'disk nearly full' : 'disk full', node, durationMs);
    if (node === 'namenode') this.#cluster.mayEnd.add(node);
    try {
      await disk.fill(nearly ? NEARLY_FULL_BYTES : 0);
      await pause(durationMs, signal);
    } finally {
      await disk.empty();
    }
    await sleep(systemClock, RECOVERY_MS);
    this.#cluster.mayEnd.delete(node);
  }

  async #broken(
    node: NodeName,
    what: 'disk turned read-only' | 'disk unmounted (lazily)',
    durationMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const disk = this.#diskOf(node);
    this.#say(what, node, durationMs);
    await (what === 'disk turned read-only' ? disk.turnReadOnly() : disk.vanish());
    await pause(durationMs, signal);
    await this.#cluster.hold(node);
    try {
      await disk.repair();
    } finally {
      this.#cluster.release(node);
    }
  }

  #diskOf(node: NodeName): DiskImage {
    const disk = this.#cluster.disks.get(node);
    if (disk === undefined) throw new Error(`${nameOf(node)} has no disk of its own`);
    return disk;
  }

  #say(fault: string, node: NodeName, durationMs: number): void {
    this.#tally.count(fault, roleOf(node));
    this.#log(`${fault}: ${nameOf(node)}, ${durationMs} ms`);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(systemClock, ms, signal).catch(() => {});
}
