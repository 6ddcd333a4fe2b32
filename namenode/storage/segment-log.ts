/**
 * The edit log as segment files in one directory. Batches go to the end of one segment, `edits_inprogress_<first>`; a segment that
 * is finished is renamed to `edits_<first>-<last>` and never changes again. What a file holds is drawn in edit-frames.ts.
 */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../common/disk.js';
import { DfsError, messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { decodeRecords, encodeFrame, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './edit-frames.js';
import type { EditBatch, EditLog } from './edit-log.js';
import { closedName, inProgressName } from './segment-names.js';
import { SegmentReader } from './segment-reader.js';
import { damaged, type RecoveredLog, readSegmentHeader, recoverSegments } from './segment-recovery.js';

export interface SegmentLogOptions {
  readonly disk: Disk;
  /** Holds nothing but segments, or other files whose names do not begin with `edits_`. */
  readonly directory: string;
  /** A segment that has grown so large is closed and another begun. */
  readonly segmentBytesMax: number;
  readonly logger: Logger;
}

/** A finished segment. */
export interface Segment {
  readonly path: string;
  readonly firstTxid: number;
  readonly lastTxid: number;
}

/** The segment that is being written. */
interface Current {
  readonly path: string;
  readonly file: DiskFile;
  readonly firstTxid: number;
  /** End of the last good frame. */
  offset: number;
}

export class SegmentLog implements EditLog {
  readonly #options: SegmentLogOptions;
  #segments: readonly Segment[];
  #lastTxid: number;
  #epoch: number;
  #current: Current | undefined;
  #broken: DfsError | undefined;
  #fenced = false;

  private constructor(options: SegmentLogOptions, { segments, lastTxid, epoch }: RecoveredLog) {
    this.#options = options;
    this.#segments = segments;
    this.#lastTxid = lastTxid;
    this.#epoch = epoch;
  }

  /**
   * Opens what is there for reading, and cuts a torn end off.
   * @throws DfsError `DamagedMetadata` when segments are missing, or damaged where no crash can have torn them.
   */
  static async open(options: SegmentLogOptions): Promise<SegmentLog> {
    return new SegmentLog(options, await recoverSegments(options));
  }

  get lastTxid(): number {
    return this.#lastTxid;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** In one directory, the lock of the name directory keeps other writers out; the epoch is written down for those who read it. */
  async fence(epoch: number): Promise<void> {
    if (epoch <= this.#epoch) {
      throw new DfsError('DamagedMetadata', `the edit log was taken over under epoch ${this.#epoch}; ${epoch} is over`);
    }
    this.#epoch = epoch;
    this.#fenced = true;
    await this.#finishCurrent();
    await this.#begin();
  }

  async append(batch: EditBatch): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (!this.#fenced) throw new DfsError('Internal', 'the edit log must be fenced before it is written to');
    if (batch.firstTxid !== this.#lastTxid + 1) {
      throw new DfsError('Internal', `transaction ${batch.firstTxid} does not follow ${this.#lastTxid}`);
    }
    const frame = encodeFrame(batch);
    const current = await this.#writable();
    try {
      await current.file.write(frame, current.offset);
      await current.file.sync();
    } catch (error) {
      await this.#restoreTail(current, error);
      throw writeFailure(error, current.path);
    }
    for (const part of frame) current.offset += part.length;
    this.#lastTxid += batch.records.length;
  }

  async *read(txid: number): AsyncIterable<EditBatch> {
    const segments = [...this.#segments];
    if (this.#current !== undefined) segments.push({ ...this.#current, lastTxid: this.#lastTxid });
    for (const segment of segments) {
      if (segment.lastTxid >= txid) yield* this.#readSegment(segment, txid);
    }
  }

  async roll(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#current !== undefined && this.#current.firstTxid > this.#lastTxid) return;
    try {
      await this.#finishCurrent();
      await this.#begin();
    } catch (error) {
      throw writeFailure(error, this.#options.directory);
    }
  }

  async removeThrough(txid: number): Promise<void> {
    const { disk, directory, logger } = this.#options;
    const removed = this.#segments.filter((segment) => segment.lastTxid <= txid);
    // The newest one says where the log stands, unless one is being written that does.
    if (this.#current === undefined && removed.length === this.#segments.length) removed.pop();
    if (removed.length === 0) return;
    this.#segments = this.#segments.slice(removed.length);
    try {
      for (const { path } of removed) await disk.remove(path);
      await disk.syncDirectory(directory);
    } catch (error) {
      throw writeFailure(error, directory);
    }
    logger.info({ segments: removed.length, throughTxid: removed.at(-1)?.lastTxid }, 'removed old edit log segments');
  }

  async close(): Promise<void> {
    this.#fenced = false;
    try {
      if (this.#broken === undefined) await this.#finishCurrent();
      else await this.#current?.file.close();
    } catch (error) {
      throw writeFailure(error, this.#options.directory);
    }
  }

  /** The segment to append to; another one when the last is full, or could not be followed by a new one then. */
  async #writable(): Promise<Current> {
    try {
      if (this.#current !== undefined && this.#current.offset >= this.#options.segmentBytesMax) await this.roll();
      return this.#current ?? (await this.#begin());
    } catch (error) {
      throw writeFailure(error, this.#options.directory);
    }
  }

  async #begin(): Promise<Current> {
    const { disk, directory } = this.#options;
    const firstTxid = this.#lastTxid + 1;
    const path = join(directory, inProgressName(firstTxid));
    // An empty one may be left from the last start. Under another name first, so that a crash leaves no half header.
    const temporary = `${path}.tmp`;
    await disk.remove(temporary);
    const file = await disk.open(temporary, 'create');
    try {
      await file.write([encodeSegmentHeader({ epoch: this.#epoch, firstTxid })], 0);
      await file.sync();
      await disk.rename(temporary, path);
      await disk.syncDirectory(directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#current = { path, file, firstTxid, offset: SEGMENT_HEADER_BYTES };
    return this.#current;
  }

  /** Closes the segment that is being written, under its final name. An empty one keeps its name and is written over. */
  async #finishCurrent(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    const { disk, directory } = this.#options;
    const { firstTxid } = current;
    const lastTxid = this.#lastTxid;
    if (firstTxid <= lastTxid) {
      const path = join(directory, closedName(firstTxid, lastTxid));
      await disk.rename(current.path, path);
      this.#segments = [...this.#segments, { path, firstTxid, lastTxid }];
    }
    this.#current = undefined;
    await current.file.close();
    await disk.syncDirectory(directory);
  }

  /** After a failed append: without this, a reader could find a batch that everybody was told had failed. */
  async #restoreTail(current: Current, cause: unknown): Promise<void> {
    try {
      await current.file.truncate(current.offset);
      await current.file.sync();
    } catch (error) {
      this.#broken = new DfsError(
        'DamagedMetadata',
        `the edit log ${current.path} could be neither written (${messageOf(cause)}) nor cut back (${messageOf(error)})`,
        { cause: error },
      );
      throw this.#broken;
    }
  }

  async *#readSegment(segment: Segment, txid: number): AsyncIterable<EditBatch> {
    const file = await this.#options.disk.open(segment.path, 'read');
    try {
      // Of the segment that is being written, only up to where it was just now.
      const size = segment.path === this.#current?.path ? this.#current.offset : await file.size();
      await readSegmentHeader(file, size, segment.firstTxid);
      const reader = new SegmentReader(file, size);
      let expected = segment.firstTxid;
      for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
        if (frame.kind === 'bad') throw damaged(segment.path, frame.offset, expected, frame.reason);
        if (frame.firstTxid !== expected) {
          throw damaged(segment.path, frame.offset, expected, `transaction ${frame.firstTxid} stands in its place`);
        }
        expected += frame.count;
        if (expected > txid) yield { firstTxid: frame.firstTxid, records: recordsOf(segment.path, frame) };
      }
      if (expected !== segment.lastTxid + 1) throw damaged(segment.path, size, expected, 'the file ends too early');
    } finally {
      await file.close();
    }
  }
}

function recordsOf(path: string, frame: { offset: number; firstTxid: number; payload: Buffer; count: number }) {
  try {
    return decodeRecords(frame.payload, frame.count);
  } catch (error) {
    throw damaged(path, frame.offset, frame.firstTxid, messageOf(error));
  }
}

function writeFailure(error: unknown, path: string): DfsError {
  if (error instanceof DfsError) return error;
  const code = osErrorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DfsError('NoSpace', `the NameNode's disk is full: ${path} cannot grow`, { cause: error });
  }
  return new DfsError('RetryLater', `the NameNode's edit log ${path} cannot be written (${messageOf(error)})`, {
    cause: error,
  });
}
