/** Reads of files that are open for writing. */

import type { Database } from 'better-sqlite3';
import { lastBlocks } from './block-rows.js';
import type { BlockRow } from './rows.js';
import { BlockState } from './schema.js';
import { statement } from './statements.js';

/** An open file: the place of its row in the index of open files. */
export interface OpenFile {
  readonly id: number;
  readonly lease_holder: string;
}

export const BEFORE_OPEN_FILES: OpenFile = { id: 0, lease_holder: '' };

export interface HeldFile {
  readonly id: number;
  readonly owner: string;
}

export interface UnfinishedPage {
  readonly blocks: readonly BlockRow[];
  /** Where the next page begins; undefined when this was the last one. */
  readonly next: OpenFile | undefined;
}

/** Blocks that are not COMPLETE of the `limit` open files after `after`: at most the last two of each. */
export function unfinishedBlocks(db: Database, after: OpenFile, limit: number): UnfinishedPage {
  const sql = `
    SELECT id, lease_holder FROM inodes INDEXED BY inodes_by_lease
    WHERE lease_holder IS NOT NULL AND (lease_holder, id) > (?, ?) ORDER BY lease_holder, id LIMIT ?`;
  const files = statement<OpenFile>(db, sql).all(after.lease_holder, after.id, limit);
  const blocks = files
    .flatMap(({ id }) => lastBlocks(db, id))
    .filter((block) => block !== undefined)
    .filter(({ state }) => state !== BlockState.COMPLETE);
  return { blocks, next: files.length < limit ? undefined : files.at(-1) };
}

/** The first `limit` files after inode `after` that this client has open for writing, by inode. */
export function filesHeldBy(db: Database, holder: string, after: number, limit: number): HeldFile[] {
  const sql = 'SELECT id, owner FROM inodes WHERE lease_holder = ? AND id > ? ORDER BY id LIMIT ?';
  return statement<HeldFile>(db, sql).all(holder, after, limit);
}
