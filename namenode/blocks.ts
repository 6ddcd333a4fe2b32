/**
 * What the namespace asks of the block manager. (The other direction goes through tables: apply.ts puts blocks whose
 * redundancy may have changed into redundancy_check, and marks the replicas of deleted blocks INVALIDATE.)
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import type { RecoveryOrder } from './block-recoveries.js';

/** One chosen place for a new replica. */
export interface Target {
  readonly datanodeUuid: string;
  readonly storageUuid: string;
}

export interface TargetRequest {
  /** How many replicas to place, besides `existing`. */
  readonly count: number;
  readonly blockSizeBytes: number;
  /** Host the writer runs on; '' when unknown. */
  readonly writerHost: string;
  /** UUIDs of DataNodes that must not be chosen. */
  readonly exclude: readonly string[];
  /** Replicas that the block has already; they are not chosen again, and racks are counted with them. */
  readonly existing: readonly Target[];
}

/** A place of a replica with all a client needs to reach it. */
export interface Location {
  readonly datanodeUuid: string;
  readonly host: string;
  readonly dataPort: number;
  readonly rpcPort: number;
  readonly httpPort: number;
  readonly rack: string;
  readonly storageUuid: string;
}

export interface LocatedReplicas {
  /** Nearest to the reader first; replicas on stale nodes last; corrupt ones only if there are no others. */
  readonly locations: readonly Location[];
  /** True when every known replica is corrupt. */
  readonly corrupt: boolean;
}

export interface SafeModeStatus {
  readonly on: boolean;
  /** For people: why, and what it waits for; '' when off. */
  readonly message: string;
}

export interface Blocks {
  /**
   * Chooses up to `request.count` targets, in pipeline order.
   * @throws DfsError `NoTargets` when not even one can be had; the message has the reason for each refused DataNode and begins
   *   "could only be written to 0 of the 3 required nodes": the caller puts the subject before it ("File /x ").
   */
  chooseTargets(request: TargetRequest): Target[];
  /** A block for which these were chosen will not be written: the room that is kept for it is free again. */
  notWritten(targets: readonly Target[]): void;
  /** Locations of a block in a file, from its finalized replicas or, while it is being written, from its pipeline. */
  locate(db: Database, blockId: number, readerHost: string): LocatedReplicas;
  /** Resolves targets that were chosen or stored earlier; DataNodes that are unknown by now are left out. */
  describe(targets: readonly Target[]): Location[];
  /** Number of replicas of `block` (its stamp, its length) on live DataNodes that are neither corrupt nor surplus. */
  countLive(db: Database, block: Block): number;
  /** Resolves when {@link countLive} is at least `count`, as far as that comes with the next reports, or when `signal` aborts. */
  untilLive(block: Block, count: number, signal: AbortSignal | undefined): Promise<void>;
  /**
   * Somebody who is not its DataNode could not read a replica. It is marked as corrupt, unless it is the last good one of its block: then its
   * DataNode is asked to verify it. Unknown ones are ignored.
   */
  reportedBad(block: Block, datanodeUuid: string, storageUuid: string): Promise<void>;
  /** Marks a replica as corrupt, as its DataNode found it; repair follows by itself. Unknown ones are ignored. */
  markCorrupt(block: Block, datanodeUuid: string, storageUuid: string): Promise<void>;
  /** Whether one of these DataNodes can lead a recovery. */
  canRecover(targets: readonly Target[]): boolean;
  /** Whether the recovery with this id is under way, and may still succeed. */
  isRecovering(blockId: number, recoveryId: number): boolean;
  /** Has a block recovered by the DataNodes that were writing it; does nothing when it is being done already, or cannot be done. */
  recover(order: RecoveryOrder): void;
  /** The block is not under recovery any more. */
  recovered(blockId: number): void;
  safeMode(): SafeModeStatus;
  /**
   * `what` completes "Cannot …", as in HDFS: "create file /x".
   * @throws DfsError `SafeMode`, with what it waits for, when it is on.
   */
  requireNoSafeMode(what: string): void;
}
