/** Finds inodes by path, checking on the way that the caller may walk there. */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../common/errors.js';
import { type DfsPath, parsePath, prefixOf } from './paths.js';
import { Access, type Caller, requireAccess } from './permissions.js';
import { directoryCache, type WalkedInode } from './storage/directory-cache.js';
import { inodeById, inodeByName } from './storage/inode-rows.js';
import type { InodeRow } from './storage/rows.js';
import { DELETED_INODE_ID, InodeType, ROOT_INODE_ID, ROOT_PARENT_ID } from './storage/schema.js';
import { statement } from './storage/statements.js';

/** How far a path leads. */
export interface ResolvedPath {
  readonly path: DfsPath;
  /**
   * The directories above the last component that exist, the root first; empty for the path "/". When there are as many as the path has
   * components, the last one is the parent of what the path names; otherwise parents are missing.
   */
  readonly directories: readonly WalkedInode[];
  /** What the path names, if it exists. */
  readonly inode: InodeRow | undefined;
}

/** As text: what a path begins with that names an inode by its id. */
const BY_ID = /^\/\.reserved\/\.inodes\/([1-9]\d{0,15})(\/.*)?$/s;

/**
 * HDFS's second way to name an inode: `/.reserved/.inodes/<id>`, and entries below it. It goes on working when the inode, or something above
 * it, is renamed. Returns the path by names as it is now.
 * @throws DfsError `FileNotFound` when there is no such inode.
 */
export function namedPath(db: Database, path: DfsPath): DfsPath {
  if (path.components[0] !== '.reserved') return path;
  const [, id, below = ''] = BY_ID.exec(path.text) ?? [];
  if (id === undefined) return path;
  const top = pathOf(db, Number(id));
  if (top === undefined) throw fileNotFound(path.text);
  return parsePath(top === '/' && below !== '' ? below : `${top}${below}`);
}

/**
 * The path of the result is the {@link namedPath} of `given`.
 * @throws DfsError `AccessControl` when the caller may not search a directory on the way, `ParentNotDirectory` when something on
 *   the way is a file.
 */
export function resolve(db: Database, caller: Caller, given: DfsPath): ResolvedPath {
  const path = namedPath(db, given);
  const { components } = path;
  const cache = directoryCache(db);
  const directories: WalkedInode[] = [];
  let next = cache.lookUp(ROOT_PARENT_ID, '');
  for (let depth = 0; depth < components.length; depth++) {
    if (next === undefined) return { path, directories, inode: undefined };
    if (next.type !== InodeType.DIRECTORY) {
      throw new DfsError('ParentNotDirectory', `${prefixOf(path, depth)} (is not a directory)`);
    }
    if (!caller.superuser) requireAccess(caller, next, Access.EXECUTE, () => prefixOf(path, depth));
    directories.push(next);
    if (depth < components.length - 1) next = cache.lookUp(next.id, components[depth] as string);
  }
  const parent = directories.at(-1);
  return {
    path,
    directories,
    inode:
      parent === undefined ? inodeById(db, ROOT_INODE_ID) : inodeByName(db, parent.id, components.at(-1) as string),
  };
}

/** The inode at the end of the path. @throws DfsError `FileNotFound`, and those of {@link resolve}. */
export function requireInode(db: Database, caller: Caller, path: DfsPath): ResolvedPath & { readonly inode: InodeRow } {
  const { inode, ...found } = resolve(db, caller, path);
  if (inode === undefined) throw fileNotFound(path.text);
  return { ...found, inode };
}

/** The file at the end of the path. @throws DfsError `IsADirectory`, `FileNotFound`, and those of {@link resolve}. */
export function requireFile(db: Database, caller: Caller, path: DfsPath): ResolvedPath & { readonly inode: InodeRow } {
  const found = requireInode(db, caller, path);
  if (found.inode.type !== InodeType.FILE) throw new DfsError('IsADirectory', `Path is not a file: ${path.text}`);
  return found;
}

/** The directory that holds what the path names; undefined when it does not exist, or for the path "/". */
export function parentOf({ path, directories }: ResolvedPath): WalkedInode | undefined {
  return directories.length === path.components.length ? directories.at(-1) : undefined;
}

/**
 * The path of an inode; undefined when it, or something above it, has been deleted. For one that was found by its id: its path may
 * have changed since the caller learned it.
 */
export function pathOf(db: Database, id: number): string | undefined {
  const select = statement<{ parent: number; name: string }>(db, 'SELECT parent, name FROM inodes WHERE id = ?');
  const names: string[] = [];
  for (let at = id; at !== ROOT_INODE_ID; ) {
    const row = select.get(at);
    if (row === undefined || row.parent === DELETED_INODE_ID) return undefined;
    names.push(row.name);
    at = row.parent;
  }
  return `/${names.reverse().join('/')}`;
}

/** Whether neither an inode nor anything above it has been deleted. */
export function isAttached(db: Database, id: number): boolean {
  // `pluck` stays with a statement, and statements are shared by their text: this one is nobody else's.
  const select = statement<number>(db, 'SELECT parent AS above FROM inodes WHERE id = ?').pluck();
  for (let at: number | undefined = id; at !== ROOT_INODE_ID; at = select.get(at)) {
    if (at === undefined || at === DELETED_INODE_ID) return false;
  }
  return true;
}

export function fileNotFound(path: string): DfsError {
  return new DfsError('FileNotFound', `File does not exist: ${path}`);
}
