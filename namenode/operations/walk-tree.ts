/** Walks over everything below a directory, however much it is, without holding up anybody else. */
import type { Journal } from '../journal.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';
import { statement } from '../storage/statements.js';
import { nextTurn } from './next-turn.js';

/** Rows that are read at a stretch: about a millisecond. */
const PAGE_ROWS = 250;

/** Of an inode, what those need who walk. */
export type VisitedRow = Pick<
  InodeRow,
  'id' | 'name' | 'type' | 'mode' | 'owner' | 'grp' | 'children' | 'length' | 'replication'
>;

/** Entries of one directory that follow each other. */
export interface Visited {
  /** Path of the directory from the top of the walk: "" for the top itself, "/sub" below it. */
  readonly directory: string;
  readonly rows: readonly VisitedRow[];
}

/** A directory that the walk is in. */
interface Level {
  readonly id: number;
  readonly path: string;
  page: VisitedRow[];
  /** Index of the next row of the page. */
  next: number;
}

/**
 * All inodes below the directory `top`, each directory before its entries, as they are when the walk comes to them: what changes meanwhile
 * may be seen or missed. Memory is bounded by the depth of the tree.
 */
export async function* walkTree(journal: Journal, top: number): AsyncGenerator<Visited> {
  const levels: Level[] = [enter(journal, top, '')];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const rows = takeRun(level);
    if (rows.length > 0) yield { directory: level.path, rows };
    const last = rows.at(-1);
    if (last !== undefined && isFilledDirectory(last)) {
      levels.push(enter(journal, last.id, `${level.path}/${last.name}`));
      continue;
    }
    await nextTurn();
    if (level.page.length < PAGE_ROWS) levels.pop();
    else turnPage(journal, level);
  }
}

/** The rest of the page, or as much of it as comes before the walk has to enter a directory, that one included. */
function takeRun(level: Level): VisitedRow[] {
  const start = level.next;
  const index = level.page.findIndex((row, i) => i >= start && isFilledDirectory(row));
  level.next = index < 0 ? level.page.length : index + 1;
  return level.page.slice(start, level.next);
}

function isFilledDirectory({ type, children }: VisitedRow): boolean {
  return type === InodeType.DIRECTORY && children > 0;
}

function enter(journal: Journal, id: number, path: string): Level {
  return { id, path, page: pageOf(journal, id, ''), next: 0 };
}

function turnPage(journal: Journal, level: Level): void {
  level.page = pageOf(journal, level.id, level.page.at(-1)?.name ?? '');
  level.next = 0;
}

function pageOf(journal: Journal, directory: number, after: string): VisitedRow[] {
  const sql = `
    SELECT id, name, type, mode, owner, grp, children, length, replication
    FROM inodes WHERE parent = ? AND name > ? ORDER BY name LIMIT ?`;
  return statement<VisitedRow>(journal.committed, sql).all(directory, after, PAGE_ROWS);
}
