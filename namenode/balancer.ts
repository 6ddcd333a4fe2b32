/**
 * Moves replicas from fuller DataNodes to emptier ones until all are about equally full. HDFS has a separate program for this; here it is part of the
 * NameNode, which knows the replicas and places, and is told what has become of a move.
 *
 * It works in iterations, as HDFS's does: look how full everybody is; agree who gives how much to whom; move that much, so many replicas at a time
 * for each DataNode, at the bandwidth that the DataNodes keep to (dfs.datanode.balance.bandwidthPerSec); look again. A move is a copy, and then
 * the deletion of a surplus replica, by the same rules as any other: so a block never has fewer replicas, nor fewer racks, than before.
 */
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { BalancerMoves } from './balancer-moves.js';
import { type Pair, planBalance, type Utilization } from './balancer-plan.js';
import { type BlockHealth, healthOf, type Replica } from './block-health.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { chooseExcess } from './excess-replicas.js';
import type { Journal } from './journal.js';
import { blockRow } from './storage/block-rows.js';
import { blocksOfStorage } from './storage/replica-rows.js';
import { BlockState } from './storage/schema.js';
import type { Transfer } from './transfer-slots.js';

export interface BalancerSettings {
  /** dfs.namenode.balancer.continuous: begin by itself. */
  readonly continuous: boolean;
  /** dfs.namenode.balancer.threshold, for that. */
  readonly thresholdPercent: number;
  /** dfs.balancer.service.interval: time between two looks. */
  readonly intervalMs: number;
  /** dfs.datanode.balance.max.concurrent.moves, for each DataNode. */
  readonly movesPerNodeMax: number;
  /** dfs.balancer.max-size-to-move: bytes that one DataNode gives or takes in an iteration. */
  readonly bytesPerNodeMax: number;
  readonly heartbeatIntervalMs: number;
}

export interface BalancerOptions {
  readonly journal: Journal;
  readonly datanodes: DatanodeManager;
  readonly settings: BalancerSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isInSafeMode: () => boolean;
}

/** How a run has ended: HDFS's ExitStatus. `none`: it has not, or there was none. */
export type BalancerResult = 'none' | 'balanced' | 'no-move-block' | 'no-move-progress' | 'stopped';

export interface BalancerStatus {
  readonly isRunning: boolean;
  /** From 0 on. */
  readonly iteration: number;
  readonly bytesMoved: number;
  readonly blocksMoved: number;
  readonly bytesLeft: number;
  /** What this iteration shall move. */
  readonly bytesBeingMoved: number;
  readonly result: BalancerResult;
}

/** What one DataNode still has to give another one in this iteration. */
interface Giving {
  readonly source: DatanodeDescriptor;
  readonly target: DatanodeDescriptor;
  bytesLeft: number;
}

/** Where the search for blocks of a DataNode has come to. */
interface Cursor {
  readonly storages: readonly StorageDescriptor[];
  after: number;
}

/** Blocks looked at in one stretch: a few milliseconds. */
const BLOCKS_PER_LOOK = 200;
/** Iterations in a row in which nothing could be moved. HDFS: dfs.balancer.max-no-move-interval, a minute. */
const IDLE_ITERATIONS_MAX = 5;
/** What DataNodes say of their space is as old as their last heartbeat. */
const SETTLING_HEARTBEATS = 2;

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #moves = new BalancerMoves();
  #thresholdPercent: number | undefined;
  #givings: Giving[] = [];
  #cursors = new Map<DatanodeDescriptor, Cursor>();
  /** The next iteration is planned then; undefined while one is going on. */
  #planAtMs: number | undefined;
  #nextByItselfMs = 0;
  #iteration = 0;
  #bytesMoved = 0;
  #blocksMoved = 0;
  #blocksMovedBefore = 0;
  #idleIterations = 0;
  #bytesLeft = 0;
  #bytesBeingMoved = 0;
  #result: BalancerResult = 'none';

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Begins to balance. @throws DfsError `InvalidArgument` when it is being done already. */
  start(thresholdPercent: number): void {
    if (this.#thresholdPercent !== undefined)
      throw new DfsError(
        'InvalidArgument',
        'Another balancer is running. `dfs balancer -status` shows it, -stop ends it',
      );
    this.#options.logger.info({ thresholdPercent }, 'balancing begins');
    this.#thresholdPercent = thresholdPercent;
    this.#planAtMs = 0;
    this.#iteration = 0;
    this.#bytesMoved = 0;
    this.#blocksMoved = 0;
    this.#blocksMovedBefore = 0;
    this.#idleIterations = 0;
    this.#result = 'none';
    this.#plan(this.#options.clock.monotonicMs());
  }

  /** Orders no more moves. */
  stop(): void {
    if (this.#thresholdPercent !== undefined) this.#end('stopped');
  }

  status(): BalancerStatus {
    return {
      isRunning: this.#thresholdPercent !== undefined,
      iteration: this.#iteration,
      bytesMoved: this.#bytesMoved,
      blocksMoved: this.#blocksMoved,
      bytesLeft: this.#bytesLeft,
      bytesBeingMoved: this.#bytesBeingMoved,
      result: this.#result,
    };
  }

  /** Takes in what has failed; returns copies for the DataNode to make. */
  heartbeat(node: DatanodeDescriptor, failed: readonly Block[]): Transfer[] {
    for (const { blockId } of failed) this.#moves.failed(blockId, node);
    return this.#thresholdPercent === undefined ? [] : this.#moves.take(node);
  }

  received(block: number, datanode: string): void {
    const bytes = this.#moves.received(block, datanode, this.#options.clock.monotonicMs());
    if (bytes === 0) return;
    this.#bytesMoved += bytes;
    this.#blocksMoved++;
  }

  deleted(block: number, storage: StorageDescriptor): void {
    this.#moves.deleted(block, storage);
  }

  /** Whether a surplus replica of the block should go from this storage, rather than from another one. */
  isToGo(block: number, storage: StorageDescriptor): boolean {
    return this.#moves.isToGo(block, storage);
  }

  drop(node: DatanodeDescriptor): void {
    this.#moves.drop(node);
  }

  /** To be called about every heartbeat. */
  round(): void {
    const { settings, clock, isInSafeMode } = this.#options;
    const nowMs = clock.monotonicMs();
    if (isInSafeMode()) return;
    if (this.#thresholdPercent === undefined) {
      if (settings.continuous && nowMs >= this.#nextByItselfMs) this.#lookByItself(nowMs);
      return;
    }
    this.#moves.expire(nowMs);
    if (this.#planAtMs !== undefined) {
      if (nowMs >= this.#planAtMs) this.#plan(nowMs);
      return;
    }
    const isSearching = this.#orderMoves(nowMs);
    if (!isSearching && this.#moves.size === 0) this.#endIteration(nowMs);
  }

  /** Begins when there is something to do. */
  #lookByItself(nowMs: number): void {
    const { intervalMs, thresholdPercent, bytesPerNodeMax } = this.#options.settings;
    this.#nextByItselfMs = nowMs + intervalMs;
    if (planBalance(this.#utilizations(), thresholdPercent, bytesPerNodeMax).bytesLeft > 0)
      this.start(thresholdPercent);
  }

  #plan(nowMs: number): void {
    const { settings, datanodes } = this.#options;
    const threshold = this.#thresholdPercent as number;
    const { pairs, bytesLeft } = planBalance(this.#utilizations(), threshold, settings.bytesPerNodeMax);
    this.#bytesLeft = bytesLeft;
    this.#bytesBeingMoved = pairs.reduce((sum, { bytes }) => sum + bytes, 0);
    if (bytesLeft === 0) return this.#end('balanced');
    if (pairs.length === 0) return this.#end('no-move-block');
    this.#planAtMs = undefined;
    this.#givings = pairs.flatMap((pair) => givingOf(pair, datanodes));
    this.#cursors = new Map();
    this.#orderMoves(nowMs);
  }

  #endIteration(nowMs: number): void {
    const { settings } = this.#options;
    const moved = this.#blocksMoved - this.#blocksMovedBefore;
    this.#blocksMovedBefore = this.#blocksMoved;
    this.#idleIterations = moved === 0 ? this.#idleIterations + 1 : 0;
    if (this.#idleIterations >= IDLE_ITERATIONS_MAX) return this.#end('no-move-progress');
    this.#iteration++;
    this.#planAtMs = nowMs + SETTLING_HEARTBEATS * settings.heartbeatIntervalMs;
  }

  #end(result: BalancerResult): void {
    const { logger, settings, clock } = this.#options;
    const { bytesMoved, blocksMoved, iteration } = this.status();
    logger.info({ result, iteration, bytesMoved, blocksMoved }, 'balancing has ended');
    this.#thresholdPercent = undefined;
    this.#givings = [];
    this.#moves.clear();
    this.#bytesBeingMoved = 0;
    this.#result = result;
    this.#nextByItselfMs = clock.monotonicMs() + settings.intervalMs;
  }

  /** DataNodes that can give and take. */
  #utilizations(): Utilization[] {
    return [...this.#options.datanodes.nodes].filter(takesPart).map((node) => {
      const storages = [...node.storages.values()].filter(({ failed }) => !failed);
      const sum = (value: (storage: StorageDescriptor) => number): number =>
        storages.reduce((total, storage) => total + value(storage), 0);
      return {
        uuid: node.uuid,
        rack: node.address.rack,
        usedBytes: sum(({ usedBytes }) => usedBytes),
        capacityBytes: sum(({ capacityBytes }) => capacityBytes),
        remainingBytes: sum(({ remainingBytes }) => remainingBytes),
      };
    });
  }

  /** Looks for blocks to move as long as DataNodes may be given more. False when there is nothing left to look at. */
  #orderMoves(nowMs: number): boolean {
    let looks = BLOCKS_PER_LOOK;
    let isSearching = false;
    for (const giving of this.#givings) {
      const { source, target } = giving;
      if (giving.bytesLeft <= 0 || !takesPart(source) || !takesPart(target)) continue;
      for (let storage = this.#current(source); storage !== undefined; storage = this.#current(source)) {
        isSearching = true;
        const room = Math.min(this.#room(source), this.#room(target));
        if (giving.bytesLeft <= 0 || looks <= 0 || room <= 0) break;
        looks -= this.#searchStorage(giving, storage, Math.min(looks, room), nowMs);
      }
    }
    return isSearching;
  }

  #room(node: DatanodeDescriptor): number {
    return this.#options.settings.movesPerNodeMax - this.#moves.busy(node);
  }

  /** The storage of `source` that is being searched; undefined when all have been. */
  #current(source: DatanodeDescriptor): StorageDescriptor | undefined {
    let cursor = this.#cursors.get(source);
    if (cursor === undefined) {
      cursor = { storages: [...source.storages.values()].filter(({ counts }) => counts), after: 0 };
      this.#cursors.set(source, cursor);
    }
    return cursor.storages[0];
  }

  /** Looks at up to `limit` blocks; returns how many it were. */
  #searchStorage(giving: Giving, storage: StorageDescriptor, limit: number, nowMs: number): number {
    const { committed } = this.#options.journal;
    const cursor = this.#cursors.get(giving.source) as Cursor;
    const ids = blocksOfStorage(committed, storage.id, cursor.after, limit);
    for (const id of ids) {
      cursor.after = id;
      if (giving.bytesLeft > 0) this.#tryMove(giving, storage, id, nowMs);
    }
    if (ids.length < limit) this.#cursors.set(giving.source, { storages: cursor.storages.slice(1), after: 0 });
    return Math.max(1, ids.length);
  }

  #tryMove(giving: Giving, storage: StorageDescriptor, id: number, nowMs: number): void {
    const { journal, datanodes } = this.#options;
    const block = blockRow(journal.committed, id);
    if (block?.state !== BlockState.COMPLETE || this.#moves.has(id)) return;
    if (block.length === 0 || block.length > giving.bytesLeft) return;
    const health = healthOf(journal.committed, block, datanodes);
    const place = roomFor(giving.target, block.length);
    const source = health.good.find((replica) => replica.storage === storage);
    if (source === undefined || place === undefined || !mayMove(health, source, giving.target)) return;
    place.scheduled.promise(block.length, nowMs);
    this.#moves.add({
      block: { blockId: id, generationStamp: block.generation_stamp, numBytes: block.length },
      source: storage,
      target: { datanodeUuid: giving.target.uuid, storageUuid: place.uuid },
      copier: this.#copierFor(health, giving.target),
      startedMs: nowMs,
    });
    giving.bytesLeft -= block.length;
  }

  /** As near to the target as there is one, and of those the one with the least to do. */
  #copierFor({ good }: BlockHealth, target: DatanodeDescriptor): DatanodeDescriptor {
    const live = good.map(({ node }) => node).filter(({ state }) => state === 'live');
    const near = live.filter(({ address }) => address.rack === target.address.rack);
    const candidates = near.length > 0 ? near : live;
    return candidates.reduce((best, node) => (this.#moves.busy(node) < this.#moves.busy(best) ? node : best));
  }
}

function givingOf({ source, target, bytes }: Pair, datanodes: DatanodeManager): Giving[] {
  const from = datanodes.node(source);
  const to = datanodes.node(target);
  return from === undefined || to === undefined ? [] : [{ source: from, target: to, bytesLeft: bytes }];
}

function takesPart(node: DatanodeDescriptor): boolean {
  return (
    node.takesBlocks &&
    node.state === 'live' &&
    [...node.storages.values()].every(({ counts, failed }) => counts || failed)
  );
}

function roomFor(node: DatanodeDescriptor, bytes: number): StorageDescriptor | undefined {
  const fits = [...node.storages.values()].filter(
    ({ counts, remainingBytes, scheduled }) => counts && remainingBytes - scheduled.bytes >= bytes,
  );
  return fits.sort((a, b) => b.remainingBytes - a.remainingBytes)[0];
}

/** Nothing is wrong with the block, the target has nothing of it, and afterwards just the source's replica will be surplus, and no rack fewer covered. */
function mayMove(
  { good, holders, priority, corrupt, block }: BlockHealth,
  source: Replica,
  target: DatanodeDescriptor,
) {
  if (priority !== undefined || corrupt.length > 0 || good.length !== block.replication) return false;
  if (holders.has(target.uuid) || !good.every(({ storage }) => storage.isSure)) return false;
  const arrived = { ...source, node: target, rack: target.address.rack };
  const [surplus] = chooseExcess([...good, arrived], 1, (replica) => replica === source);
  const after = [...good.filter((replica) => replica !== source), arrived];
  return surplus === source && racksOf(after) >= racksOf(good);
}

function racksOf(replicas: readonly Replica[]): number {
  return new Set(replicas.map(({ rack }) => rack)).size;
}
