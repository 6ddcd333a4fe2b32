/**
 * Files enter the cluster only through here (SQLite's own files excepted), so that a simulated disk can lose un-synced writes,
 * tear them, or run full. The implementation for a real disk is in node-disk.ts.
 *
 * Errors keep the operating system's code (`error.code`: ENOENT, ENOSPC, EIO, EROFS, EACCES, EEXIST, …).
 */

import { dirname } from 'node:path';

export interface DiskFile {
  readonly path: string;
  /** Reads at `position` until `target` is full or the file ends; returns the number of bytes read. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `buffers`, one after the other, from `position` on. The caller must not change them before it resolves. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Returns once everything written so far is on stable storage (fdatasync). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Length in bytes. */
  size(): Promise<number>;
  /** Names the file itself among all files of the machine, under whatever path: two processes that open the same file see the same. */
  identity(): Promise<string>;
  close(): Promise<void>;
}

/**
 * `read`: must exist. `read-no-link`: the same, and its last name must not be a symbolic link. `write`: must exist, read and write.
 * `create`: must not exist, read and write.
 */
export type OpenMode = 'read' | 'read-no-link' | 'write' | 'create';

export interface DiskEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface DiskSpace {
  readonly capacityBytes: number;
  /** What an unprivileged process may still use. */
  readonly availableBytes: number;
}

/** A file with all that is in it. */
export interface WholeFile {
  readonly path: string;
  readonly content: readonly Uint8Array[];
}

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Makes the directory and its missing parents. */
  makeDirectory(path: string): Promise<void>;
  /** Permission bits of a file or directory. */
  setMode(path: string, mode: number): Promise<void>;
  /** Replaces `to` when it exists. Durable only after {@link syncDirectory} of both parents. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; no error when there is none. */
  remove(path: string): Promise<void>;
  list(path: string): Promise<DiskEntry[]>;
  /** Length in bytes of a file; undefined when there is none. */
  fileSize(path: string): Promise<number | undefined>;
  /** Makes renames, creations and removals in this directory durable. */
  syncDirectory(path: string): Promise<void>;
  space(path: string): Promise<DiskSpace>;
  /**
   * Makes files, or replaces what is in them; resolves once all are on stable storage, with their names. All are on one file system. For many small
   * files, of which each alone would cost several calls and a sync. When it fails, any of them may be there, in part.
   */
  writeWholeFiles(files: readonly WholeFile[]): Promise<void>;
}

/** {@link Disk.writeWholeFiles} with the other operations of a disk. */
export async function writeOneByOne(disk: Omit<Disk, 'writeWholeFiles'>, files: readonly WholeFile[]): Promise<void> {
  for (const { path, content } of files) {
    await disk.remove(path);
    const file = await disk.open(path, 'create');
    try {
      await file.write(content, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  for (const directory of new Set(files.map(({ path }) => dirname(path)))) await disk.syncDirectory(directory);
}
