/**
 * Full block reports: everything that one volume holds, sorted by block id. A DataNode may hold a million replicas, so
 * they are gathered and sorted in slices. What is said of each replica is looked up at the last moment, when its part
 * is sent.
 */
import type { Clock } from '../common/clock.js';
import { sleep } from '../common/clock.js';
import type { Volume } from './disk/volume.js';
import type { ReplicaCatalog } from './replica-catalog.js';
import { SHARD_COUNT } from './replica-table.js';

/** Shards gathered before others get a turn. */
const SHARDS_PER_SLICE = 16;
/** Ids sorted at a time: a fraction of a millisecond. */
const RUN_LENGTH = 4096;
export const REPLICAS_PER_PART = 5000;

export interface BlockReportPart {
  /** Sorted, over the parts as well. */
  readonly blockIds: readonly number[];
  readonly last: boolean;
}

/** The parts of a report, at least one. What changes meanwhile is the incremental reports' business. */
export async function* blockReport(
  catalog: ReplicaCatalog,
  volume: Volume,
  clock: Clock,
): AsyncGenerator<BlockReportPart> {
  const ids = new SortedIds(await gatherRuns(catalog, volume, clock));
  for (;;) {
    const blockIds: number[] = [];
    for (let id = ids.next(); id !== undefined; id = ids.next()) {
      blockIds.push(id);
      if (blockIds.length === REPLICAS_PER_PART) break;
    }
    const last = blockIds.length < REPLICAS_PER_PART;
    yield { blockIds, last };
    if (last) return;
  }
}

/** The ids of the volume's blocks in sorted runs. */
async function gatherRuns(catalog: ReplicaCatalog, volume: Volume, clock: Clock): Promise<Float64Array[]> {
  const runs: Float64Array[] = [];
  let run: number[] = [];
  const finishRun = (): void => {
    if (run.length > 0) runs.push(Float64Array.from(run).sort());
    run = [];
  };
  const add = (replica: { blockId: number; volume: number }): void => {
    if (replica.volume !== volume.index) return;
    run.push(replica.blockId);
    if (run.length === RUN_LENGTH) finishRun();
  };
  for (const replica of catalog.allInPipeline()) add(replica);
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    for (const replica of catalog.finalizedShard(shard)) add(replica);
    if (shard % SHARDS_PER_SLICE === SHARDS_PER_SLICE - 1) await sleep(clock, 0);
  }
  finishRun();
  return runs;
}

/** Merges sorted runs: a heap of the runs, ordered by the next id of each. */
class SortedIds {
  readonly #heap: Run[] = [];
  #previous = 0;

  constructor(runs: readonly Float64Array[]) {
    for (const ids of runs) this.#heap.push({ ids, next: 0 });
    for (let i = this.#heap.length >> 1; i >= 0; i--) this.#sink(i);
  }

  /** The next id; each only once, even if a replica has moved from one run's source to another's meanwhile. */
  next(): number | undefined {
    for (;;) {
      const id = this.#take();
      if (id === undefined) return undefined;
      if (id === this.#previous) continue;
      this.#previous = id;
      return id;
    }
  }

  #take(): number | undefined {
    const [run] = this.#heap;
    if (run === undefined) return undefined;
    const id = run.ids[run.next++];
    if (run.next === run.ids.length) {
      const last = this.#heap.pop();
      if (last !== undefined && last !== run) this.#heap[0] = last;
    }
    this.#sink(0);
    return id;
  }

  #sink(start: number): void {
    for (let parent = start; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (this.#nextOf(child) < this.#nextOf(least)) least = child;
      }
      if (least === parent) return;
      const run = this.#heap[parent] as Run;
      this.#heap[parent] = this.#heap[least] as Run;
      this.#heap[least] = run;
      parent = least;
    }
  }

  #nextOf(index: number): number {
    const run = this.#heap[index];
    return run?.ids[run.next] ?? Number.POSITIVE_INFINITY;
  }
}

interface Run {
  readonly ids: Float64Array;
  /** Index of the first id that was not taken. */
  next: number;
}
