/** The tables `redundancy_check` (blocks to look at) and `low_redundancy` (blocks that need work). */
import type { Database } from 'better-sqlite3';
import { statement } from './statements.js';

export interface LowRedundancyRow {
  readonly block: number;
  readonly priority: number;
}

export function requestCheck(db: Database, block: number): void {
  statement(db, 'INSERT OR IGNORE INTO redundancy_check (block) VALUES (?)').run(block);
}

export function checksAfter(db: Database, after: number, limit: number): number[] {
  return statement<{ block: number }>(db, 'SELECT block FROM redundancy_check WHERE block > ? ORDER BY block LIMIT ?')
    .all(after, limit)
    .map(({ block }) => block);
}

export function removeCheck(db: Database, block: number): void {
  statement(db, 'DELETE FROM redundancy_check WHERE block = ?').run(block);
}

/** Priority of a block that needs work; undefined when it needs none. */
export function queuedPriority(db: Database, block: number): number | undefined {
  return statement<LowRedundancyRow>(db, 'SELECT * FROM low_redundancy WHERE block = ?').get(block)?.priority;
}

export function queueBlock(db: Database, block: number, priority: number): void {
  const sql =
    'INSERT INTO low_redundancy (block, priority) VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET priority = excluded.priority';
  statement(db, sql).run(block, priority);
}

export function unqueueBlock(db: Database, block: number): void {
  statement(db, 'DELETE FROM low_redundancy WHERE block = ?').run(block);
}

/** Rows after the given one, most urgent first, up to and including priority `last`. */
export function queuedAfter(db: Database, after: LowRedundancyRow, last: number, limit: number): LowRedundancyRow[] {
  const sql =
    'SELECT * FROM low_redundancy WHERE (priority, block) > (?, ?) AND priority <= ? ORDER BY priority, block LIMIT ?';
  return statement<LowRedundancyRow>(db, sql).all(after.priority, after.block, last, limit);
}

export interface SurveyedBlock {
  readonly block: number;
  /** 1: it needs work, or is to be looked at; 0: neither. */
  readonly queued: number;
}

/** Blocks with a replica in one storage, in the order of their ids. */
export function blocksToSurvey(db: Database, storage: number, after: number, limit: number): SurveyedBlock[] {
  const sql = `
    SELECT block, block IN (SELECT block FROM low_redundancy) OR block IN (SELECT block FROM redundancy_check) AS queued
    FROM replicas WHERE storage = ? AND block > ? ORDER BY block LIMIT ?`;
  return statement<SurveyedBlock>(db, sql).all(storage, after, limit);
}

/** Number of queued blocks of each priority. */
export function countQueued(db: Database): Map<number, number> {
  const sql = "SELECT key AS priority, n FROM tallies WHERE kind = 'queued'";
  const rows = statement<{ priority: number; n: number }>(db, sql).all();
  return new Map(rows.map(({ priority, n }) => [priority, n]));
}
