/**
 * Orders for DataNodes to delete replicas. What is to be deleted stands in the rows (INVALIDATE, EXCESS); here is remembered what was
 * ordered and not reported as done, so that it is not ordered again with every heartbeat.
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import { countReadable, healthOf } from './block-health.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { blockRow } from './storage/block-rows.js';
import { type ReplicaRow, replicasToDelete } from './storage/replica-rows.js';
import { ReplicaRowState } from './storage/schema.js';

/** An order that nothing was heard of is given again after this. */
const REPEAT_AFTER_MS = 60_000;

interface Orders {
  /** When the deletion of a block's replica was ordered. */
  readonly orderedMs: Map<number, number>;
  /** The block up to which rows were looked at. */
  cursor: number;
}

export class Invalidations {
  readonly #datanodes: DatanodeManager;
  readonly #limit: number;
  readonly #orders = new WeakMap<StorageDescriptor, Orders>();

  /** `limit`: dfs.block.invalidate.limit, replicas in one answer to a heartbeat. */
  constructor(datanodes: DatanodeManager, limit: number) {
    this.#datanodes = datanodes;
    this.#limit = limit;
  }

  /** Whether the deletion has been ordered: then the replica must not be relied on, nor can it be kept. */
  isOrdered(storage: StorageDescriptor, block: number): boolean {
    return this.#orders.get(storage)?.orderedMs.has(block) ?? false;
  }

  /** A deletion was reported. */
  done(storage: StorageDescriptor, block: number): void {
    this.#orders.get(storage)?.orderedMs.delete(block);
  }

  /** The next replicas for a DataNode to delete. */
  next(db: Database, node: DatanodeDescriptor, nowMs: number): Block[] {
    const blocks: Block[] = [];
    for (const storage of node.storages.values()) {
      if (storage.counts) this.#collect(db, storage, nowMs, blocks);
    }
    return blocks;
  }

  #collect(db: Database, storage: StorageDescriptor, nowMs: number, blocks: Block[]): void {
    const orders = this.#ordersFor(storage, nowMs);
    const room = this.#limit - Math.max(blocks.length, orders.orderedMs.size);
    if (room <= 0) return;
    const rows = replicasToDelete(db, storage.id, orders.cursor, room);
    orders.cursor = rows.length < room ? 0 : (rows.at(-1)?.block ?? 0);
    for (const row of rows) {
      if (orders.orderedMs.has(row.block) || !this.#isStillRight(db, row)) continue;
      orders.orderedMs.set(row.block, nowMs);
      blocks.push({ blockId: row.block, generationStamp: row.generation_stamp, numBytes: row.length });
    }
  }

  #ordersFor(storage: StorageDescriptor, nowMs: number): Orders {
    let orders = this.#orders.get(storage);
    if (orders === undefined) {
      orders = { orderedMs: new Map(), cursor: 0 };
      this.#orders.set(storage, orders);
    }
    for (const [block, orderedMs] of orders.orderedMs) {
      if (nowMs - orderedMs < REPEAT_AFTER_MS) break; // the rest is younger
      orders.orderedMs.delete(block);
    }
    return orders;
  }

  /**
   * The deletion was decided some time ago, perhaps before a restart: what it relied on must still be there. A replica that has to
   * stay keeps its row; the redundancy monitor makes it count again.
   */
  #isStillRight(db: Database, row: ReplicaRow): boolean {
    const block = blockRow(db, row.block);
    if (block === undefined) return true;
    const health = healthOf(db, block, this.#datanodes);
    if (row.state !== ReplicaRowState.EXCESS) return countReadable(health) > 0;
    return health.good.filter(({ storage }) => storage.isSure).length >= block.replication;
  }
}
