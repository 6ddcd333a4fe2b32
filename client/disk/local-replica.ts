/** The files of a finalized replica on this machine, which its DataNode has named, opened to be read without it. */
import { basename, dirname, isAbsolute } from 'node:path';
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import type { ChecksumSpec } from '../../common/checksum.js';
import { checksumsLength, decodeMetaHeader, META_HEADER_LENGTH, verifyChecksums } from '../../common/checksum.js';
import type { BlockLocalPath } from '../../common/data-transfer-response.js';
import type { Disk, DiskFile } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { parseReplicaFileName } from '../../common/replica-file-name.js';

export class LocalReplica {
  readonly block: Block;
  readonly checksum: ChecksumSpec;
  /** Length in bytes. */
  readonly numBytes: number;
  readonly #data: DiskFile;
  readonly #meta: DiskFile;
  #users = 0;
  #retired = false;

  private constructor(block: Block, checksum: ChecksumSpec, numBytes: number, data: DiskFile, meta: DiskFile) {
    this.block = block;
    this.checksum = checksum;
    this.numBytes = numBytes;
    this.#data = data;
    this.#meta = meta;
  }

  /**
   * @throws DfsError `InvalidArgument` when the DataNode does not mean a replica of this block, or sees other files than we do under the
   * same name (in a container); `Corrupt`; the operating system's error when this process may not open the files.
   */
  static async open(disk: Disk, block: Block, path: BlockLocalPath): Promise<LocalReplica> {
    requireReplicaFiles(block, path);
    // A process that reads for others must not be led elsewhere by who may write into a DataNode's directory.
    const data = await disk.open(path.dataPath, 'read-no-link');
    try {
      if ((await data.identity()) !== path.dataFile)
        throw new DfsError('InvalidArgument', `${path.dataPath} is another file here than at its DataNode`);
      const meta = await disk.open(path.metaPath, 'read-no-link');
      try {
        const header = Buffer.allocUnsafe(META_HEADER_LENGTH);
        const length = await meta.read(header, 0);
        return new LocalReplica(block, decodeMetaHeader(header.subarray(0, length)), path.numBytes, data, meta);
      } catch (error) {
        await meta.close();
        throw error;
      }
    } catch (error) {
      await data.close();
      throw error;
    }
  }

  /**
   * Fills `target` with the data from `offset` on, which is where a chunk begins, up to where one ends or the replica does.
   * @throws DfsError `Corrupt` when it does not match its checksums; the operating system's error.
   */
  async read(target: Buffer, offset: number): Promise<void> {
    this.#users++; // the files must not be closed meanwhile, even if nobody waits any more
    try {
      await this.#readVerified(target, offset);
    } finally {
      this.release();
    }
  }

  async #readVerified(target: Buffer, offset: number): Promise<void> {
    const checksums = Buffer.allocUnsafe(checksumsLength(this.checksum, target.length));
    const position = META_HEADER_LENGTH + checksumsLength(this.checksum, offset);
    const [dataBytes, checksumBytes] = await Promise.all([
      this.#data.read(target, offset),
      checksums.length === 0 ? 0 : this.#meta.read(checksums, position),
    ]);
    if (dataBytes < target.length || checksumBytes < checksums.length) throw this.#corrupt('ends', offset + dataBytes);
    const bad = verifyChecksums(this.checksum, [target], checksums);
    if (bad >= 0) throw this.#corrupt('has a checksum error', offset + bad * this.checksum.bytesPerChecksum);
  }

  /** Keeps the files open until {@link release}; false when they are closed already. */
  use(): boolean {
    if (this.#retired) return false;
    this.#users++;
    return true;
  }

  release(): void {
    this.#users--;
    this.#closeIfUnused();
  }

  get isUsed(): boolean {
    return this.#users > 0;
  }

  /** Closes the files as soon as nobody uses them. */
  retire(): void {
    this.#retired = true;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#retired || this.#users > 0) return;
    for (const file of [this.#data, this.#meta]) file.close().catch(() => {}); // they were only read
  }

  #corrupt(what: string, offset: number): DfsError {
    return new DfsError('Corrupt', `${this.#data.path} (${blockName(this.block)}) ${what} at offset ${offset}`);
  }
}

function requireReplicaFiles({ blockId }: Block, { dataPath, metaPath }: BlockLocalPath): void {
  const [data, meta] = [dataPath, metaPath].map((path) => parseReplicaFileName(basename(path)));
  const isRight =
    isAbsolute(dataPath) &&
    dirname(dataPath) === dirname(metaPath) &&
    data?.kind === 'data' &&
    meta?.kind === 'meta' &&
    data.blockId === blockId &&
    meta.blockId === blockId;
  if (!isRight) throw new DfsError('InvalidArgument', `${dataPath} and ${metaPath} are no replica of block ${blockId}`);
}
