/**
 * What the tree of each directory holds: names (inodes, the directory itself included) and space (bytes of all replicas), as HDFS counts
 * them for its quotas. It is kept while there are quotas, and then of every directory: so that to move or to delete a tree of any size takes
 * what it holds out of those above, and adds it elsewhere, in as many steps as the tree is deep.
 *
 * Until the first quota nothing is counted. From then on new inodes count at once, since their ids are above all others (usageFrom), and those that
 * were there before are counted in slices, in the order of their ids (usageTo). At any moment a row holds those inodes of its tree that count,
 * whatever is moved, changed or deleted in between. Once all of them do, quotas are enforced.
 */
import type { Database } from 'better-sqlite3';
import type { ApplyState } from './apply.js';
import type { Counters } from './counters.js';
import { BlockState, InodeType } from './schema.js';
import { statement } from './statements.js';

export interface Usage {
  /** Inodes. */
  readonly names: number;
  /** Bytes. */
  readonly space: number;
}

/** The tables, as a check or apply.ts sees them. */
export interface UsageState {
  readonly db: Database;
  readonly counters: Readonly<Counters>;
}

export const NEW_NAME: Usage = { names: 1, space: 0 };
const NOTHING: Usage = { names: 0, space: 0 };

/** Of a file, for each replica: its blocks, of which one that is being written takes as much room as it may come to take, as in HDFS. */
const BYTES = `
  i.length + coalesce(
    (SELECT iif(b.state IN (${BlockState.UNDER_CONSTRUCTION}, ${BlockState.UNDER_RECOVERY}), i.block_size - b.length, 0)
     FROM blocks b WHERE b.inode = i.id ORDER BY b.idx DESC LIMIT 1), 0)`;

const SPACE = `SELECT i.type, i.replication * (${BYTES}) AS space FROM inodes i WHERE i.id = ?`;
const SPACES = `SELECT i.id, i.parent, i.type, i.replication * (${BYTES}) AS space FROM inodes i WHERE i.id > ? AND i.id <= ?`;
const ADD = `
  INSERT INTO usage (inode, names, space) VALUES (?, ?, ?)
  ON CONFLICT (inode) DO UPDATE SET names = names + excluded.names, space = space + excluded.space`;

/** Whether all inodes count. */
export function isUsageKnown({ usageFrom, usageTo }: Readonly<Counters>): boolean {
  return usageFrom > 0 && usageTo >= usageFrom - 1;
}

/** Up to which id the next `rows` inodes reach that do not count yet. */
export function nextToCount({ db, counters: { usageFrom, usageTo } }: UsageState, rows: number): number {
  const sql = 'SELECT id FROM inodes WHERE id > ? AND id < ? ORDER BY id LIMIT 1 OFFSET ?';
  return statement<{ id: number }>(db, sql).get(usageTo, usageFrom, rows - 1)?.id ?? usageFrom - 1;
}

/** Whether there is any row. */
export function hasUsage(db: Database): boolean {
  return statement(db, 'SELECT 1 FROM usage LIMIT 1').get() !== undefined;
}

/** What counts of an inode with all that is below it. */
export function usageOf(state: UsageState, id: number): Usage {
  const { db, counters } = state;
  const row = statement<{ type: number; space: number }>(db, SPACE).get(id);
  if (row === undefined) return NOTHING;
  if (row.type === InodeType.DIRECTORY) return usageOfDirectory(db, id);
  return counts(counters, id) ? { names: 1, space: row.space } : NOTHING;
}

export function usageOfDirectory(db: Database, id: number): Usage {
  return statement<Usage>(db, 'SELECT names, space FROM usage WHERE inode = ?').get(id) ?? NOTHING;
}

/** Bytes that a file takes, counted or not. */
export function spaceOf(db: Database, file: number): number {
  return statement<{ space: number }>(db, SPACE).get(file)?.space ?? 0;
}

export function parentIdOf(db: Database, id: number): number {
  return statement<{ parent: number }>(db, 'SELECT parent FROM inodes WHERE id = ?').get(id)?.parent ?? 0;
}

/** An inode, with all below it, has come into a directory. */
export function chargeTo(state: ApplyState, directory: number, id: number): void {
  if (isKept(state)) addUsage(state, directory, usageOf(state, id));
}

/** An inode, with all below it, is about to leave its directory. */
export function releaseFrom(state: ApplyState, directory: number, id: number): void {
  if (isKept(state)) addUsage(state, directory, negative(usageOf(state, id)));
}

/** Runs a change of the blocks of files; what that does to their space is counted. */
export function recountingSpace(state: ApplyState, files: readonly number[], change: () => void): void {
  if (!isKept(state)) {
    change();
    return;
  }
  const before = files.map((id) => spaceOf(state.db, id));
  change();
  for (const [i, id] of files.entries()) {
    if (!counts(state.counters, id)) continue;
    const space = spaceOf(state.db, id) - (before[i] ?? 0);
    if (space !== 0) addUsage(state, parentIdOf(state.db, id), { names: 0, space });
  }
}

/** To a directory and all above it. */
export function addUsage(state: ApplyState, directory: number, { names, space }: Usage): void {
  if (!isKept(state) || (names === 0 && space === 0)) return;
  const { db } = state;
  for (let at = directory; at > 0; at = parentIdOf(db, at)) statement(db, ADD).run(at, names, space);
}

/** Nothing happens when it has begun already. The table is empty. */
export function startCounting({ counters }: ApplyState): void {
  if (counters.usageFrom > 0) return;
  counters.usageFrom = counters.nextInodeId;
  counters.usageTo = 0;
}

/** The rows mean nothing from now on; they go in slices. */
export function stopCounting({ counters }: ApplyState): void {
  counters.usageFrom = 0;
  counters.usageTo = 0;
}

/** The next inodes count, up to this id. */
export function countUsage(state: ApplyState, upTo: number): void {
  const { db, counters } = state;
  if (!isKept(state)) return;
  const rows = statement<{ id: number; parent: number; type: number; space: number }>(db, SPACES).all(
    counters.usageTo,
    upTo,
  );
  const sums = new UsageSums((id) => parentIdOf(db, id));
  for (const { id, parent, type, space } of rows)
    sums.add(type === InodeType.DIRECTORY ? id : parent, { names: 1, space });
  for (const [directory, { names, space }] of sums.all) statement(db, ADD).run(directory, names, space);
  counters.usageTo = upTo;
}

export function forgetUsage({ db }: ApplyState, rows: number): void {
  statement(db, 'DELETE FROM usage WHERE inode IN (SELECT inode FROM usage ORDER BY inode LIMIT ?)').run(rows);
}

/** A directory is gone. */
export function forgetUsageOf({ db }: ApplyState, directory: number): void {
  statement(db, 'DELETE FROM usage WHERE inode = ?').run(directory);
}

/** Adds up, for directories and all those above them. */
export class UsageSums {
  readonly #parentOf: (id: number) => number;
  readonly #parents = new Map<number, number>();
  readonly #sums = new Map<number, { names: number; space: number }>();

  constructor(parentOf: (id: number) => number) {
    this.#parentOf = parentOf;
  }

  /** In the order in which they were first met. */
  get all(): ReadonlyMap<number, Usage> {
    return this.#sums;
  }

  add(directory: number, { names, space }: Usage): void {
    for (let at = directory; at > 0; at = this.#parent(at)) {
      const sum = this.#sums.get(at);
      if (sum === undefined) this.#sums.set(at, { names, space });
      else {
        sum.names += names;
        sum.space += space;
      }
    }
  }

  #parent(id: number): number {
    const known = this.#parents.get(id);
    if (known !== undefined) return known;
    const parent = this.#parentOf(id);
    this.#parents.set(id, parent);
    return parent;
  }
}

export function negative({ names, space }: Usage): Usage {
  return { names: -names, space: -space };
}

function isKept({ counters }: UsageState): boolean {
  return counters.usageFrom > 0;
}

function counts({ usageFrom, usageTo }: Readonly<Counters>, id: number): boolean {
  return id <= usageTo || id >= usageFrom;
}
