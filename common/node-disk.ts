/** Files (disk.ts) on a real disk. */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { withoutFirst } from './buffers.js';
import type { Disk, DiskFile, OpenMode } from './disk.js';
import { DfsError, type ErrorName, messageOf, osErrorCode } from './errors.js';
import { WholeFileWriter } from './whole-files.js';

const FLAGS: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  'read-no-link': fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

// The callback functions under the promises: FileHandle adds a layer that costs as much as a small write, and `rm` looks twice at
// what it is to remove before it does.
const open = promisify(fs.open);
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate);
const fstat = promisify(fs.fstat);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);
const mkdir = promisify(fs.mkdir);
const stat = promisify(fs.stat);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);

function readAt(fd: number, target: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, offset, target.length - offset, position, (error, bytesRead) => {
      if (error) reject(error);
      else resolve(bytesRead);
    });
  });
}

function writevAt(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers, position, (error, bytesWritten) => {
      if (error) reject(error);
      else resolve(bytesWritten);
    });
  });
}

class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const bytesRead = await readAt(this.#fd, target, done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let remaining = buffers;
    let at = position;
    while (remaining.length > 0) {
      const written = await writevAt(this.#fd, remaining, at);
      at += written;
      remaining = withoutFirst(remaining, written);
    }
  }

  sync(): Promise<void> {
    return fdatasync(this.#fd);
  }

  truncate(length: number): Promise<void> {
    return ftruncate(this.#fd, length);
  }

  async size(): Promise<number> {
    return (await fstat(this.#fd)).size;
  }

  identity(): Promise<string> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#fd, { bigint: true }, (error, stats) => {
        if (error) reject(error);
        else resolve(`${stats.dev}:${stats.ino}`);
      });
    });
  }

  close(): Promise<void> {
    return close(this.#fd);
  }
}

/** Not Node's own `recursive`: it never returns where a directory cannot be made inside one that exists, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOneDirectory(path);
  } catch (error) {
    const parent = dirname(path);
    if (osErrorCode(error) !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent);
    await makeOneDirectory(path);
  }
}

async function makeOneDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (osErrorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

const wholeFiles = new WholeFileWriter();

export const nodeDisk: Disk = {
  async open(path, mode) {
    return new NodeDiskFile(path, await open(path, FLAGS[mode], 0o644));
  },
  makeDirectory,
  setMode: promisify(fs.chmod),
  rename,
  async remove(path) {
    try {
      await unlink(path);
    } catch (error) {
      if (osErrorCode(error) !== 'ENOENT') throw error;
    }
  },
  async list(path) {
    const entries = await fs.promises.readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
  },
  async fileSize(path) {
    try {
      return (await fs.promises.stat(path)).size;
    } catch (error) {
      if (osErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  async syncDirectory(path) {
    const directory = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await fsync(directory);
    } finally {
      await close(directory);
    }
  },
  async space(path) {
    const { blocks, bavail, bsize } = await fs.promises.statfs(path);
    return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize };
  },
  writeWholeFiles: (files) => wholeFiles.write(files),
};

/**
 * The bytes of a small file.
 * @throws DfsError `DamagedMetadata` when it is longer than `maxBytes`; the operating system's error when it cannot be read.
 */
export async function readWhole(disk: Disk, path: string, maxBytes: number): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    if (size > maxBytes) {
      throw new DfsError('DamagedMetadata', `${path} has ${size} bytes; at most ${maxBytes} are expected in it`);
    }
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * Replaces a small file as a whole: after a crash there is either the old one or the new one. For one writer at a time; uses
 * the name `<path>.tmp` beside it.
 */
export async function writeDurably(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await disk.remove(temporary);
  try {
    const file = await disk.open(temporary, 'create');
    try {
      await file.write([bytes], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => {}); // on a disk that is full, what it takes is missed elsewhere
    throw error;
  }
  await disk.syncDirectory(dirname(path));
}

const OS_ERRORS: Record<string, [ErrorName, string]> = {
  ENOENT: ['FileNotFound', 'no such file or directory'],
  EEXIST: ['FileAlreadyExists', 'the file exists'],
  ENOTDIR: ['NotADirectory', 'not a directory'],
  EISDIR: ['IsADirectory', 'is a directory'],
  ENOTEMPTY: ['PathIsNotEmptyDirectory', 'the directory is not empty'],
  EACCES: ['AccessControl', 'permission denied'],
  EPERM: ['NotOwner', 'operation not permitted'],
  EROFS: ['AccessControl', 'the file system is read-only'],
  ENOSPC: ['NoSpace', 'no space left on the disk'],
  EDQUOT: ['NoSpace', 'the disk quota is used up'],
  EMFILE: ['Overloaded', 'too many open files in this process'],
  ENFILE: ['Overloaded', 'too many open files on this machine'],
  EIO: ['DamagedMetadata', 'the disk failed (input/output error)'],
};

/** An operating system's error for a user: `wrapOsError(error, 'write', path)` says "cannot write /x: no space left on the disk". */
export function wrapOsError(error: unknown, verb: string, path: string): DfsError {
  if (error instanceof DfsError) return error;
  const [name, reason] = OS_ERRORS[osErrorCode(error) ?? ''] ?? ['Internal', messageOf(error)];
  return new DfsError(name, `cannot ${verb} ${path}: ${reason}`, { cause: error });
}
