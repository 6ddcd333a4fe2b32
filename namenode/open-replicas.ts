/**
 * Replicas that DataNodes are writing, or have begun and not finished. They have no rows, since nothing can be read from them; but when their
 * file is deleted, or the pipeline goes on without them, somebody has to tell the DataNodes to delete what they have: a replica that is left
 * over also keeps a good one from being copied there. Only memory: what a restart forgets, the next full report shows.
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import { blockRow } from './storage/block-rows.js';
import type { BlockRow } from './storage/rows.js';

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

  /** Those on a DataNode that nobody needs, at most `limit`: their blocks are gone, or `isFinishedWithout` them. */
  leftovers(
    db: Database,
    node: DatanodeDescriptor,
    limit: number,
    isFinishedWithout: (block: BlockRow, replica: Block) => boolean,
  ): Block[] {
    const leftovers: Block[] = [];
    for (const storage of node.storages.values()) {
      for (const replica of this.#open.get(storage)?.values() ?? []) {
        if (leftovers.length >= limit) return leftovers;
        const block = blockRow(db, replica.blockId);
        if (block === undefined || isFinishedWithout(block, replica)) leftovers.push(replica);
      }
    }
    return leftovers;
  }

  /** The DataNode has started anew. */
  drop(node: DatanodeDescriptor): void {
    for (const storage of node.storages.values()) this.#open.delete(storage);
  }
}
