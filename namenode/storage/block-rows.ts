/** Reads of the table `blocks`, as far as replicas are concerned. */
import type { Database } from 'better-sqlite3';
import type { BlockRow } from './rows.js';
import { statement } from './statements.js';

export function blockRow(db: Database, id: number): BlockRow | undefined {
  return statement<BlockRow>(db, 'SELECT * FROM blocks WHERE id = ?').get(id);
}

export function blockIdsAfter(db: Database, after: number, limit: number): number[] {
  return statement<{ id: number }>(db, 'SELECT id FROM blocks WHERE id > ? ORDER BY id LIMIT ?')
    .all(after, limit)
    .map(({ id }) => id);
}

export function blocksOfInode(db: Database, inode: number, fromIndex: number, limit: number): BlockRow[] {
  const sql = 'SELECT * FROM blocks WHERE inode = ? AND idx >= ? ORDER BY idx LIMIT ?';
  return statement<BlockRow>(db, sql).all(inode, fromIndex, limit);
}
