/** A disk that fails where a test wants it to. */
import {
  type Disk,
  type DiskEntry,
  type DiskFile,
  type DiskSpace,
  type OpenMode,
  type WholeFile,
  writeOneByOne,
} from '../../common/disk.js';

export type DiskOperationKind =
  | 'create'
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'list'
  | 'look';

/** Those that change something, or promise that it stays changed. */
const CHANGES: ReadonlySet<DiskOperationKind> = new Set([
  'create',
  'write',
  'sync',
  'truncate',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
]);

export interface DiskOperation {
  readonly kind: DiskOperationKind;
  readonly path: string;
}

const SECTOR_BYTES = 512;

/** What every operation gets after {@link FaultyDisk.crashAt}. */
export class Crashed extends Error {
  constructor() {
    super('the process has crashed');
  }
}

export function osError(code: string, { kind, path }: DiskOperation): Error {
  return Object.assign(new Error(`${code}: ${kind} '${path}'`), { code });
}

export class FaultyDisk implements Disk {
  readonly #inner: Disk;
  /** Called before each operation; what it throws is how the operation fails. */
  onOperation: (operation: DiskOperation) => void = () => {};
  #changes = 0;
  #crashAt = Number.POSITIVE_INFINITY;

  constructor(inner: Disk) {
    this.#inner = inner;
  }

  /** Operations so far that change something. */
  get changes(): number {
    return this.#changes;
  }

  get crashed(): boolean {
    return this.#changes > this.#crashAt;
  }

  /**
   * Operations that change something have an effect only as long as no more than `changes` were there before them; if
   * the one after those is a write, its first half is done. Everything afterwards fails.
   */
  crashAt(changes: number): void {
    this.#crashAt = changes;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    this.#begin({ kind: mode === 'create' ? 'create' : 'open', path });
    const file = await this.#inner.open(path, mode);
    const begin = (kind: DiskOperationKind): void => this.#begin({ kind, path });
    return {
      path,
      read: (target, position) =>
        attempt(
          () => begin('read'),
          () => file.read(target, position),
        ),
      write: (buffers, position) => this.#write(file, buffers, position),
      sync: () =>
        attempt(
          () => begin('sync'),
          () => file.sync(),
        ),
      truncate: (length) =>
        attempt(
          () => begin('truncate'),
          () => file.truncate(length),
        ),
      size: () =>
        attempt(
          () => begin('look'),
          () => file.size(),
        ),
      identity: () =>
        attempt(
          () => begin('look'),
          () => file.identity(),
        ),
      // A process that dies closes its files.
      close: () => file.close(),
    };
  }

  makeDirectory(path: string): Promise<void> {
    return attempt(
      () => this.#begin({ kind: 'makeDirectory', path }),
      () => this.#inner.makeDirectory(path),
    );
  }

  setMode(path: string, mode: number): Promise<void> {
    return attempt(
      () => this.#begin({ kind: 'look', path }),
      () => this.#inner.setMode(path, mode),
    );
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(
      () => this.#begin({ kind: 'rename', path: from }),
      () => this.#inner.rename(from, to),
    );
  }

  remove(path: string): Promise<void> {
    return attempt(
      () => this.#begin({ kind: 'remove', path }),
      () => this.#inner.remove(path),
    );
  }

  list(path: string): Promise<DiskEntry[]> {
    return attempt(
      () => this.#begin({ kind: 'list', path }),
      () => this.#inner.list(path),
    );
  }

  fileSize(path: string): Promise<number | undefined> {
    return attempt(
      () => this.#begin({ kind: 'look', path }),
      () => this.#inner.fileSize(path),
    );
  }

  syncDirectory(path: string): Promise<void> {
    return attempt(
      () => this.#begin({ kind: 'syncDirectory', path }),
      () => this.#inner.syncDirectory(path),
    );
  }

  space(path: string): Promise<DiskSpace> {
    return attempt(
      () => this.#begin({ kind: 'look', path }),
      () => this.#inner.space(path),
    );
  }

  writeWholeFiles(files: readonly WholeFile[]): Promise<void> {
    return writeOneByOne(this, files);
  }

  async #write(file: DiskFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
    const wasCrashed = this.crashed;
    try {
      this.#begin({ kind: 'write', path: file.path });
    } catch (error) {
      if (!wasCrashed && this.crashed) await file.write([firstHalf(Buffer.concat(buffers), position)], position);
      throw error;
    }
    await file.write(buffers, position);
  }

  #begin(operation: DiskOperation): void {
    if (this.crashed) throw new Crashed();
    this.onOperation(operation);
    if (CHANGES.has(operation.kind)) this.#changes++;
    if (this.crashed) throw new Crashed();
  }
}

/** Up to the end of a sector: within one, a write is done or not. */
function firstHalf(bytes: Buffer, position: number): Buffer {
  const middle = position + (bytes.length >> 1);
  return bytes.subarray(0, Math.max(0, middle - (middle % SECTOR_BYTES) - position));
}

/** A throw of `begin` becomes a rejection. */
async function attempt<T>(begin: () => void, work: () => Promise<T>): Promise<T> {
  begin();
  return work();
}
