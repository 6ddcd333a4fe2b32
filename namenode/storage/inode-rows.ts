/**
 * Rows of the table of inodes, which nearly every call reads. better-sqlite3 takes twice as long to make an object of a row as to make an array
 * of it, so they come as arrays. For each of many rows it takes half of that to have SQLite put them down as JSON, one text a row, and to parse that.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { InodeRow } from './rows.js';
import { statement } from './statements.js';

const COLUMNS = [
  'id',
  'parent',
  'name',
  'type',
  'mode',
  'owner',
  'grp',
  'mtime_ms',
  'atime_ms',
  'children',
  'replication',
  'block_size',
  'length',
  'lease_holder',
  'symlink',
  'mtime_ns',
  'atime_ns',
  'opened_by',
] as const satisfies readonly (keyof InodeRow)[];

type Columns = typeof COLUMNS;
type Values = { [Index in keyof Columns]: InodeRow[Columns[Index] & keyof InodeRow] };

const SELECT = `SELECT ${COLUMNS.join(', ')} FROM inodes`;
const BY_ID = `${SELECT} WHERE id = ?`;
const BY_NAME = `${SELECT} WHERE parent = ? AND name = ?`;
const ENTRIES = `SELECT json_array(${COLUMNS.join(', ')}) FROM inodes WHERE parent = ? AND name > ? ORDER BY name LIMIT ?`;

export function inodeById(db: Database, id: number): InodeRow | undefined {
  return toRow(arrays(db, BY_ID).get(id));
}

export function inodeByName(db: Database, parent: number, name: string): InodeRow | undefined {
  return toRow(arrays(db, BY_NAME).get(parent, name));
}

/** Entries of a directory whose names come after `after`, by the bytes of their names. */
export function entriesAfter(db: Database, parent: number, after: string, limit: number): InodeRow[] {
  const rows = statement<string>(db, ENTRIES).pluck().all(parent, after, limit);
  return rows.map((row) => toInode(JSON.parse(row) as Values));
}

function arrays(db: Database, sql: string): Statement<unknown[], Values> {
  return statement<Values>(db, sql).raw();
}

function toRow(values: Values | undefined): InodeRow | undefined {
  return values === undefined ? undefined : toInode(values);
}

/** By position: taking the array apart with a pattern goes through its iterator. */
function toInode(values: Values): InodeRow {
  return {
    id: values[0],
    parent: values[1],
    name: values[2],
    type: values[3],
    mode: values[4],
    owner: values[5],
    grp: values[6],
    mtime_ms: values[7],
    atime_ms: values[8],
    children: values[9],
    replication: values[10],
    block_size: values[11],
    length: values[12],
    lease_holder: values[13],
    symlink: values[14],
    mtime_ns: values[15],
    atime_ns: values[16],
    opened_by: values[17],
  };
}
