import { dirname } from 'node:path';
import {
  type Disk,
  type DiskEntry,
  type DiskFile,
  type DiskSpace,
  type OpenMode,
  type WholeFile,
  writeOneByOne,
} from '../../../common/disk.js';
import type { Random } from '../../../common/random.js';

const SECTOR_BYTES = 64;

interface Contents {
  bytes: Buffer;
  /** What a crash leaves for sure. */
  synced: Buffer;
}

export type DiskOperation = 'write' | 'sync' | 'truncate' | 'rename' | 'create' | 'remove' | 'syncDirectory';

/** Files in memory that can fail, and lose or tear what was not synced. Names are durable at once. */
export class FakeDisk implements Disk {
  readonly files = new Map<string, Contents>();
  /** What was done, in order: `write /x`, `sync /x`, … */
  readonly events: string[] = [];
  /** Throws to make an operation fail; a write fails after it has written half of its bytes. */
  fault: (operation: DiskOperation, path: string) => void = () => {};
  availableBytes = 2 ** 40;

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode === 'create') {
      this.#record('create', path);
      if (this.files.has(path)) throw osError('EEXIST', path);
      this.files.set(path, { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) });
    }
    const contents = this.files.get(path);
    if (contents === undefined) throw osError('ENOENT', path);
    return new FakeFile(path, contents, (operation) => this.#record(operation, path));
  }

  async makeDirectory(): Promise<void> {}

  async setMode(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    this.#record('rename', to);
    const contents = this.files.get(from);
    if (contents === undefined) throw osError('ENOENT', from);
    this.files.delete(from);
    this.files.set(to, contents);
  }

  async remove(path: string): Promise<void> {
    this.#record('remove', path);
    this.files.delete(path);
  }

  async list(path: string): Promise<DiskEntry[]> {
    const names = [...this.files.keys()]
      .filter((file) => dirname(file) === path)
      .map((file) => file.slice(path.length + 1));
    return names.map((name) => ({ name, isDirectory: false }));
  }

  async fileSize(path: string): Promise<number | undefined> {
    return this.files.get(path)?.bytes.length;
  }

  async syncDirectory(path: string): Promise<void> {
    this.#record('syncDirectory', path);
  }

  async space(): Promise<DiskSpace> {
    return { capacityBytes: 2 ** 41, availableBytes: this.availableBytes };
  }

  writeWholeFiles(files: readonly WholeFile[]): Promise<void> {
    return writeOneByOne(this, files);
  }

  /** The bytes of a file, to look at or to damage. */
  bytesOf(path: string): Buffer {
    const contents = this.files.get(path);
    if (contents === undefined) throw osError('ENOENT', path);
    return contents.bytes;
  }

  put(path: string, bytes: Buffer): void {
    this.files.set(path, { bytes: Buffer.from(bytes), synced: Buffer.from(bytes) });
  }

  /** The power fails. Of what was not synced everything may be there, or some sectors of some length of the file, or nothing. */
  crash(random: Random): void {
    const reached = random.int(3);
    for (const contents of this.files.values()) {
      const { bytes, synced } = contents;
      if (reached < 2) {
        contents.bytes = Buffer.from(reached === 0 ? synced : bytes);
        contents.synced = Buffer.from(contents.bytes);
        continue;
      }
      const length = synced.length + random.int(Math.max(0, bytes.length - synced.length) + 1);
      const left = Buffer.alloc(length);
      synced.copy(left);
      for (let at = 0; at < length; at += SECTOR_BYTES) {
        if (random.int(2) === 0) bytes.copy(left, at, at, Math.min(at + SECTOR_BYTES, length));
      }
      contents.bytes = left;
      contents.synced = Buffer.from(left);
    }
  }

  #record(operation: DiskOperation, path: string): void {
    this.events.push(`${operation} ${path}`);
    this.fault(operation, path);
  }
}

class FakeFile implements DiskFile {
  readonly path: string;
  readonly #contents: Contents;
  readonly #record: (operation: DiskOperation) => void;

  constructor(path: string, contents: Contents, record: (operation: DiskOperation) => void) {
    this.path = path;
    this.#contents = contents;
    this.#record = record;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.#contents.bytes.copy(target, 0, position);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = Buffer.concat(buffers);
    try {
      this.#record('write');
    } catch (error) {
      this.#put(bytes.subarray(0, bytes.length >> 1), position);
      throw error;
    }
    this.#put(bytes, position);
  }

  async sync(): Promise<void> {
    this.#record('sync');
    this.#contents.synced = Buffer.from(this.#contents.bytes);
  }

  async truncate(length: number): Promise<void> {
    this.#record('truncate');
    this.#contents.bytes = Buffer.from(this.#contents.bytes.subarray(0, length));
  }

  async size(): Promise<number> {
    return this.#contents.bytes.length;
  }

  async identity(): Promise<string> {
    return this.path;
  }

  async close(): Promise<void> {}

  #put(bytes: Buffer, position: number): void {
    const whole = Buffer.alloc(Math.max(this.#contents.bytes.length, position + bytes.length));
    this.#contents.bytes.copy(whole);
    bytes.copy(whole, position);
    this.#contents.bytes = whole;
  }
}

export function osError(code: string, path = ''): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
