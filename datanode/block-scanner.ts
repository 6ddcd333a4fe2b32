/**
 * Which replica of a volume is to be verified next, and when. Everything is read once in a period; what somebody could not read comes first. Pure: it
 * is given the time and the replicas, and says what to do; volume-scanner.ts does it.
 *
 * HDFS walks the directories in order; we walk the shards of the table of replicas, by id within each, which takes no look at the
 * disk. The order is the same in every process, so that a place in it can be kept in a file. A replica that appears behind that place has just
 * been written, and its turn is in the next pass.
 */
import { SHARD_COUNT } from './replica-table.js';

/** Where a pass has got to: all replicas before it are done, and this one as well. */
export interface ScanPosition {
  readonly shard: number;
  /** 0: none of the shard is done. */
  readonly blockId: number;
}

/** What has to outlive a restart. */
export interface ScanState {
  /** Wall-clock time at which the newest pass began; 0: never. */
  readonly passBeganMs: number;
  /** Undefined when the pass is complete. */
  readonly position: ScanPosition | undefined;
  /** Wall-clock time at which a pass was last complete; undefined: never. */
  readonly lastPassEndedMs: number | undefined;
}

export type ScanStep =
  | { readonly kind: 'scan'; readonly blockId: number; readonly suspected: boolean }
  /** Others should have a turn: the search for the next replica takes longer. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'passEnded'; readonly durationMs: number }
  | { readonly kind: 'wait'; readonly delayMs: number };

export interface BlockScannerOptions {
  readonly periodMs: number;
  /** Ids of the finalized replicas of the volume in one of SHARD_COUNT shards, in any order. */
  readonly idsOfShard: (shard: number) => Iterable<number>;
  /** Where an earlier process stopped. */
  readonly state?: ScanState | undefined;
}

/** Shards looked through in one call; that takes well under a millisecond. */
const SHARDS_PER_STEP = 16;
/** An empty volume is not looked through all the time, however short the period. */
const MIN_PERIOD_MS = 1000;
export const MAX_SUSPECTS = 1000;
/** HDFS: a suspect that was verified is not verified again so soon, however many readers complain. */
export const SUSPECT_AGAIN_AFTER_MS = 10 * 60_000;

const START: ScanPosition = { shard: 0, blockId: 0 };

export class BlockScanner {
  readonly #periodMs: number;
  readonly #idsOfShard: (shard: number) => Iterable<number>;
  #passBeganMs: number;
  #position: ScanPosition | undefined;
  #lastPassEndedMs: number | undefined;
  /** Ids of the shard at the position that are still to come, in order. */
  #ids: number[] | undefined;
  /** Handed out by the last call and thus done by the next one. */
  #current: ScanPosition | undefined;
  readonly #suspects = new Set<number>();
  /** When suspects were verified, the oldest first. */
  readonly #verifiedSuspects = new Map<number, number>();

  constructor({ periodMs, idsOfShard, state }: BlockScannerOptions) {
    this.#periodMs = Math.max(MIN_PERIOD_MS, periodMs);
    this.#idsOfShard = idsOfShard;
    this.#passBeganMs = state?.passBeganMs ?? 0;
    this.#position = state?.position;
    this.#lastPassEndedMs = state?.lastPassEndedMs;
  }

  get state(): ScanState {
    return {
      passBeganMs: this.#passBeganMs,
      position: this.#position,
      lastPassEndedMs: this.#lastPassEndedMs,
    };
  }

  get suspectCount(): number {
    return this.#suspects.size;
  }

  /** Somebody had trouble with this replica. False when it does not come first for that: it has been verified just now, or too many wait. */
  suspect(blockId: number, nowMs: number): boolean {
    const verifiedMs = this.#verifiedSuspects.get(blockId);
    const isFresh = verifiedMs !== undefined && Math.abs(nowMs - verifiedMs) < SUSPECT_AGAIN_AFTER_MS;
    if (isFresh || this.#suspects.size >= MAX_SUSPECTS) return false;
    this.#suspects.add(blockId);
    return true;
  }

  /** What to do now. `nowMs` is wall-clock time. To be called again when that is done. */
  next(nowMs: number): ScanStep {
    if (this.#current !== undefined) this.#position = this.#current;
    this.#current = undefined;
    for (const blockId of this.#suspects) return this.#takeSuspect(blockId, nowMs);
    if (this.#position === undefined) {
      const delayMs = this.#untilNextPass(nowMs);
      if (delayMs > 0) return { kind: 'wait', delayMs };
      this.#passBeganMs = nowMs;
      this.#position = START;
    }
    return this.#inPass(this.#position, nowMs);
  }

  #takeSuspect(blockId: number, nowMs: number): ScanStep {
    this.#suspects.delete(blockId);
    this.#verifiedSuspects.delete(blockId);
    this.#verifiedSuspects.set(blockId, nowMs);
    for (const oldest of this.#verifiedSuspects.keys()) {
      if (this.#verifiedSuspects.size <= MAX_SUSPECTS) break;
      this.#verifiedSuspects.delete(oldest);
    }
    return { kind: 'scan', blockId, suspected: true };
  }

  /** When the wall clock was set back, the pass is taken to have begun now. */
  #untilNextPass(nowMs: number): number {
    this.#passBeganMs = Math.min(this.#passBeganMs, nowMs);
    return this.#passBeganMs + this.#periodMs - nowMs;
  }

  #inPass(from: ScanPosition, nowMs: number): ScanStep {
    let { shard } = from;
    let ids = this.#ids ?? this.#idsAfter(from);
    for (let looked = 0; looked < SHARDS_PER_STEP; looked++) {
      const blockId = ids.shift();
      if (blockId !== undefined) {
        this.#ids = ids;
        this.#position = shard === from.shard ? from : { shard, blockId: 0 };
        this.#current = { shard, blockId };
        return { kind: 'scan', blockId, suspected: false };
      }
      shard++;
      if (shard >= SHARD_COUNT) return this.#endPass(nowMs);
      ids = this.#idsAfter({ shard, blockId: 0 });
    }
    this.#ids = ids;
    this.#position = { shard, blockId: 0 };
    return { kind: 'yield' };
  }

  #idsAfter({ shard, blockId }: ScanPosition): number[] {
    return [...this.#idsOfShard(shard)].filter((id) => id > blockId).sort((a, b) => a - b);
  }

  #endPass(nowMs: number): ScanStep {
    this.#ids = undefined;
    this.#position = undefined;
    this.#lastPassEndedMs = nowMs;
    return { kind: 'passEnded', durationMs: Math.max(0, nowMs - this.#passBeganMs) };
  }
}
