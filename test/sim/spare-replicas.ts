/** Which replicas may be spoiled or lost: faults of the simulation must never take the last good copy of anything. */

import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import type { Cluster } from './cluster.js';
import type { DatanodeMachine } from './datanode-machine.js';
import { replicasOn } from './replicas.js';
import { KEPT_REPLICAS_MIN } from './worker.js';

/**
 * Whether the block is complete and survives the loss of its replica on `machine`: fewer replicas are bad or missing, that one included, than the NameNode
 * keeps of the block at least, however it chooses those that it removes; and `othersMin` others, which are not about to be removed, are good, complete, and durable.
 */
export function isSpare(
  cluster: Cluster,
  machine: DatanodeMachine,
  blockId: number | undefined,
  othersMin = 1,
): boolean {
  const db = cluster.namenode.database?.connections.reading;
  if (db === undefined || blockId === undefined) return false;
  const block = db
    .prepare<[number], { gs: number; length: number; replication: number }>(
      `SELECT b.generation_stamp AS gs, b.length, i.replication FROM blocks b JOIN inodes i ON i.id = b.inode
       WHERE b.id = ? AND b.state = ${BlockState.COMPLETE}`,
    )
    .get(blockId);
  if (block === undefined) return false;
  const rows = db
    .prepare<[number], { host: string; state: number }>(
      `SELECT d.host, r.state FROM replicas r JOIN storages s ON s.id = r.storage JOIN datanodes d ON d.uuid = s.datanode WHERE r.block = ?`,
    )
    .all(blockId);
  let good = 0;
  let bad = 1;
  for (const other of cluster.datanodes) {
    if (other === machine) continue;
    const states = rows.filter(({ host }) => host === other.host).map(({ state }) => state);
    const found = [...replicasOn(other, true, blockId)];
    if (found.length === 0 && states.includes(ReplicaRowState.LIVE)) bad++;
    for (const { generationStamp, length, directory, isGood } of found) {
      const isComplete = generationStamp === block.gs && length >= block.length;
      if (directory !== 'finalized' || !isGood || !isComplete) bad++;
      else if (states.length === 1 && states[0] === ReplicaRowState.LIVE) good++;
    }
  }
  return good >= othersMin && bad < Math.min(block.replication, KEPT_REPLICAS_MIN);
}
