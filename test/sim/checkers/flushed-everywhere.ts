/**
 * What hflush or hsync has acknowledged is at that moment on every DataNode of the pipeline. One that was killed meanwhile had it as well; one that has
 * been started again since, or has lost its power, may have lost it after it acknowledged it.
 */
import { BlockState } from '../../../namenode/storage/schema.js';
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import { journalledIn, replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

interface OpenBlock {
  readonly id: number;
  readonly stamp: number;
  /** Where it begins in its file. */
  readonly offset: number;
  /** Hosts of its pipeline. */
  readonly hosts: readonly string[];
}

const NAME = 'flushed everywhere';

export const flushedEverywhere: Checker = {
  name: NAME,
  watch(cluster) {
    cluster.workplace.onFlush.push((flush) => {
      const block = blockBeingWritten(cluster, flush.fileId);
      if (block === undefined) return;
      const length = flush.length - block.offset;
      if (length <= 0) return;
      for (const [index, machine] of cluster.datanodes.entries()) {
        if (!block.hosts.includes(machine.host) || !machine.isAsLeft) continue;
        if (machine.lives !== flush.livesBefore[index]) continue;
        const has = longestReplica(machine, block);
        if (has >= length || isJournalled(machine, block)) continue;
        cluster.world.violation(
          `${length} bytes of block ${block.id} (${flush.path}) were acknowledged, and ${machine.host} of its pipeline has ${has}`,
          NAME,
        );
      }
    });
  },
};

/** The last block of a file, if it is being written; undefined as well when the NameNode is not up, or does not know all DataNodes. */
function blockBeingWritten({ namenode }: Cluster, inode: number): OpenBlock | undefined {
  const db = namenode.database?.connections.reading;
  if (db === undefined) return undefined;
  const row = db
    .prepare<[number], { id: number; stamp: number; offset: number; state: number; expected: string | null }>(
      `SELECT id, generation_stamp AS stamp, state, expected,
         (SELECT coalesce(sum(length), 0) FROM blocks e WHERE e.inode = b.inode AND e.idx < b.idx) AS offset
       FROM blocks b WHERE inode = ? ORDER BY idx DESC LIMIT 1`,
    )
    .get(inode);
  if (row?.state !== BlockState.UNDER_CONSTRUCTION) return undefined;
  const host = db.prepare<[string], { host: string }>('SELECT host FROM datanodes WHERE uuid = ?');
  const hosts = (JSON.parse(row.expected ?? '[]') as [string, string][]).flatMap(
    ([uuid]) => host.get(uuid)?.host ?? [],
  );
  return { ...row, hosts };
}

function longestReplica(machine: DatanodeMachine, { id, stamp }: OpenBlock): number {
  let longest = 0;
  for (const { generationStamp, length } of replicasOn(machine, false, id))
    if (generationStamp >= stamp) longest = Math.max(longest, length);
  return longest;
}

/** A block that was full before it was flushed may have come as a whole (0029-small-blocks-in-one-message.md). */
function isJournalled({ disks }: DatanodeMachine, { id, stamp }: OpenBlock): boolean {
  const journalled = disks.flatMap((disk) => [...disk.files()].flatMap(journalledIn));
  return journalled.some(({ blockId, generationStamp }) => blockId === id && generationStamp >= stamp);
}
