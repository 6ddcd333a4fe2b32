/**
 * A file system as the kernel asks for it: by inodes and open handles. Between the drivers, which speak with the kernel, and the
 * cluster. Names are text; whatever fails throws a DfsError, whose errno the driver answers with.
 */

import type { XattrMode } from '../posix-namespace.js';
import type { TimesChange } from '../types.js';
import type { ReadResult } from './read-ahead.js';

/** What is known of an inode, as stat(2) shows it. */
export interface Attributes {
  readonly inode: number;
  readonly size: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
  /** How long ago they were so in the cluster, as far as that is known here: nobody may go by them for longer than the rest of a second. */
  readonly ageMs: number;
}

/** Milliseconds since 1970, and nanoseconds within the millisecond. */
export interface Timestamp {
  readonly ms: number;
  readonly ns: number;
}

export interface DirectoryEntry {
  readonly name: Buffer;
  readonly inode: number;
  /** Type bits of the mode, shifted down: DT_DIR and the like. */
  readonly type: number;
  /** What it is; undefined for `.` and `..`. */
  readonly attributes: Attributes | undefined;
}

export interface Statfs {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly free: number;
  readonly available: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly nameBytesMax: number;
}

/** Who asks, by the numbers of this machine. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** What is not given stays as it is. */
export interface AttributeChange {
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly times?: TimesChange;
  /** Setuid and setgid go, as somebody without the right to keep them has changed the file. */
  readonly dropsPrivileges: boolean;
}

export interface OpenRequest {
  readonly writes: boolean;
  readonly appends: boolean;
  readonly truncates: boolean;
  readonly dropsPrivileges: boolean;
}

export interface OpenedFile {
  readonly handle: number;
  /** The kernel's cached pages are still good. */
  readonly keepsCache: boolean;
}

export interface RenameTarget {
  readonly parent: number;
  readonly name: string;
  readonly mayReplace: boolean;
}

/** What is answered with attributes makes the inode known to the kernel, which says with `forget` when it lets go. */
export interface FileSystemOperations {
  /** Undefined when there is no such name. */
  lookup(parent: number, name: string): Promise<Attributes | undefined>;
  forget(node: number, lookups: number): void;
  /** @param maxAgeMs of those that the kernel still takes from here, instead of from the cluster. */
  getattr(node: number, maxAgeMs: number): Promise<Attributes>;
  setattr(node: number, change: AttributeChange): Promise<Attributes>;
  readlink(node: number): Promise<string>;

  mkdir(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes>;
  mknod(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes>;
  symlink(caller: Caller, parent: number, name: string, target: string): Promise<Attributes>;
  unlink(parent: number, name: string): Promise<void>;
  rmdir(parent: number, name: string): Promise<void>;
  rename(parent: number, name: string, to: RenameTarget): Promise<void>;

  opendir(node: number): Promise<number>;
  /** Calls `add` for each entry from `offset` on, with the offset behind it, until it returns false. */
  readdir(handle: number, offset: number, add: (entry: DirectoryEntry, next: number) => boolean): Promise<void>;
  /** The kernel was told of an entry together with its attributes, and knows the inode from now on. */
  listed(entry: DirectoryEntry, parent: number): void;
  releasedir(handle: number): Promise<void>;

  open(node: number, request: OpenRequest): Promise<OpenedFile>;
  create(
    caller: Caller,
    parent: number,
    name: string,
    mode: number,
    request: OpenRequest & { readonly exclusive: boolean },
  ): Promise<OpenedFile & { readonly attributes: Attributes }>;
  read(handle: number, position: number, size: number, signal: AbortSignal): Promise<ReadResult>;
  /** `data` is not looked at any more once the promise has resolved. */
  write(handle: number, position: number, data: Buffer, dropsPrivileges: boolean): Promise<void>;
  allocate(handle: number, end: number): Promise<void>;
  flush(handle: number): Promise<void>;
  fsync(handle: number): Promise<void>;
  release(handle: number): Promise<void>;

  getxattr(node: number, name: string): Promise<Buffer>;
  listxattr(node: number): Promise<readonly string[]>;
  setxattr(node: number, name: string, value: Buffer, mode: XattrMode): Promise<void>;
  removexattr(node: number, name: string): Promise<void>;
  statfs(): Promise<Statfs>;
  /** Unmounted: everything that programs were told is written is in the cluster already. */
  close(): Promise<void>;
}
