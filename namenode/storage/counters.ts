/**
 * Numbers that belong to the whole namespace. They are kept in memory while a batch runs and are written to the table `meta`, with
 * the last applied transaction id, once per batch: so the checkpoint always says itself up to where it holds the log.
 */
import type { Database } from 'better-sqlite3';
import { FIRST_BLOCK_ID, FIRST_GENERATION_STAMP, FIRST_INODE_ID } from './schema.js';
import { statement } from './statements.js';

export interface Counters {
  /** The last transaction that the tables hold. */
  appliedTxid: number;
  nextInodeId: number;
  nextBlockId: number;
  /** The last generation stamp that was given out. */
  generationStamp: number;
  files: number;
  directories: number;
  blocks: number;
  /** Rows of retry_cache. */
  retryEntries: number;
  /** When the last call was answered that stands in retry_cache, by the cache's own time (retry-time.ts); 0: none has been. */
  retryTimeMs: number;
  /** Rows of quotas. */
  quotas: number;
  /** While there are quotas: inodes from this id on count in the table usage, because they were made after the first quota; 0: there are none. */
  usageFrom: number;
  /** And so do those up to this id, which have been counted since. */
  usageTo: number;
}

const KEYS: Readonly<Record<keyof Counters, string>> = {
  appliedTxid: 'applied_txid',
  nextInodeId: 'next_inode_id',
  nextBlockId: 'next_block_id',
  generationStamp: 'generation_stamp',
  files: 'files',
  directories: 'directories',
  blocks: 'blocks',
  retryEntries: 'retry_entries',
  retryTimeMs: 'retry_time_ms',
  quotas: 'quotas',
  usageFrom: 'usage_from',
  usageTo: 'usage_to',
};
const NAMES = Object.keys(KEYS) as (keyof Counters)[];

/** Those of a namespace with nothing but the root directory. */
export const INITIAL_COUNTERS: Readonly<Counters> = {
  appliedTxid: 0,
  nextInodeId: FIRST_INODE_ID,
  nextBlockId: FIRST_BLOCK_ID,
  generationStamp: FIRST_GENERATION_STAMP - 1,
  files: 0,
  directories: 1,
  blocks: 0,
  retryEntries: 0,
  retryTimeMs: 0,
  quotas: 0,
  usageFrom: 0,
  usageTo: 0,
};

export function readCounters(db: Database): Counters {
  const counters = { ...INITIAL_COUNTERS };
  const select = statement<{ value: number }>(db, 'SELECT value FROM meta WHERE key = ?');
  for (const name of NAMES) counters[name] = select.get(KEYS[name])?.value ?? INITIAL_COUNTERS[name];
  return counters;
}

/** Writes those that differ from `before`. */
export function writeCounters(db: Database, counters: Readonly<Counters>, before?: Readonly<Counters>): void {
  const upsert = statement(
    db,
    'INSERT INTO meta (key, value) VALUES (?, CAST(? AS INTEGER)) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  for (const name of NAMES) {
    if (before?.[name] !== counters[name]) upsert.run(KEYS[name], counters[name]);
  }
}
