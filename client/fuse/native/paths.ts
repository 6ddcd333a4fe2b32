/**
 * libfuse asks by paths, the file system is one of inodes. What a path leads to is remembered for as long as the kernel itself may go by it; libfuse locks
 * paths, so that none is looked up here while it is renamed or removed.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../common/clock.js';
import { Errno } from '../errno.js';
import type { Attributes, FileSystemOperations } from '../file-system-operations.js';
import { ROOT_NODE } from '../nodes.js';

export interface Entry {
  readonly parent: number;
  readonly name: string;
}

/** As long as the kernel's own (`entry_timeout`). */
export const VALIDITY_MS = 1_000;
const PATHS_MAX = 16_384;
/** Inodes of which the file system keeps what the cluster does not know, like the time of the last change of status. */
const INODES_MAX = 65_536;
/** Stands in the text for bytes that are no UTF-8: which ones, fuse-native does not say. */
const REPLACEMENT = '\ufffd';

export class Paths {
  readonly #operations: FileSystemOperations;
  readonly #inodes: LRUCache<string, number>;
  /** Of what was just made or changed: libfuse asks for the attributes at once, and once. */
  readonly #fresh: LRUCache<string, Attributes>;
  /** The file system knows each of these inodes from one lookup. */
  readonly #kept: LRUCache<number, true>;
  /** Removed files that are open, by the names that libfuse gave them. */
  readonly #removed = new Map<string, number>();

  constructor(operations: FileSystemOperations, clock: Clock) {
    this.#operations = operations;
    const perf = { now: () => clock.monotonicMs() };
    this.#inodes = new LRUCache({ max: PATHS_MAX, ttl: VALIDITY_MS, ttlResolution: 0, perf });
    this.#fresh = new LRUCache({ max: PATHS_MAX, ttl: VALIDITY_MS, ttlResolution: 0, perf });
    this.#kept = new LRUCache({ max: INODES_MAX, dispose: (_, inode) => operations.forget(inode, 1) });
  }

  /** The inode at a path that the kernel has looked up. */
  async inode(path: string): Promise<number> {
    if (path === '/') return ROOT_NODE;
    const known = this.#removed.get(path) ?? this.#inodes.get(path);
    return known ?? (await this.#lookup(path)).inode;
  }

  async attributes(path: string): Promise<Attributes> {
    const fresh = this.expected(path);
    if (fresh !== undefined) return fresh;
    const removed = path === '/' ? ROOT_NODE : this.#removed.get(path);
    if (removed !== undefined) return await this.#operations.getattr(removed, 0);
    return await this.#lookup(path);
  }

  /** Where the last name of a path stands. */
  async entry(path: string): Promise<Entry> {
    const slash = path.lastIndexOf('/');
    return { parent: await this.inode(path.slice(0, slash) || '/'), name: path.slice(slash + 1) };
  }

  /** For a path that shall come to be. @throws Errno EILSEQ for a name that is not UTF-8. */
  async newEntry(path: string): Promise<Entry> {
    return await this.entry(this.requireText(path));
  }

  /** @throws Errno EILSEQ for bytes that are not UTF-8. */
  requireText(text: string): string {
    if (text.includes(REPLACEMENT)) throw new Errno('EILSEQ');
    return text;
  }

  /** The file system has answered with the attributes of something that was looked up, or made. */
  found(path: string, attributes: Attributes): void {
    const { inode } = attributes;
    this.#inodes.set(path, inode);
    if (this.#kept.get(inode) === undefined) this.#kept.set(inode, true);
    else this.#operations.forget(inode, 1);
  }

  /** The same of what was just made. */
  made(path: string, attributes: Attributes): void {
    this.found(path, attributes);
    this.expect(path, attributes);
  }

  /** libfuse will ask for these next, and keep them as long as any. */
  expect(path: string, attributes: Attributes): void {
    if (attributes.ageMs === 0) this.#fresh.set(path, attributes);
  }

  /** What was to be expected, once. */
  expected(path: string): Attributes | undefined {
    const attributes = this.#fresh.get(path);
    this.#fresh.delete(path);
    return attributes;
  }

  /** The path leads nowhere any more. */
  gone(path: string): void {
    this.#inodes.delete(path);
    this.#fresh.delete(path);
  }

  /** Neither the one path, nor the other, nor what is below them, lead to where they did. */
  moved(from: string, to: string): void {
    for (const path of [from, to]) this.gone(path);
    for (const path of this.#inodes.keys()) {
      if (path.startsWith(`${from}/`) || path.startsWith(`${to}/`)) this.gone(path);
    }
  }

  /** An open file was removed; libfuse goes on calling it by this path. */
  removedAs(path: string, inode: number): void {
    this.#removed.set(path, inode);
  }

  /** Ends that. @returns whether the path is the one of a removed file. */
  forgetRemoved(path: string): boolean {
    return this.#removed.delete(path);
  }

  async #lookup(path: string): Promise<Attributes> {
    if (path.includes(REPLACEMENT)) throw new Errno('ENOENT');
    const { parent, name } = await this.entry(path);
    const attributes = await this.#operations.lookup(parent, name);
    if (attributes === undefined) throw new Errno('ENOENT');
    this.found(path, attributes);
    return attributes;
  }
}
