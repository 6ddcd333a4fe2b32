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

/** `leftover`: nobody needs it. `late`: its block is finished, so that it ought to be as well. `open`: it may still be wanted. */
export type OpenReplicaVerdict = 'leftover' | 'late' | 'open';

/** What is to be done about the unfinished replicas of a DataNode. */
export interface OpenReplicaFindings {
  /** To be deleted. */
  readonly leftovers: readonly Block[];
  /** With replicas that have been late for so long that they are hardly written any more: the DataNode has to say what it has. */
  readonly doubtful: ReadonlySet<StorageDescriptor>;
}

/** A DataNode tells at once of a replica that it has finished. */
const LATE_MAX_MS = 60_000;

interface OpenReplica {
  readonly block: Block;
  /** When it was first seen to be late; `asked`: its DataNode has been asked about it. */
  lateSince?: number | 'asked';
}

export class OpenReplicas {
  readonly #open = new WeakMap<StorageDescriptor, Map<number, OpenReplica>>();

  begun(storage: StorageDescriptor, block: Block): void {
    let replicas = this.#open.get(storage);
    if (replicas === undefined) {
      replicas = new Map();
      this.#open.set(storage, replicas);
    }
    replicas.set(block.blockId, { block });
  }

  ended(storage: StorageDescriptor, block: number): void {
    this.#open.get(storage)?.delete(block);
  }

  /** Goes through those of a DataNode, until it has found `limit` leftovers. What belongs to no block is one. */
  look(
    db: Database,
    node: DatanodeDescriptor,
    limit: number,
    nowMs: number,
    judge: (block: BlockRow, replica: Block) => OpenReplicaVerdict,
  ): OpenReplicaFindings {
    const leftovers: Block[] = [];
    const doubtful = new Set<StorageDescriptor>();
    for (const storage of node.storages.values()) {
      for (const replica of this.#open.get(storage)?.values() ?? []) {
        if (leftovers.length >= limit) return { leftovers, doubtful };
        const block = blockRow(db, replica.block.blockId);
        const verdict = block === undefined ? 'leftover' : judge(block, replica.block);
        if (verdict === 'leftover') leftovers.push(replica.block);
        else if (verdict === 'late' && isDoubtful(replica, nowMs)) doubtful.add(storage);
      }
    }
    return { leftovers, doubtful };
  }

  /** The DataNode has started anew. */
  drop(node: DatanodeDescriptor): void {
    for (const storage of node.storages.values()) this.#open.delete(storage);
  }
}

/** Once for each replica. */
function isDoubtful(replica: OpenReplica, nowMs: number): boolean {
  replica.lateSince ??= nowMs;
  if (replica.lateSince === 'asked' || nowMs - replica.lateSince < LATE_MAX_MS) return false;
  replica.lateSince = 'asked';
  return true;
}
