/**
 * Takes apart what was deleted. A delete only moves the top of a tree out of the namespace; the rows below it, and the blocks of its
 * files, go here, in slices that hold nobody up. A restart goes on where the last process stopped.
 */
import type { Database } from 'better-sqlite3';
import { change, type Namesystem } from './namesystem.js';
import { NAMENODE } from './operations/lease-recovery.js';
import { nextTurn } from './operations/next-turn.js';
import { DELETED_INODE_ID, InodeType } from './storage/schema.js';
import { statement } from './storage/statements.js';

/** Rows that one record removes: two or three milliseconds. */
const SLICE_ROWS = 250;

export interface Slice {
  readonly blocks: readonly number[];
  readonly inodes: readonly number[];
}

interface Found {
  readonly id: number;
  readonly type: number;
}

/** What can go next: files after their blocks, directories after their entries. Empty when all is done. */
export function nextSlice(db: Database, maxRows: number): Slice {
  const blocks: number[] = [];
  const inodes: number[] = [];
  const room = () => maxRows - blocks.length - inodes.length;

  const takeBlocks = (file: number): boolean => {
    const limit = room();
    const sql = 'SELECT id FROM blocks WHERE inode = ? ORDER BY idx LIMIT ?';
    const rows = statement<{ id: number }>(db, sql).all(file, limit);
    for (const { id } of rows) blocks.push(id);
    return rows.length < limit;
  };
  /** Whether all entries were taken. One more is read than there is room for, so that the loop cannot end with any left. */
  const takeEntries = (directory: number): boolean => {
    for (const { id, type } of entriesOf(db, directory, room() + 1)) {
      const isEmpty = room() > 0 && (type === InodeType.DIRECTORY ? takeEntries(id) : takeBlocks(id));
      if (!isEmpty || room() <= 0) return false;
      inodes.push(id);
    }
    return true;
  };
  takeEntries(DELETED_INODE_ID);
  return { blocks, inodes };
}

function entriesOf(db: Database, directory: number, limit: number): Found[] {
  const sql = 'SELECT id, type FROM inodes WHERE parent = ? ORDER BY name LIMIT ?';
  return statement<Found>(db, sql).all(directory, limit);
}

export class Reaper {
  readonly #ns: Namesystem;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(ns: Namesystem) {
    this.#ns = ns;
  }

  /** Begins to work if there is anything to do; in safe mode there is not. */
  wake(): void {
    if (this.#stopped || this.#running !== undefined || this.#ns.blocks.safeMode().on) return;
    this.#running = this.#run()
      .catch((error: unknown) =>
        this.#ns.logger.warn({ err: error }, 'removing deleted files failed and will be tried again'),
      )
      .finally(() => {
        this.#running = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Resolves when nothing is being removed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped && (await this.#reapSlice())) await nextTurn();
  }

  /** False when nothing was left. */
  async #reapSlice(): Promise<boolean> {
    return await change<boolean>(this.#ns, NAMENODE, 'remove deleted files', (tx) => {
      const { blocks, inodes } = nextSlice(tx.db, SLICE_ROWS);
      if (blocks.length === 0 && inodes.length === 0) return { answer: false };
      return { answer: true, record: { op: 'reap', blocks, inodes } };
    });
  }
}
