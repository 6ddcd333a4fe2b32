/**
 * The contents of one file that programs have open here, in one of three states:
 *
 *                    write at the end              write before what was sent, large gap
 *     ┌─────────┐ ───────────────────► ┌─────────┐ ─────────────────────────────► ┌─────────┐
 *     │  clean  │                      │ streams │   (the stream is closed first) │ changed │
 *     └─────────┘ ◄─────────────────── └─────────┘                                └─────────┘
 *          ▲              close                                                       │  ▲
 *          └────────────────────────── fsync, close ──────────────────────────────────┘  │
 *          └───────────────────────────── any other write, truncate ─────────────────────┘
 *
 * clean: the cluster has it. streams: it grows at its end, through the pipeline; HDFS's own way of writing. changed: what was
 * written is in a local file, and becomes new blocks at the next fsync or close.
 *
 * After an error in writing, all further calls fail with it until the last program has closed the file: what was written since the last
 * fsync is lost, and everybody is told.
 */
import type { Clock } from '../../common/clock.js';
import { type DfsError, type ErrorName, isDfsError, toDfsError } from '../../common/errors.js';
import type { FileReader } from '../file-reader.js';
import type { FileSystem } from '../file-system.js';
import type { FileWriter } from '../file-writer.js';
import { inodePath } from '../posix-namespace.js';
import type { AttributesChange, FileStatus } from '../types.js';
import { ChangedContents } from './changed-contents.js';
import type { HiddenDirectory } from './hidden-directory.js';
import { type LocalAttributes, PendingAttributes } from './pending-attributes.js';
import type { ReadAhead, ReadResult } from './read-ahead.js';
import { ReadWriteLock } from './read-write-lock.js';
import { SEEN_MAX_MS, type SeenStatus } from './recent-statuses.js';
import type { StagingArea } from './staging.js';
import { type SentBytes, StreamedContents } from './streamed-contents.js';
import type { WindowMemory } from './write-window.js';

export interface ContentsOptions {
  readonly fs: FileSystem;
  readonly hidden: HiddenDirectory;
  readonly staging: StagingArea;
  readonly clock: Clock;
  readonly windows: WindowMemory;
}

type State =
  | { readonly kind: 'clean' }
  | { readonly kind: 'streams'; readonly stream: StreamedContents }
  | { readonly kind: 'changed'; readonly changes: ChangedContents };

/** A full staging area, or a file that another client has open, says nothing about what was written before. */
const HARMLESS: ReadonlySet<ErrorName> = new Set(['NoSpace', 'TooManyBlocks', 'AlreadyBeingCreated', 'SafeMode']);

/** What changed in the middle of a file can be put into it once there is room again; a stream cannot go on: its writer has failed. */
const WAITING_FOR_ROOM: ReadonlySet<ErrorName> = new Set(['DSQuotaExceeded', 'NSQuotaExceeded']);

const CLEAN: State = { kind: 'clean' };

/** Setuid, setgid and sticky: what they mean is not left for later. */
const SPECIAL_BITS = 0o7000;

/** After changes of our own: nobody knows the new time of the file yet. */
const UNKNOWN_VERSION = '';

export class FileContents {
  readonly fileId: number;
  readonly #options: ContentsOptions;
  readonly #lock = new ReadWriteLock();
  #state: State = CLEAN;
  #length: number;
  #reader: Promise<FileReader> | undefined;
  /** What the reader, and the kernel's cached pages, are of. */
  #version: string;
  #failure: DfsError | undefined;
  #isRemoved = false;
  /** What a stream has sent is read from the cluster, too. */
  readonly #sent: SentBytes = { open: () => this.#openReader(), forget: () => this.#forgetReader() };
  #changedMs: number | undefined;
  /** Set while there was something to be written. */
  readonly #pending: PendingAttributes;
  /** Of a file that was made here, as long as its first bytes are being written: what the cluster said last, and when. */
  #made: { readonly status: FileStatus; readonly seenMs: number } | undefined;

  constructor(options: ContentsOptions, status: FileStatus, writer?: FileWriter) {
    this.#options = options;
    this.fileId = status.fileId;
    this.#length = status.length;
    this.#version = versionOf(status);
    this.#pending = new PendingAttributes(options.clock);
    if (writer === undefined) return;
    this.#state = this.#streaming(writer);
    this.#keepAsMade(status);
  }

  /** Bytes, those included that only this mount has. */
  get length(): number {
    return this.#length;
  }

  /** Of the contents that programs have seen through this mount; empty when nobody knows. */
  get version(): string {
    return this.isClean ? this.#version : UNKNOWN_VERSION;
  }

  get isClean(): boolean {
    return this.#state.kind === 'clean';
  }

  /** There is something that a flush could save. */
  get isUnsaved(): boolean {
    return !this.isClean && !this.#isRemoved && this.#failure === undefined;
  }

  /** When it was last written to, and what was set since; empty when the cluster knows better. */
  get localAttributes(): LocalAttributes {
    if (this.isClean) return {};
    const changedMs = this.#changedMs;
    return {
      ...(changedMs === undefined ? {} : { modificationTimeMs: changedMs, modificationTimeNs: 0 }),
      ...this.#pending.local,
    };
  }

  /** What the cluster said of a file that was made here and has not been closed since, without {@link localAttributes}. */
  seenStatus(maxAgeMs: number): SeenStatus | undefined {
    if (this.#made === undefined || this.#state.kind !== 'streams') return undefined;
    const ageMs = this.#options.clock.monotonicMs() - this.#made.seenMs;
    return ageMs < maxAgeMs ? { status: this.#made.status, ageMs } : undefined;
  }

  /**
   * Another program opens the file: what others have written to it by now shows. A `reader` of that is taken over.
   * @returns whether pages that the kernel has are still good.
   */
  async opened(status: FileStatus, reader?: FileReader): Promise<boolean> {
    return await this.#lock.write(async () => {
      const version = versionOf(status);
      const isCurrent = !this.isClean || version === this.#version;
      if (!isCurrent) {
        await this.#forgetReader();
        this.#version = version;
        this.#length = status.length;
      }
      if (this.isClean && this.#reader === undefined && reader !== undefined) this.#reader = Promise.resolve(reader);
      else await reader?.close();
      return isCurrent;
    });
  }

  async read(position: number, size: number, ahead: ReadAhead, signal: AbortSignal): Promise<ReadResult> {
    return await this.#lock.read(async () => {
      this.#requireSound();
      const state = this.#state;
      if (state.kind === 'changed') return owned([await state.changes.read(position, size)]);
      if (state.kind === 'streams')
        return owned(await state.stream.read(position, size, this.#length, this.#sent, signal));
      return await ahead.read(await this.#openReader(), position, size, signal);
    });
  }

  /**
   * `position` undefined: at the end. The bytes are not looked at any more once the promise has resolved.
   * @returns where they are.
   */
  async write(position: number | undefined, data: Buffer): Promise<number> {
    return await this.#change(async () => {
      if (this.isClean && (position ?? this.#length) === this.#length) await this.#startStream(position === undefined);
      const at = position ?? this.#length;
      if (this.#state.kind === 'streams' && !(await this.#state.stream.write(at, data))) await this.#settle();
      if (this.#state.kind !== 'streams') await this.#makeChange((changes) => changes.write(at, data));
      this.#length = Math.max(this.#length, at + data.length);
      this.#changedMs = this.#options.clock.now();
      this.#pending.forgetModificationTime();
      return at;
    });
  }

  async setLength(length: number): Promise<void> {
    await this.#change(async () => {
      if (length === this.#length) return;
      const isInStream = this.#state.kind === 'streams' && this.#state.stream.setEnd(length);
      if (!isInStream) {
        await this.#settle();
        if (length === 0 && this.isClean) await this.#empty();
        else await this.#makeChange((changes) => changes.setLength(length));
      }
      this.#length = length;
      this.#changedMs = this.#options.clock.now();
    });
  }

  /** Returns once everything is in the cluster, on disk, and visible to others. */
  async sync(): Promise<void> {
    await this.#change(async () => {
      if (this.#isRemoved) return;
      const state = this.#state;
      if (state.kind === 'streams') {
        await this.#setPendingMode();
        await state.stream.sync();
      } else {
        await this.#settle();
      }
    });
  }

  /** A program has closed the file: everything is in the cluster when this returns, and others may write to it. */
  async flush(): Promise<void> {
    await this.#change(async () => {
      if (!this.#isRemoved) await this.#settle();
    });
  }

  /** The file has no name any more: nothing of it has to be kept beyond its last close. */
  async markRemoved(): Promise<void> {
    this.#isRemoved = true;
    if (this.#state.kind === 'changed') await this.#state.changes.forgetJournal();
  }

  /**
   * At once, or with the end of what is being written.
   * @returns what the file is like in the cluster; undefined when that was not asked.
   */
  async setAttributes(change: AttributesChange): Promise<FileStatus | undefined> {
    return await this.#lock.write(async () => {
      const { owner, group, mode, times } = this.isClean ? change : this.#postpone(change);
      if ([owner, group, mode, times].every((value) => value === undefined)) return undefined;
      const status = await this.#options.fs.posix.setAttributes(inodePath(this.fileId), { owner, group, mode, times });
      if (this.#made !== undefined) this.#keepAsMade(status);
      return status;
    });
  }

  /** This mount ends, and could not flush it: false when the next mount cannot do so either. */
  async keepForNextMount(): Promise<boolean> {
    return await this.#lock.write(async () => {
      const state = this.#state;
      if (state.kind !== 'changed' || this.#isRemoved) return false;
      this.#state = CLEAN;
      await state.changes.close({ keepsJournal: true });
      return true;
    });
  }

  /** Nobody has it open any more. What was not flushed is gone. */
  async close(): Promise<void> {
    await this.#lock.write(async () => {
      await this.#forgetReader();
      const state = this.#state;
      this.#state = CLEAN;
      if (state.kind === 'changed') await state.changes.close();
      if (state.kind === 'streams') await state.stream.abandon();
      const pending = this.#pending.take();
      if (pending?.mode === undefined || this.#isRemoved) return;
      await this.#options.fs.setPermission(inodePath(this.fileId), pending.mode).catch(() => undefined);
    });
  }

  /** Runs a change alone; its error stays. */
  async #change<T>(work: () => Promise<T>): Promise<T> {
    return await this.#lock.write(async () => {
      this.#requireSound();
      try {
        return await work();
      } catch (error) {
        const failure = toDfsError(error);
        const waits = this.#state.kind === 'changed' && WAITING_FOR_ROOM.has(failure.name);
        if (!HARMLESS.has(failure.name) && !waits) this.#failure = failure;
        throw failure;
      }
    });
  }

  #requireSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** If somebody else has made the file longer, only what is to be appended goes to its end. */
  async #startStream(appends: boolean): Promise<void> {
    await this.#forgetReader();
    const writer = await this.#options.fs.append(inodePath(this.fileId));
    const isAsExpected = writer.length === this.#length;
    this.#length = writer.length;
    if (isAsExpected || appends) this.#state = this.#streaming(writer);
    else await writer.close();
  }

  /** The way to `clean`. */
  async #settle(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'clean') return;
    if (state.kind === 'streams') await state.stream.close();
    else {
      await state.changes.commit();
      await state.changes.close();
    }
    this.#state = CLEAN;
    this.#version = UNKNOWN_VERSION;
    this.#made = undefined;
    await this.#forgetReader();
    this.#changedMs = undefined;
    const pending = this.#pending.take();
    if (pending !== undefined) await this.#options.fs.posix.setAttributes(inodePath(this.fileId), pending);
  }

  /**
   * Keeps for later what later cannot be refused: times; the mode of a file that this mount has made. An owner who is it already is none.
   * @returns what is to be changed at once.
   */
  #postpone({ times, mode, owner, group }: AttributesChange): AttributesChange {
    if (times !== undefined) this.#pending.setTimes(times);
    if (mode !== undefined) this.#pending.takeMode(); // an earlier one does not count any more
    const seen = this.seenStatus(SEEN_MAX_MS)?.status;
    if (seen === undefined) return { mode, owner, group };
    const waits = mode !== undefined && ((mode | seen.mode) & SPECIAL_BITS) === 0;
    if (waits) {
      const tellOthers = () => this.#change(() => this.#setPendingMode());
      this.#pending.setMode(mode, () => void tellOthers().catch(() => undefined)); // an error stays until the next flush
    }
    return {
      mode: waits ? undefined : mode,
      owner: owner === seen.owner ? undefined : owner,
      group: group === seen.group ? undefined : group,
    };
  }

  async #setPendingMode(): Promise<void> {
    const { mode } = this.#pending;
    if (mode === undefined || this.#isRemoved) return;
    this.#keepAsMade(await this.#options.fs.posix.setAttributes(inodePath(this.fileId), { mode }));
    this.#pending.takeMode();
  }

  #keepAsMade(status: FileStatus): void {
    this.#made = { status, seenMs: this.#options.clock.monotonicMs() };
  }

  async #changes(): Promise<ChangedContents> {
    if (this.#state.kind === 'changed') return this.#state.changes;
    await this.#forgetReader();
    const changes = await ChangedContents.over(this.#options, this.fileId);
    if (this.#isRemoved) await changes.forgetJournal();
    this.#state = { kind: 'changed', changes };
    this.#length = changes.length;
    return changes;
  }

  /** When there is no room for more, what there is becomes blocks before its time. */
  async #makeChange(change: (changes: ChangedContents) => Promise<void>): Promise<void> {
    try {
      await change(await this.#changes());
    } catch (error) {
      if (!isDfsError(error, 'NoSpace')) throw error;
      await this.#settle();
      await change(await this.#changes());
    }
  }

  async #empty(): Promise<void> {
    const { fs } = this.#options;
    await this.#forgetReader();
    await fs.truncate(inodePath(this.fileId), 0);
    this.#version = UNKNOWN_VERSION;
  }

  #streaming(writer: FileWriter): State {
    return { kind: 'streams', stream: new StreamedContents(this.#options, this.fileId, writer) };
  }

  async #openReader(): Promise<FileReader> {
    const reader = this.#reader ?? this.#options.fs.open(inodePath(this.fileId));
    this.#reader = reader;
    try {
      return await reader;
    } catch (error) {
      if (this.#reader === reader) this.#reader = undefined;
      throw error;
    }
  }

  async #forgetReader(): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined);
    this.#reader = undefined;
    await reader?.close();
  }
}

function owned(buffers: Buffer[]): ReadResult {
  return { buffers, release: () => {} };
}

/** Differs when somebody has changed the bytes of a file. */
export function versionOf({ length, modificationTimeMs, modificationTimeNs }: FileStatus): string {
  return `${length}/${modificationTimeMs}/${modificationTimeNs}`;
}
