/** Counts for safe mode, slice by slice. */
import type { Database } from 'better-sqlite3';
import { BlockState, ReplicaRowState } from './schema.js';
import { statement } from './statements.js';

/**
 * Surplus replicas count too: if the others do not come back, they are kept. And damaged ones: safe mode waits for DataNodes, and no wait makes
 * them good. (HDFS has forgotten after a restart that they are damaged.) Without them, one block whose only replica is damaged could keep
 * a small cluster in safe mode for ever.
 */
const FOUND = `(${ReplicaRowState.LIVE}, ${ReplicaRowState.EXCESS}, ${ReplicaRowState.CORRUPT})`;

export interface CountedSlice {
  /** Blocks in the slice that count. */
  readonly blocks: number;
  /** Where the next slice begins; undefined when this was the last one. */
  readonly last: number | undefined;
}

interface SliceRow {
  readonly blocks: number | null;
  readonly rows: number;
  readonly last: number | null;
}

/** Counts COMPLETE blocks among the `limit` blocks after block `after`. */
export function countFinishedBlocks(db: Database, after: number, limit: number): CountedSlice {
  const sql = `
    SELECT sum(state = ${BlockState.COMPLETE}) AS blocks, count(*) AS rows, max(id) AS last
    FROM (SELECT id, state FROM blocks WHERE id > ? ORDER BY id LIMIT ?)`;
  return toSlice(statement<SliceRow>(db, sql).get(after, limit), limit);
}

/**
 * Counts, among the `limit` replicas of a storage after block `after`, those that are replicas of COMPLETE blocks, with their stamp and
 * length, which have exactly `others` of them in the storages `earlier`.
 */
export function countSafeBlocks(
  db: Database,
  storage: number,
  after: number,
  limit: number,
  earlier: readonly number[],
  others: number,
): CountedSlice {
  const sql = `
    SELECT count(*) AS rows, max(block) AS last, sum(
      state IN ${FOUND} AND EXISTS (
        SELECT 1 FROM blocks b WHERE b.id = slice.block AND b.state = ${BlockState.COMPLETE}
          AND b.generation_stamp = slice.generation_stamp AND b.length = slice.length)
      AND ? = (
        SELECT count(*) FROM replicas r WHERE r.block = slice.block AND r.state IN ${FOUND}
          AND r.generation_stamp = slice.generation_stamp AND r.length = slice.length
          AND r.storage IN (SELECT value FROM json_each(?)))
    ) AS blocks
    FROM (SELECT * FROM replicas WHERE storage = ? AND block > ? ORDER BY block LIMIT ?) AS slice`;
  return toSlice(statement<SliceRow>(db, sql).get(others, JSON.stringify(earlier), storage, after, limit), limit);
}

function toSlice(row: SliceRow | undefined, limit: number): CountedSlice {
  const full = row !== undefined && row.rows === limit;
  return { blocks: row?.blocks ?? 0, last: full ? (row.last ?? undefined) : undefined };
}
