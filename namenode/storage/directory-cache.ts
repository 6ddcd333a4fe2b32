/**
 * Directories as far as walking through them needs them, kept in memory per connection: nearly every call walks through the same few.
 * An entry is found by parent and name and is valid until its inode is moved, deleted, or gets another mode, owner or group; apply.ts
 * tells. What the open batch changed is forgotten at once for the writing connection, and at the commit for the reading one.
 */
import type { Database } from 'better-sqlite3';
import { statement } from './statements.js';

/** Beyond this the cache is emptied: about 50 MB. */
const ENTRIES_MAX = 200_000;

/** What walking through an inode needs. */
export interface WalkedInode {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly type: number;
  readonly mode: number;
  readonly owner: string;
  readonly grp: string;
}

const caches = new WeakMap<Database, DirectoryCache>();

/** The cache of a connection. */
export function directoryCache(db: Database): DirectoryCache {
  let cache = caches.get(db);
  if (cache === undefined) {
    cache = new DirectoryCache(db);
    caches.set(db, cache);
  }
  return cache;
}

export class DirectoryCache {
  readonly #db: Database;
  readonly #byId = new Map<number, WalkedInode>();
  readonly #byParent = new Map<number, Map<string, WalkedInode>>();
  #forgotten: number[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** The entry `name` of the directory `parent`; undefined when there is none. */
  lookUp(parent: number, name: string): WalkedInode | undefined {
    const cached = this.#byParent.get(parent)?.get(name);
    if (cached !== undefined) return cached;
    const sql = 'SELECT id, parent, name, type, mode, owner, grp FROM inodes WHERE parent = ? AND name = ?';
    const found = statement<WalkedInode>(this.#db, sql).get(parent, name);
    if (found !== undefined) this.#remember(found);
    return found;
  }

  forget(id: number): void {
    this.#forgotten.push(id);
    this.#drop(id);
  }

  clear(): void {
    this.#byId.clear();
    this.#byParent.clear();
    this.#forgotten = [];
  }

  /** Forgets what `other` has forgotten since the last call. */
  follow(other: DirectoryCache): void {
    for (const id of other.#forgotten) this.#drop(id);
    other.#forgotten = [];
  }

  #remember(inode: WalkedInode): void {
    if (this.#byId.size >= ENTRIES_MAX) {
      this.#byId.clear();
      this.#byParent.clear();
    }
    this.#byId.set(inode.id, inode);
    let siblings = this.#byParent.get(inode.parent);
    if (siblings === undefined) {
      siblings = new Map();
      this.#byParent.set(inode.parent, siblings);
    }
    siblings.set(inode.name, inode);
  }

  #drop(id: number): void {
    const inode = this.#byId.get(id);
    if (inode === undefined) return;
    this.#byId.delete(id);
    const siblings = this.#byParent.get(inode.parent);
    siblings?.delete(inode.name);
    if (siblings?.size === 0) this.#byParent.delete(inode.parent);
  }
}
