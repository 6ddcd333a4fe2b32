/** Figures of the whole cluster, for people. */
import type { DatanodeAdmin, LeavingProgress } from './datanode-admin.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import type { Journal } from './journal.js';
import { Priority } from './low-redundancy.js';
import { storageRow } from './storage/datanode-rows.js';
import { countQueued } from './storage/redundancy-rows.js';
import { countCorruptBlocks, countReplicasToDelete } from './storage/replica-rows.js';

export interface FsStats {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  readonly files: number;
  readonly directories: number;
  readonly blocks: number;
  readonly underReplicatedBlocks: number;
  readonly corruptReplicaBlocks: number;
  readonly missingBlocks: number;
  readonly pendingDeletionReplicas: number;
  readonly lastTxid: number;
}

export function fsStats({ committed, counters, lastTxid }: Journal, datanodes: DatanodeManager): FsStats {
  const storages = [...datanodes.storages].filter(({ datanode, failed }) => datanode.inService && !failed);
  const sum = (value: (storage: (typeof storages)[number]) => number): number =>
    storages.reduce((total, storage) => total + value(storage), 0);
  const queued = countQueued(committed);
  const missingBlocks = queued.get(Priority.LOST) ?? 0;
  return {
    // As in HDFS: room on a DataNode that takes no blocks is none.
    capacityBytes: sum(({ capacityBytes, usedBytes, datanode }) => (datanode.takesBlocks ? capacityBytes : usedBytes)),
    usedBytes: sum(({ usedBytes }) => usedBytes),
    remainingBytes: sum(({ remainingBytes, datanode }) => (datanode.takesBlocks ? remainingBytes : 0)),
    files: counters.files,
    directories: counters.directories,
    blocks: counters.blocks,
    underReplicatedBlocks: [...queued.values()].reduce((total, n) => total + n, 0) - missingBlocks,
    corruptReplicaBlocks: countCorruptBlocks(committed),
    missingBlocks,
    pendingDeletionReplicas: sum(({ id }) => countReplicasToDelete(committed, id)),
    lastTxid,
  };
}

export interface DatanodeStats {
  readonly node: DatanodeDescriptor;
  readonly leaving: LeavingProgress | undefined;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  /** Replicas that it has, as far as the NameNode knows. */
  readonly blocks: number;
  readonly lastContactMs: number;
}

/** One entry for each of the DataNodes, in the order of their addresses. */
export function datanodeStats(
  { committed }: Journal,
  admin: DatanodeAdmin,
  datanodes: Iterable<DatanodeDescriptor>,
  nowMs: number,
): DatanodeStats[] {
  const nodes = [...datanodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  return nodes.map((node) => {
    const storages = [...node.storages.values()];
    const working = storages.filter(({ failed }) => !failed);
    return {
      node,
      leaving: admin.progressOf(node),
      capacityBytes: working.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0),
      usedBytes: working.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
      remainingBytes: working.reduce((sum, { remainingBytes }) => sum + remainingBytes, 0),
      blocks: storages.reduce((sum, { id }) => sum + (storageRow(committed, id)?.replicas ?? 0), 0),
      lastContactMs: Math.max(0, Math.round(nowMs - node.lastContactMs)),
    };
  });
}
