/**
 * Attempts to recover blocks whose writers have vanished, or that are being truncated: which DataNode leads which (the primary), and since
 * when. Only memory: that a block is under recovery, and under which id, is logged; an attempt that a restart forgets, or that takes
 * too long, is followed by another one under a higher id.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/logging.js';
import type { Target } from './blocks.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';

export interface RecoveryOrder {
  /** With the stamp that its replicas have at least, and the length that it has at least (`truncate`: shall have). */
  readonly block: Block;
  /** The generation stamp that it shall have afterwards. */
  readonly recoveryId: number;
  /** Where it was being written, and where else it may be. */
  readonly targets: readonly Target[];
  readonly truncate: boolean;
}

export interface BlockRecoveriesOptions {
  readonly datanodes: DatanodeManager;
  readonly clock: Clock;
  /** An attempt that takes longer has failed. */
  readonly timeoutMs: number;
  readonly logger: Logger;
}

interface Attempt {
  readonly order: RecoveryOrder;
  readonly primary: DatanodeDescriptor;
  readonly startedMs: number;
  /** Primaries of this and earlier attempts, as long as there were others to try. */
  readonly tried: ReadonlySet<DatanodeDescriptor>;
  /** Time-outs that it is given: an attempt that is only slow must not be overtaken for ever. */
  readonly patience: number;
  isGiven: boolean;
}

/** More are given with the next heartbeat. */
const ORDERS_PER_HEARTBEAT = 100;
/** An attempt of which nobody has asked for so many time-outs is forgotten: its file is gone. */
const FORGET_TIMEOUTS = 10;
const PATIENCE_MAX = 4;

export class BlockRecoveries {
  readonly #options: BlockRecoveriesOptions;
  /** By block, the oldest first. */
  readonly #attempts = new Map<number, Attempt>();

  constructor(options: BlockRecoveriesOptions) {
    this.#options = options;
  }

  /** Whether one of these DataNodes can lead a recovery. */
  canRecover(targets: readonly Target[]): boolean {
    return this.#leaders(targets).length > 0;
  }

  /** Whether the attempt with this id is under way, and may still succeed. */
  isUnderWay(blockId: number, recoveryId: number): boolean {
    const { clock, timeoutMs } = this.#options;
    const attempt = this.#attempts.get(blockId);
    if (attempt?.order.recoveryId !== recoveryId || !attempt.primary.inService) return false;
    return clock.monotonicMs() - attempt.startedMs < timeoutMs * attempt.patience;
  }

  /** Begins an attempt; a repeat of the same order changes nothing. Without a DataNode to lead it nothing is begun. */
  begin(order: RecoveryOrder): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#forgetOld(nowMs);
    const { blockId } = order.block;
    const before = this.#attempts.get(blockId);
    if (before?.order.recoveryId === order.recoveryId) return;
    const leaders = this.#leaders(order.targets);
    const untried = leaders.filter((node) => before?.tried.has(node) !== true);
    const primary = untried[0] ?? leaders[0];
    if (primary === undefined) return;
    const tried = new Set(untried.length > 0 ? before?.tried : []).add(primary);
    this.#attempts.delete(blockId);
    const patience = Math.min((before?.patience ?? 0) + 1, PATIENCE_MAX);
    this.#attempts.set(blockId, { order, primary, startedMs: nowMs, tried, patience, isGiven: false });
    const context = { block: blockName(order.block), recoveryId: order.recoveryId, primary: primary.name };
    logger.info(context, 'a block is being recovered');
  }

  /** The block is not under recovery any more. */
  ended(blockId: number): void {
    this.#attempts.delete(blockId);
  }

  /** What `node` has to lead and was not told yet. */
  ordersFor(node: DatanodeDescriptor): RecoveryOrder[] {
    const orders: RecoveryOrder[] = [];
    for (const attempt of this.#attempts.values()) {
      if (attempt.primary !== node || attempt.isGiven) continue;
      if (orders.length === ORDERS_PER_HEARTBEAT) break;
      attempt.isGiven = true;
      orders.push(attempt.order);
    }
    return orders;
  }

  /** Those that are heard, the one that was heard last first, as in HDFS; those that are late come last. */
  #leaders(targets: readonly Target[]): DatanodeDescriptor[] {
    const nodes = targets.flatMap((target) => this.#options.datanodes.storageOf(target)?.datanode ?? []);
    return [...new Set(nodes)]
      .filter((node) => node.inService)
      .sort((a, b) => Number(b.state === 'live') - Number(a.state === 'live') || b.lastContactMs - a.lastContactMs);
  }

  #forgetOld(nowMs: number): void {
    for (const [blockId, { startedMs }] of this.#attempts) {
      if (nowMs - startedMs < FORGET_TIMEOUTS * this.#options.timeoutMs) return;
      this.#attempts.delete(blockId);
    }
  }
}
