/** The state of one block's replicas: which are good, which are not, and what follows for its redundancy. */
import type { Database } from 'better-sqlite3';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { priorityOf } from './low-redundancy.js';
import { matches } from './replica-judgement.js';
import { type ReplicaRow, replicasOfBlock } from './storage/replica-rows.js';
import type { BlockRow } from './storage/rows.js';
import { ReplicaRowState } from './storage/schema.js';

/** A replica on a DataNode that is there, or in maintenance. */
export interface Replica {
  readonly row: ReplicaRow;
  readonly storage: StorageDescriptor;
  readonly node: DatanodeDescriptor;
  readonly rack: string;
  readonly remainingBytes: number;
}

export interface BlockHealth {
  readonly block: BlockRow;
  /** Good replicas on DataNodes in service, each on another one: what counts as live. */
  readonly good: readonly Replica[];
  /** Good replicas on DataNodes that are being decommissioned, or are: to read and to copy from. */
  readonly leaving: readonly Replica[];
  /** Good replicas on DataNodes in maintenance, whether these are there or away. */
  readonly maintenance: readonly Replica[];
  /** Good replicas besides another good one on the same DataNode. */
  readonly doubles: readonly Replica[];
  /** Good replicas that are to be deleted, being surplus. */
  readonly excess: readonly Replica[];
  readonly corrupt: readonly Replica[];
  /** Rows that say LIVE though the block has another stamp or length by now. */
  readonly outdated: readonly Replica[];
  /** DataNodes that hold anything of the block, whatever its state: no further replica can go there. */
  readonly holders: ReadonlySet<string>;
  /** Racks of the live replicas and of those in maintenance. */
  readonly racks: number;
  /** Live replicas that are missing. */
  readonly missing: number;
  /** See low-redundancy.ts; undefined when nothing is to be done. */
  readonly priority: number | undefined;
}

export function healthOf(db: Database, block: BlockRow, datanodes: DatanodeManager): BlockHealth {
  const good = new Map<DatanodeDescriptor, Replica>();
  const leaving = new Map<DatanodeDescriptor, Replica>();
  const maintenance = new Map<DatanodeDescriptor, Replica>();
  const doubles: Replica[] = [];
  const excess: Replica[] = [];
  const corrupt: Replica[] = [];
  const outdated: Replica[] = [];
  const holders = new Set<string>();
  for (const row of replicasOfBlock(db, block.id)) {
    const storage = datanodes.storage(row.storage);
    if (storage === undefined) continue;
    holders.add(storage.datanode.uuid);
    const replica = describe(row, storage);
    if (storage.isAway && row.state === ReplicaRowState.LIVE && matches(block, row))
      maintenance.set(replica.node, replica);
    if (!storage.counts) continue;
    if (row.state === ReplicaRowState.CORRUPT) corrupt.push(replica);
    else if (row.state === ReplicaRowState.INVALIDATE) continue;
    else if (!matches(block, row)) outdated.push(replica);
    else if (row.state === ReplicaRowState.EXCESS) excess.push(replica);
    else if (replica.node.isDecommission) leaving.set(replica.node, replica);
    else if (replica.node.isMaintenance) maintenance.set(replica.node, replica);
    else if (good.has(replica.node)) doubles.push(replica);
    else good.set(replica.node, replica);
  }
  const live = good.size;
  const { replication } = block;
  const wanted = wantedLive(replication, maintenance.size, datanodes.minMaintenanceReplication);
  const racks = new Set([...good.values(), ...maintenance.values()].map(({ rack }) => rack)).size;
  const places = { good: [...good.values()], leaving: [...leaving.values()], maintenance: [...maintenance.values()] };
  const outOfService = countReadable(places) - live;
  const { rackCount: clusterRacks } = datanodes;
  const priority = priorityOf({ live, wanted, replication, outOfService, racks, clusterRacks });
  const missing = Math.max(0, wanted - live);
  return { block, ...places, doubles, excess, corrupt, outdated, holders, racks, missing, priority };
}

/** Good replicas that can be read now, those on DataNodes that are being taken out of service included. */
export function countReadable({
  good,
  leaving,
  maintenance,
}: Pick<BlockHealth, 'good' | 'leaving' | 'maintenance'>): number {
  return good.length + leaving.length + maintenance.filter(({ storage }) => storage.counts).length;
}

/** HDFS's getExpectedLiveRedundancyNum: what is in maintenance comes back, so it need not be replaced, down to a minimum. */
function wantedLive(replication: number, inMaintenance: number, minimum: number): number {
  return Math.max(replication - inMaintenance, Math.min(minimum, replication));
}

function describe(row: ReplicaRow, storage: StorageDescriptor): Replica {
  const node = storage.datanode;
  return { row, storage, node, rack: node.address.rack, remainingBytes: storage.remainingBytes };
}
