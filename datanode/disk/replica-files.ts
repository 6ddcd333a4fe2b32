import type { ChecksumSpec } from '../../common/checksum.js';
import {
  CHECKSUM_SIZE_BYTES,
  checksumsLength,
  computeChecksums,
  decodeMetaHeader,
  encodeMetaHeader,
  META_HEADER_LENGTH,
  verifyChecksums,
} from '../../common/checksum.js';
import type { Disk, DiskFile, OpenMode } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { coveredPrefix } from './covered-prefix.js';
import type { WholeReplica } from './journal-record.js';
import { MemoryFile } from './memory-file.js';

/**
 * The open data and meta file of one replica. Data goes in from chunk boundaries on, each chunk with its checksum.
 *
 * Data is written before its checksums, always: if the process dies in between, the data file has more than the meta
 * file vouches for, and replica-check.ts finds the length that both agree on. The other way round, a chunk that was
 * good before would stand against the checksum of bytes that never came.
 */
export class ReplicaFiles {
  readonly checksum: ChecksumSpec;
  readonly #data: DiskFile;
  readonly #meta: DiskFile;
  #hasHeader: boolean;
  /**
   * Where the chunk begins whose first part was promised to be on stable storage (hsync); undefined when only whole
   * chunks were.
   */
  #syncedPartialChunk: number | undefined;
  #closed: Promise<void> | undefined;

  private constructor(data: DiskFile, meta: DiskFile, checksum: ChecksumSpec, hasHeader: boolean) {
    this.#data = data;
    this.#meta = meta;
    this.checksum = checksum;
    this.#hasHeader = hasHeader;
  }

  /** New files; neither may exist. */
  static async create(disk: Disk, dataPath: string, metaPath: string, checksum: ChecksumSpec): Promise<ReplicaFiles> {
    const [data, meta] = await openBoth(disk, dataPath, metaPath, 'create');
    return new ReplicaFiles(data, meta, checksum, false);
  }

  /** A replica that has no files of its own yet, to be read. The paths are those that its files will have. */
  static inMemory({ checksum, checksums, data }: WholeReplica, dataPath: string, metaPath: string): ReplicaFiles {
    const meta = new MemoryFile(metaPath, Buffer.concat([encodeMetaHeader(checksum), checksums]));
    return new ReplicaFiles(new MemoryFile(dataPath, Buffer.concat(data)), meta, checksum, true);
  }

  /** @throws DfsError `Corrupt` when the header of the meta file cannot be understood. */
  static async open(disk: Disk, dataPath: string, metaPath: string, mode: 'read' | 'write'): Promise<ReplicaFiles> {
    const [data, meta] = await openBoth(disk, dataPath, metaPath, mode);
    try {
      const header = Buffer.allocUnsafe(META_HEADER_LENGTH);
      const length = await meta.read(header, 0);
      const checksum = decodeMetaHeader(header.subarray(0, length));
      await requireChecksumsOf(checksum, meta);
      const files = new ReplicaFiles(data, meta, checksum, true);
      // What is in it may have been promised to be on stable storage, by whoever wrote it before.
      if (mode === 'write') files.#keepPartialChunk(await data.size());
      return files;
    } catch (error) {
      await closeAll([data, meta]);
      throw error;
    }
  }

  /** Writes `data`, which begins at a chunk's start `offset`, and then its `checksums`. */
  async write(offset: number, data: readonly Uint8Array[], checksums: readonly Uint8Array[]): Promise<void> {
    await this.#data.write(data, offset);
    // Otherwise the new checksum could reach the disk before the bytes that it covers, and what was synced would look
    // damaged.
    if (this.#syncedPartialChunk !== undefined && offset <= this.#syncedPartialChunk) await this.#data.sync();
    await this.#writeChecksums(offset, checksums);
  }

  /** An empty replica has a meta file of only the header. */
  async writeHeader(): Promise<void> {
    if (!this.#hasHeader) await this.#writeChecksums(0, []);
  }

  async #writeChecksums(offset: number, checksums: readonly Uint8Array[]): Promise<void> {
    if (this.#hasHeader) {
      if (this.checksum.type !== 'NULL') await this.#meta.write(checksums, this.#metaPosition(offset));
      return;
    }
    // The first packet of a replica begins at 0.
    await this.#meta.write([encodeMetaHeader(this.checksum), ...checksums], 0);
    this.#hasHeader = true;
  }

  /** Returns once all that was written is on stable storage; `numBytes` is the length of the data. */
  async sync(numBytes: number): Promise<void> {
    await Promise.all([this.#data.sync(), this.#meta.sync()]);
    this.#keepPartialChunk(numBytes);
  }

  #keepPartialChunk(numBytes: number): void {
    const inLastChunk = numBytes % this.checksum.bytesPerChecksum;
    this.#syncedPartialChunk = inLastChunk === 0 ? undefined : numBytes - inLastChunk;
  }

  /** Takes a long write to the disk early, so that the last {@link sync} is short. */
  syncData(): Promise<void> {
    return this.#data.sync();
  }

  /**
   * Cuts the replica to `numBytes`. Returns the checksum of its last chunk if that is not a whole one any more. The
   * meta file goes first, for the reason given above.
   * @param known The checksum of that chunk up to there, where it is known; otherwise what the meta file has for it counts.
   * @throws DfsError `Corrupt`, before anything is changed, see {@link verifyCut}.
   */
  async truncate(numBytes: number, known?: Buffer): Promise<Buffer | undefined> {
    const lastChunk = await this.verifyCut(numBytes, known);
    let lastChecksum: Buffer | undefined;
    if (lastChunk.length > 0) {
      lastChecksum = computeChecksums(this.checksum, [lastChunk]);
      await this.#writeChecksums(numBytes - lastChunk.length, [lastChecksum]);
    }
    await this.#meta.truncate(META_HEADER_LENGTH + checksumsLength(this.checksum, numBytes));
    await this.#meta.sync();
    await this.#data.truncate(numBytes);
    this.#keepPartialChunk(numBytes);
    return lastChecksum;
  }

  /**
   * The part of a chunk that is left by a cut at `numBytes`: it gets a checksum of its own, so it is verified against the one that it has. Otherwise what
   * has been damaged would look good from then on. (HDFS does not verify it.)
   * @throws DfsError `Corrupt`.
   */
  async verifyCut(numBytes: number, known?: Buffer): Promise<Buffer> {
    const length = numBytes % this.checksum.bytesPerChecksum;
    const chunkStart = numBytes - length;
    if (length === 0) return Buffer.alloc(0);
    const chunk = Buffer.allocUnsafe(this.checksum.bytesPerChecksum);
    const stored = Buffer.alloc(CHECKSUM_SIZE_BYTES);
    const [available] = await Promise.all([this.readData(chunk, chunkStart), this.readChecksums(stored, chunkStart)]);
    const left = chunk.subarray(0, length);
    const isGood =
      known === undefined
        ? coveredPrefix(this.checksum, chunk.subarray(0, available), stored.readUInt32BE(0)) >= length
        : available >= length && verifyChecksums(this.checksum, [left], known) < 0;
    if (isGood || this.checksum.type === 'NULL') return left;
    throw new DfsError('Corrupt', `The chunk at offset ${chunkStart}, which is to be cut, does not have its checksum`);
  }

  get dataPath(): string {
    return this.#data.path;
  }

  get metaPath(): string {
    return this.#meta.path;
  }

  /** {@link DiskFile.identity} of the data file. */
  identity(): Promise<string> {
    return this.#data.identity();
  }

  dataSize(): Promise<number> {
    return this.#data.size();
  }

  /** Number of checksums in the meta file. */
  async checksumCount(): Promise<number> {
    return Math.floor(((await this.#meta.size()) - META_HEADER_LENGTH) / CHECKSUM_SIZE_BYTES);
  }

  /** Fills `target` with data from `offset` on; returns how many bytes there were. */
  readData(target: Uint8Array, offset: number): Promise<number> {
    return this.#data.read(target, offset);
  }

  /** Fills `target` with the checksums from that of the chunk at `offset` on; returns how many bytes there were. */
  readChecksums(target: Uint8Array, offset: number): Promise<number> {
    return this.#meta.read(target, this.#metaPosition(offset));
  }

  /** May be called more than once. */
  close(): Promise<void> {
    this.#closed ??= closeAll([this.#data, this.#meta]);
    return this.#closed;
  }

  /**
   * Closes the files while nobody waits: when they are synced or were only read, closing brings nothing to light that
   * matters, and an answer need not wait for it.
   */
  closeLater(): void {
    this.close().catch(() => {});
  }

  #metaPosition(offset: number): number {
    return META_HEADER_LENGTH + checksumsLength(this.checksum, offset);
  }
}

/**
 * A flipped bit in the header must not make a replica one that has no checksums: nobody would verify it any more, and copies would be without them, too.
 * @throws DfsError `Corrupt`.
 */
async function requireChecksumsOf({ type }: ChecksumSpec, meta: DiskFile): Promise<void> {
  if (type !== 'NULL' || (await meta.size()) <= META_HEADER_LENGTH) return;
  throw new DfsError('Corrupt', 'the header of the meta file says that there are no checksums, but there are');
}

/** How a replica is checksummed. @throws DfsError `Corrupt` when the header of the meta file cannot be understood. */
export async function readMetaHeader(disk: Disk, path: string): Promise<ChecksumSpec> {
  const meta = await disk.open(path, 'read');
  try {
    const header = Buffer.allocUnsafe(META_HEADER_LENGTH);
    const length = await meta.read(header, 0);
    return decodeMetaHeader(header.subarray(0, length));
  } finally {
    await meta.close();
  }
}

async function openBoth(disk: Disk, dataPath: string, metaPath: string, mode: OpenMode): Promise<[DiskFile, DiskFile]> {
  const [data, meta] = await Promise.allSettled([disk.open(dataPath, mode), disk.open(metaPath, mode)]);
  if (data.status === 'fulfilled' && meta.status === 'fulfilled') return [data.value, meta.value];
  await closeAll([data, meta].flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
  throw data.status === 'rejected' ? data.reason : (meta as PromiseRejectedResult).reason;
}

async function closeAll(files: readonly DiskFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}
