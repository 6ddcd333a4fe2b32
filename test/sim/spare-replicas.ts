/** Which replicas may be spoiled: faults of the simulation must never take the last good copy of anything. */
import type { Cluster } from './cluster.js';
import type { DatanodeMachine } from './datanode-machine.js';
import { replicasOn } from './replicas.js';

/**
 * Whether the block survives the loss of its replica on `machine`: fewer replicas are bad, that one included, than the NameNode keeps of
 * the block, however it chooses those that it removes; and another one is good, complete, and durable.
 */
export function isSpare(cluster: Cluster, machine: DatanodeMachine, blockId: number | undefined): boolean {
  const db = cluster.namenode.database?.connections.reading;
  if (db === undefined || blockId === undefined) return false;
  const block = db
    .prepare<[number], { gs: number; length: number; replication: number }>(
      `SELECT b.generation_stamp AS gs, b.length, i.replication FROM blocks b JOIN inodes i ON i.id = b.inode WHERE b.id = ?`,
    )
    .get(blockId);
  if (block === undefined) return false;
  let good = 0;
  let bad = 1;
  for (const other of cluster.datanodes) {
    if (other === machine) continue;
    for (const replica of replicasOn(other, true)) {
      if (replica.blockId !== blockId) continue;
      const isComplete = replica.generationStamp === block.gs && replica.length >= block.length;
      if (replica.directory === 'finalized' && replica.isGood && isComplete) good++;
      else bad++;
    }
  }
  return good >= 1 && bad < block.replication;
}
