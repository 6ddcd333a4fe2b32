/** Walks over everything below a directory, however much it is, without holding up anybody else. */
import type { Journal } from '../journal.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';
import { statement } from '../storage/statements.js';
import { nextTurn } from './next-turn.js';

/** Rows that are read at a stretch: about a millisecond. */
const PAGE_ROWS = 250;

export interface Visited {
  readonly row: InodeRow;
  /** Path from the top of the walk: "/sub/file". */
  readonly below: string;
}

/** A directory that the walk is in. */
interface Level {
  readonly id: number;
  readonly below: string;
  rows: InodeRow[];
  /** Index of the next row. */
  next: number;
}

/**
 * All inodes below the directory `top`, each directory before its entries, as they are when the walk comes to them: what changes meanwhile
 * may be seen or missed. Memory is bounded by the depth of the tree.
 */
export async function* walkTree(journal: Journal, top: number): AsyncGenerator<Visited> {
  const levels: Level[] = [enter(journal, top, '')];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const row = level.rows[level.next++];
    if (row === undefined) {
      await nextTurn();
      if (level.rows.length < PAGE_ROWS) levels.pop();
      else turnPage(journal, level);
      continue;
    }
    const below = `${level.below}/${row.name}`;
    yield { row, below };
    if (row.type === InodeType.DIRECTORY && row.children > 0) levels.push(enter(journal, row.id, below));
  }
}

function enter(journal: Journal, id: number, below: string): Level {
  return { id, below, rows: pageOf(journal, id, ''), next: 0 };
}

function turnPage(journal: Journal, level: Level): void {
  level.rows = pageOf(journal, level.id, level.rows.at(-1)?.name ?? '');
  level.next = 0;
}

function pageOf(journal: Journal, directory: number, after: string): InodeRow[] {
  const sql = 'SELECT * FROM inodes WHERE parent = ? AND name > ? ORDER BY name LIMIT ?';
  return statement<InodeRow>(journal.committed, sql).all(directory, after, PAGE_ROWS);
}
