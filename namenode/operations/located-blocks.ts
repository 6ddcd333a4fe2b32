/** Blocks with the places that hold them, as clients get them. */
import type { Database } from 'better-sqlite3';
import type { Block } from '../../common/block.js';
import type { Blocks, Location, Target } from '../blocks.js';
import type { ExpectedReplica } from '../storage/edit-records.js';
import type { BlockRow } from '../storage/rows.js';
import { BlockState, ReplicaRowState } from '../storage/schema.js';
import { statement } from '../storage/statements.js';

export interface LocatedBlock {
  readonly block: Block;
  /** Of its first byte, in the file. */
  readonly offset: number;
  readonly locations: readonly Location[];
  readonly corrupt: boolean;
  readonly underConstruction: boolean;
}

/** A block with its replicas, nearest to the reader first. */
export function locateBlock(
  blocks: Blocks,
  db: Database,
  row: BlockRow,
  offset: number,
  readerHost: string,
): LocatedBlock {
  const { locations, corrupt } = blocks.locate(db, row.id, readerHost);
  return { block: blockOf(row), offset, locations, corrupt, underConstruction: isUnderConstruction(row) };
}

/** A block with its pipeline, in the pipeline's order. */
export function locatePipeline(blocks: Blocks, row: BlockRow, offset: number): LocatedBlock {
  const locations = blocks.describe(targetsOf(row));
  return { block: blockOf(row), offset, locations, corrupt: false, underConstruction: isUnderConstruction(row) };
}

export function blockOf(row: BlockRow): Block {
  return { blockId: row.id, generationStamp: row.generation_stamp, numBytes: row.length };
}

/** Offset of the block with this index. */
export function offsetOfBlock(db: Database, inode: number, index: number): number {
  const sql = 'SELECT coalesce(sum(length), 0) AS bytes FROM blocks WHERE inode = ? AND idx < ?';
  return statement<{ bytes: number }>(db, sql).get(inode, index)?.bytes ?? 0;
}

export function expectedOf(targets: readonly Target[]): ExpectedReplica[] {
  return targets.map(({ datanodeUuid, storageUuid }) => [datanodeUuid, storageUuid]);
}

export function targetsOf({ expected }: BlockRow): Target[] {
  const replicas = JSON.parse(expected ?? '[]') as ExpectedReplica[];
  return replicas.map(([datanodeUuid, storageUuid]) => ({ datanodeUuid, storageUuid }));
}

/**
 * The DataNodes to ask when a block is recovered: those that it was being written to, and all others that have reported a finalized replica of it. A
 * closed file is opened (or cut) on those that were there at that time; if they turn out to have nothing, one that was away has the block.
 * (HDFS adds it when it reports again.)
 */
export function recoveryTargetsOf(db: Database, row: BlockRow): Target[] {
  const targets = targetsOf(row);
  const asked = new Set(targets.map(({ datanodeUuid }) => datanodeUuid));
  const others = finalizedReplicas(db, row).filter(({ datanodeUuid }) => !asked.has(datanodeUuid));
  return [...targets, ...others];
}

function finalizedReplicas(db: Database, { id, generation_stamp, length }: BlockRow): Target[] {
  const sql = `
    SELECT s.datanode AS datanodeUuid, s.uuid AS storageUuid FROM replicas r JOIN storages s ON s.id = r.storage
    WHERE r.block = ? AND r.state = ${ReplicaRowState.LIVE} AND r.generation_stamp >= ? AND r.length >= ? ORDER BY r.storage`;
  return statement<Target>(db, sql).all(id, generation_stamp, length);
}

export function isUnderConstruction({ state }: BlockRow): boolean {
  return state === BlockState.UNDER_CONSTRUCTION || state === BlockState.UNDER_RECOVERY;
}
