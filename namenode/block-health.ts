/** The state of one block's replicas: which are good, which are not, and what follows for its redundancy. */
import type { Database } from 'better-sqlite3';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { priorityOf } from './low-redundancy.js';
import { matches } from './replica-judgement.js';
import { type ReplicaRow, replicasOfBlock } from './storage/replica-rows.js';
import type { BlockRow } from './storage/rows.js';
import { ReplicaRowState } from './storage/schema.js';

/** A replica on a DataNode in service. */
export interface Replica {
  readonly row: ReplicaRow;
  readonly storage: StorageDescriptor;
  readonly node: DatanodeDescriptor;
  readonly rack: string;
  readonly remainingBytes: number;
}

export interface BlockHealth {
  readonly block: BlockRow;
  /** Good replicas, each on another DataNode. */
  readonly good: readonly Replica[];
  /** Good replicas besides another good one on the same DataNode. */
  readonly doubles: readonly Replica[];
  /** Good replicas that are to be deleted, being surplus. */
  readonly excess: readonly Replica[];
  readonly corrupt: readonly Replica[];
  /** Rows that say LIVE though the block has another stamp or length by now. */
  readonly outdated: readonly Replica[];
  /** DataNodes that hold anything of the block, whatever its state: no further replica can go there. */
  readonly holders: ReadonlySet<string>;
  readonly racks: number;
  /** Good replicas that are missing. */
  readonly missing: number;
  /** See low-redundancy.ts; undefined when nothing is to be done. */
  readonly priority: number | undefined;
}

export function healthOf(db: Database, block: BlockRow, datanodes: DatanodeManager): BlockHealth {
  const good = new Map<DatanodeDescriptor, Replica>();
  const doubles: Replica[] = [];
  const excess: Replica[] = [];
  const corrupt: Replica[] = [];
  const outdated: Replica[] = [];
  const holders = new Set<string>();
  for (const row of replicasOfBlock(db, block.id)) {
    const storage = datanodes.storage(row.storage);
    if (storage === undefined) continue;
    holders.add(storage.datanode.uuid);
    if (!storage.counts) continue;
    const replica = describe(row, storage);
    if (row.state === ReplicaRowState.CORRUPT) corrupt.push(replica);
    else if (row.state === ReplicaRowState.INVALIDATE) continue;
    else if (!matches(block, row)) outdated.push(replica);
    else if (row.state === ReplicaRowState.EXCESS) excess.push(replica);
    else if (good.has(replica.node)) doubles.push(replica);
    else good.set(replica.node, replica);
  }
  const live = good.size;
  const racks = new Set([...good.values()].map(({ rack }) => rack)).size;
  const wanted = block.replication;
  const priority = priorityOf({ live, wanted, racks, clusterRacks: datanodes.rackCount });
  const missing = Math.max(0, wanted - live);
  return { block, good: [...good.values()], doubles, excess, corrupt, outdated, holders, racks, missing, priority };
}

function describe(row: ReplicaRow, storage: StorageDescriptor): Replica {
  const node = storage.datanode;
  return { row, storage, node, rack: node.address.rack, remainingBytes: storage.remainingBytes };
}
