/**
 * Replicas that DataNodes are writing. They have no rows, since nothing can be read from them; but when a file is deleted while it is written,
 * somebody has to tell the DataNodes to delete what they have. Only memory: what a restart forgets, the next full report shows.
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import { blockRow } from './storage/block-rows.js';

export class OpenReplicas {
  readonly #open = new WeakMap<StorageDescriptor, Map<number, Block>>();

  begun(storage: StorageDescriptor, block: Block): void {
    let blocks = this.#open.get(storage);
    if (blocks === undefined) {
      blocks = new Map();
      this.#open.set(storage, blocks);
    }
    blocks.set(block.blockId, block);
  }

  ended(storage: StorageDescriptor, block: number): void {
    this.#open.get(storage)?.delete(block);
  }

  /** Those on a DataNode whose blocks are gone, at most `limit`. */
  orphans(db: Database, node: DatanodeDescriptor, limit: number): Block[] {
    const orphans: Block[] = [];
    for (const storage of node.storages.values()) {
      for (const block of this.#open.get(storage)?.values() ?? []) {
        if (orphans.length >= limit) return orphans;
        if (blockRow(db, block.blockId) === undefined) orphans.push(block);
      }
    }
    return orphans;
  }

  /** The DataNode has started anew. */
  drop(node: DatanodeDescriptor): void {
    for (const storage of node.storages.values()) this.#open.delete(storage);
  }
}
