/** Reads of the table `blocks`. Rows come as arrays, like those of inode-rows.ts: each report and each call of a writer reads some. */
import type { Database, Statement } from 'better-sqlite3';
import type { BlockRow } from './rows.js';
import { statement } from './statements.js';

const COLUMNS = [
  'id',
  'inode',
  'idx',
  'generation_stamp',
  'length',
  'state',
  'replication',
  'expected',
  'recovery_id',
  'truncating',
] as const satisfies readonly (keyof BlockRow)[];

type Columns = typeof COLUMNS;
type Values = { [Index in keyof Columns]: BlockRow[Columns[Index] & keyof BlockRow] };

const SELECT = `SELECT ${COLUMNS.join(', ')} FROM blocks`;
const BY_ID = `${SELECT} WHERE id = ?`;
const OF_INODE = `${SELECT} WHERE inode = ? AND idx >= ? ORDER BY idx LIMIT ?`;
const LAST_OF_INODE = `${SELECT} WHERE inode = ? ORDER BY idx DESC LIMIT 2`;

export function blockRow(db: Database, id: number): BlockRow | undefined {
  const values = arrays(db, BY_ID).get(id);
  return values === undefined ? undefined : toBlock(values);
}

/** The last block of a file, and the one before it. */
export function lastBlocks(
  db: Database,
  inode: number,
): [last: BlockRow | undefined, penultimate: BlockRow | undefined] {
  const [last, penultimate] = arrays(db, LAST_OF_INODE).all(inode).map(toBlock);
  return [last, penultimate];
}

export function blockIdsAfter(db: Database, after: number, limit: number): number[] {
  return statement<{ id: number }>(db, 'SELECT id FROM blocks WHERE id > ? ORDER BY id LIMIT ?')
    .all(after, limit)
    .map(({ id }) => id);
}

export function blocksOfInode(db: Database, inode: number, fromIndex: number, limit: number): BlockRow[] {
  return arrays(db, OF_INODE).all(inode, fromIndex, limit).map(toBlock);
}

function arrays(db: Database, sql: string): Statement<unknown[], Values> {
  return statement<Values>(db, sql).raw();
}

function toBlock(values: Values): BlockRow {
  return {
    id: values[0],
    inode: values[1],
    idx: values[2],
    generation_stamp: values[3],
    length: values[4],
    state: values[5],
    replication: values[6],
    expected: values[7],
    recovery_id: values[8],
    truncating: values[9],
  };
}
