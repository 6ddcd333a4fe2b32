/** A file that is changed otherwise than at its end: its contents as they were in the cluster, with what was written since over them. */
import { isDeepStrictEqual } from 'node:util';
import { DfsError, isDfsError } from '../../common/errors.js';
import { formatSize } from '../../common/units.js';
import type { FileReader } from '../file-reader.js';
import type { FileSystem } from '../file-system.js';
import { type ContentsVersion, contentsVersion, inodePath } from '../posix-namespace.js';
import type { BlockLocation } from '../types.js';
import { editedBlockSize, newBlocks, planCommit, type Segment } from './commit-plan.js';
import type { HiddenDirectory } from './hidden-directory.js';
import type { StagedBytes } from './staged-bytes.js';
import type { StagingArea } from './staging.js';

export interface ChangedContentsOptions {
  readonly fs: FileSystem;
  readonly hidden: HiddenDirectory;
  readonly staging: StagingArea;
}

interface Base {
  readonly blocks: readonly BlockLocation[];
  readonly version: ContentsVersion;
  readonly blockSize: number;
  readonly replication: number;
  readonly reader: FileReader;
}

/** Bytes that are read and written at a time when a block is copied. */
const COPY_BYTES = 1024 * 1024;

export class ChangedContents {
  readonly #options: ChangedContentsOptions;
  readonly #base: Base;
  readonly #staged: StagedBytes;

  private constructor(options: ChangedContentsOptions, base: Base, staged: StagedBytes) {
    this.#options = options;
    this.#base = base;
    this.#staged = staged;
  }

  /** Starts from what the cluster has now. */
  static async over(options: ChangedContentsOptions, fileId: number): Promise<ChangedContents> {
    const base = await openBase(options.fs, fileId);
    const staged = await options.staging.newFile({ fileId, version: base.version });
    return new ChangedContents(options, base, staged);
  }

  /**
   * Goes on with what a mount has left behind that was killed; undefined when the file got all of it already.
   * @throws DfsError `FileNotFound`; `FileChanged` when it is not any more what the mount began with.
   */
  static async takeUp(options: ChangedContentsOptions, staged: StagedBytes): Promise<ChangedContents | undefined> {
    const base = await openBase(options.fs, staged.base.fileId);
    const isNow = (version: ContentsVersion) => isDeepStrictEqual(version, base.version);
    if (isNow(staged.base.version)) return new ChangedContents(options, base, staged);
    await base.reader.close();
    if (staged.commits.some(isNow)) return undefined;
    throw new DfsError('FileChanged', 'somebody has changed the file since');
  }

  get length(): number {
    return this.#staged.length;
  }

  /** @throws DfsError `NoSpace` when the staging area is full, and as {@link setLength}. Nothing has happened then. */
  async write(position: number, data: Buffer): Promise<void> {
    this.#requireStorable(position + data.length);
    await this.#staged.write(position, data);
  }

  /**
   * Shorter: the rest is forgotten. Longer: zeros follow.
   * @throws DfsError `TooManyBlocks` (EFBIG) when that are too many, `NoSpace`.
   */
  async setLength(length: number): Promise<void> {
    this.#requireStorable(length);
    await this.#staged.setLength(length);
  }

  /** Up to `size` bytes, fewer at the end. */
  async read(position: number, size: number): Promise<Buffer> {
    const end = Math.max(position, Math.min(position + size, this.length));
    const target = Buffer.alloc(end - position);
    const part = (range: { start: number; end: number }) =>
      target.subarray(range.start - position, range.end - position);
    const { written, keptBytes } = this.#staged;
    for (const range of written.within(position, end)) await this.#staged.readInto(part(range), range.start);
    for (const { start, end: gapEnd } of written.gaps(position, Math.min(end, keptBytes))) {
      await this.#base.reader.readInto(part({ start, end: gapEnd }), start);
    }
    return target;
  }

  /**
   * Puts the contents into the cluster, in one step. Blocks without a change stay as they are.
   * @throws DfsError `FileChanged` when somebody else has changed the file meanwhile: then nothing has happened.
   */
  async commit(): Promise<void> {
    const { blocks, version } = this.#base;
    const { length, keptBytes, written } = this.#staged;
    const plan = planCommit({ blocks, written, keptBytes, length });
    const isUnchanged = length === version.length && plan.every(({ kind }) => kind === 'keep');
    if (isUnchanged) return;
    const { fs, hidden } = this.#options;
    const source = await hidden.newPath();
    try {
      await this.#writeParts(source, plan);
      const next = newBlocks(plan, blocks, await fs.getBlockLocations(source, 0, Number.MAX_SAFE_INTEGER));
      await this.#staged.committing(contentsVersion(next));
      const blockIds = next.map(({ block }) => block.blockId);
      await fs.posix.replaceContents(inodePath(this.#staged.base.fileId), version, source, blockIds);
    } catch (error) {
      if (!isDfsError(error, 'ConnectionLost', 'Timeout')) await fs.delete(source).catch(() => false);
      throw error;
    }
  }

  /** The file has lost its name: what is written to it from now on is of no use to a later mount. */
  async forgetJournal(): Promise<void> {
    await this.#staged.removeName();
  }

  /** `keepsJournal`: the next mount goes on with it. */
  async close({ keepsJournal = false } = {}): Promise<void> {
    await this.closeReader();
    if (!keepsJournal) await this.#staged.removeName();
    await this.#staged.close();
  }

  /** All that is open but the journal. */
  async closeReader(): Promise<void> {
    await this.#base.reader.close();
  }

  /** Blocks have no holes: a file that is made a terabyte long would really be written. */
  #requireStorable(length: number): void {
    const { limitBytes } = this.#options.staging;
    if (length - this.#base.version.length <= limitBytes) return;
    throw new DfsError(
      'TooManyBlocks',
      `holes of files are stored as zeros, and no more than ${formatSize(limitBytes)} at a time (dfs.client.mount.staging.size)`,
    );
  }

  /** Each part begins with a block of its own, so that kept blocks can stand between two of them. */
  async #writeParts(path: string, plan: readonly Segment[]): Promise<void> {
    const { fs } = this.#options;
    const { replication } = this.#base;
    const parts = plan.filter(({ kind }) => kind === 'write');
    const blockSize = editedBlockSize(this.length, this.#base.blockSize);
    let writer = await fs.create(path, { blockSize, replication, createParent: false });
    for (const [i, { start, end }] of parts.entries()) {
      if (i > 0) {
        await writer.close();
        writer = await fs.append(path, { newBlock: true });
      }
      try {
        for (let at = start; at < end; at += COPY_BYTES) {
          await writer.write(await this.read(at, Math.min(COPY_BYTES, end - at)), { handOver: true });
        }
      } catch (error) {
        await writer.abort(error);
        throw error;
      }
    }
    await writer.close();
  }
}

async function openBase(fs: FileSystem, fileId: number): Promise<Base> {
  const path = inodePath(fileId);
  const { blockSize, replication } = await fs.stat(path);
  // In this order: what somebody changes in between makes the commit fail, instead of mixing with what is read here.
  const blocks = await fs.getBlockLocations(path, 0, Number.MAX_SAFE_INTEGER);
  const reader = await fs.open(path);
  return { blocks, version: contentsVersion(blocks), blockSize, replication, reader };
}
