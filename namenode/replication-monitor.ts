/**
 * Takes blocks that need replicas from the queue, most urgent first, and orders copies.
 *
 * HDFS starts a fixed number of copies per round (live DataNodes x dfs.namenode.replication.work.multiplier.per.iteration), which on
 * three machines is two blocks a second however fast they are. Here the number of streams is the only limit: each DataNode
 * makes dfs.namenode.replication.max-streams copies at a time, for the most urgent blocks max-streams-hard-limit, and gets
 * the next ones with the heartbeat that says that it has finished.
 *
 * All of it is reading and memory; what has to change in the tables is handed over as {@link Findings}.
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { healthOf } from './block-health.js';
import { clusterView } from './cluster-view.js';
import { type CopyContext, type CopyPlan, planCopy } from './copy-plan.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { Priority } from './low-redundancy.js';
import { PendingReconstruction } from './pending-reconstruction.js';
import { blockRow } from './storage/block-rows.js';
import { type LowRedundancyRow, queuedAfter } from './storage/redundancy-rows.js';
import type { BlockRow } from './storage/rows.js';
import { BlockState } from './storage/schema.js';
import { type Transfer, TransferSlots } from './transfer-slots.js';

export interface ReplicationSettings {
  readonly maxStreams: number;
  readonly maxStreamsHardLimit: number;
  readonly pendingTimeoutMs: number;
}

export interface ReplicationMonitorOptions {
  /** The read-only connection. */
  readonly committed: Database;
  readonly datanodes: DatanodeManager;
  readonly settings: ReplicationSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Findings {
  /** Blocks in the queue that do not belong there any more. */
  readonly recheck: readonly number[];
  /** Corrupt replicas that have to give way, because no other DataNode can take a good one. */
  readonly giveWay: readonly CorruptReplica[];
}

export interface CorruptReplica {
  readonly block: number;
  readonly storage: number;
}

/** Rows looked at from the queue's beginning, and again as many from where the last look ended. */
const ROWS_PER_LOOK = 100;
/** A DataNode to which a copy failed is not tried again for so long. */
const SHUN_MS = 10_000;
/** Nothing can be done for blocks of lower priority. */
const LAST_PRIORITY = Priority.BADLY_SPREAD;
const BEFORE_FIRST: LowRedundancyRow = { priority: -1, block: 0 };
const BEFORE_LOST: LowRedundancyRow = { priority: Priority.LOST, block: 0 };
/** Lost blocks looked at in each round: nobody tells when their files are deleted. */
const LOST_PER_ROUND = 500;

export class ReplicationMonitor {
  readonly #options: ReplicationMonitorOptions;
  readonly #pending: PendingReconstruction;
  readonly #slots = new TransferSlots();
  /** Until when a DataNode is not tried as a target, by uuid. */
  readonly #shunnedUntilMs = new Map<string, number>();
  /** Where the last look into the queue ended: else rows for which nothing can be done would hide those behind them. */
  #bookmark = BEFORE_FIRST;
  /** The same for lost blocks. */
  #lostBookmark = BEFORE_LOST;
  /** The last look found nothing to do: heartbeats need not look again before the next round. */
  #fruitless = false;
  #recheck = new Set<number>();
  #giveWay = new Map<number, CorruptReplica>();

  constructor(options: ReplicationMonitorOptions) {
    this.#options = options;
    this.#pending = new PendingReconstruction(options.settings.pendingTimeoutMs);
  }

  /** Number of blocks with copies under way. */
  get pendingBlocks(): number {
    return this.#pending.size;
  }

  /** Takes in what a heartbeat says of copies, and returns those that the DataNode shall begin. */
  heartbeat(node: DatanodeDescriptor, inProgress: number, failed: readonly Block[]): Transfer[] {
    for (const { blockId } of failed) this.#shun(this.#pending.failed(blockId, node.uuid));
    const busyBefore = this.#slots.busy(node);
    this.#slots.report(node, inProgress);
    if (!this.#fruitless || this.#slots.busy(node) < busyBefore) this.schedule();
    return this.#slots.take(node).filter((transfer) => this.#isStillWanted(transfer, node));
  }

  /** Every few seconds: forgets what has taken too long, and looks for work. */
  round(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const expired = this.#pending.expire(nowMs);
    if (expired > 0)
      this.#options.logger.warn({ blocks: expired }, 'copies were not reported in time and are started again');
    for (const [uuid, untilMs] of this.#shunnedUntilMs) if (untilMs <= nowMs) this.#shunnedUntilMs.delete(uuid);
    this.#findDeleted();
    this.schedule();
  }

  /** Orders copies as long as there are DataNodes to make them: first for the most urgent blocks, then from the bookmark on. */
  schedule(): void {
    const context = this.#context();
    const top = this.#rowsAfter(BEFORE_FIRST);
    const first = this.#order(top, context);
    const end = top.at(-1) ?? BEFORE_FIRST;
    const from = isAfter(this.#bookmark, end) ? this.#bookmark : end;
    const rest = this.#rowsAfter(from);
    const second = this.#order(rest, context);
    const wholeQueue = rest.length < ROWS_PER_LOOK && second.looked === rest.length;
    this.#bookmark = wholeQueue ? BEFORE_FIRST : (rest[second.looked - 1] ?? from);
    this.#fruitless = first.ordered + second.ordered === 0;
  }

  /** What {@link schedule} found since the last call. */
  takeFindings(): Findings {
    const findings = { recheck: [...this.#recheck], giveWay: [...this.#giveWay.values()] };
    this.#recheck = new Set();
    this.#giveWay = new Map();
    return findings;
  }

  /** Blocks were queued. */
  queued(): void {
    this.#fruitless = false;
  }

  /** A replica was reported. */
  received(block: number, datanode: string): void {
    this.#pending.received(block, datanode);
    this.#fruitless = false;
  }

  /** A DataNode is gone, or has started anew: it makes no copies that were ordered, and gets none. */
  drop(node: DatanodeDescriptor): void {
    this.#pending.drop(node.uuid);
    this.#slots.drop(node);
    this.#fruitless = false;
  }

  /** Lost blocks whose files have been deleted are not lost any more. */
  #findDeleted(): void {
    const { committed } = this.#options;
    const rows = queuedAfter(committed, this.#lostBookmark, Priority.LOST, LOST_PER_ROUND);
    this.#lostBookmark = rows.length < LOST_PER_ROUND ? BEFORE_LOST : (rows.at(-1) ?? BEFORE_LOST);
    for (const { block } of rows) if (blockRow(committed, block) === undefined) this.#recheck.add(block);
  }

  #rowsAfter(row: LowRedundancyRow): LowRedundancyRow[] {
    return queuedAfter(this.#options.committed, row, LAST_PRIORITY, ROWS_PER_LOOK);
  }

  #context(): CopyContext {
    const { datanodes, settings, random, clock } = this.#options;
    return {
      cluster: clusterView(datanodes.nodes, clock.monotonicMs()),
      busy: (node) => this.#slots.busy(node),
      maxStreams: settings.maxStreams,
      maxStreamsHardLimit: settings.maxStreamsHardLimit,
      shunned: new Set(this.#shunnedUntilMs.keys()),
      random,
    };
  }

  /** Orders copies for as many of `rows` as there are DataNodes to make them. */
  #order(rows: readonly LowRedundancyRow[], context: CopyContext): { looked: number; ordered: number } {
    let looked = 0;
    let ordered = 0;
    for (const { block, priority } of rows) {
      if (!this.#anyFree(priority)) break;
      looked++;
      if (!this.#pending.has(block) && this.#orderCopy(block, context)) ordered++;
    }
    return { looked, ordered };
  }

  /** Whether some DataNode may make one more copy of a block of that priority. */
  #anyFree(priority: number): boolean {
    const { datanodes, settings } = this.#options;
    const limit = priority === Priority.HIGHEST ? settings.maxStreamsHardLimit : settings.maxStreams;
    for (const node of datanodes.nodes) if (node.state === 'live' && this.#slots.busy(node) < limit) return true;
    return false;
  }

  #orderCopy(id: number, context: CopyContext): boolean {
    const { committed, datanodes } = this.#options;
    const block = blockRow(committed, id);
    const health = block?.state === BlockState.COMPLETE ? healthOf(committed, block, datanodes) : undefined;
    if (health?.priority === undefined) {
      this.#recheck.add(id);
      return false;
    }
    const plan = planCopy(health, context);
    if (plan.kind === 'giveWay') this.#giveWay.set(id, { block: id, storage: plan.corrupt.storage.id });
    if (plan.kind === 'copy') this.#start(health.block, plan);
    return plan.kind === 'copy';
  }

  #start(block: BlockRow, { source, targets }: CopyPlan & { kind: 'copy' }): void {
    const { datanodes, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const target of targets) datanodes.storageOf(target)?.scheduled.promise(block.length, nowMs);
    const uuids = targets.map(({ datanodeUuid }) => datanodeUuid);
    this.#pending.start(block.id, source.uuid, uuids, nowMs);
    const { id: blockId, generation_stamp: generationStamp, length: numBytes } = block;
    this.#slots.add(source, { block: { blockId, generationStamp, numBytes }, targets });
  }

  #shun(uuids: readonly string[]): void {
    const untilMs = this.#options.clock.monotonicMs() + SHUN_MS;
    for (const uuid of uuids) this.#shunnedUntilMs.set(uuid, untilMs);
  }

  /** A copy that has waited for a heartbeat is dropped when one of its targets has gone meanwhile. */
  #isStillWanted({ block, targets }: Transfer, source: DatanodeDescriptor): boolean {
    const { datanodes } = this.#options;
    const wanted = targets.every((target) => datanodes.storageOf(target)?.datanode.takesBlocks);
    if (!wanted) this.#pending.failed(block.blockId, source.uuid);
    return wanted;
  }
}

function isAfter(row: LowRedundancyRow, other: LowRedundancyRow): boolean {
  return row.priority > other.priority || (row.priority === other.priority && row.block > other.block);
}
