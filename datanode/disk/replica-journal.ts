/**
 * Where small replicas that come as a whole are made durable: appended to a file, many with one sync, instead of two files, four syncs and two
 * renames for each. From here they are moved to files of their own, many at a time, and nothing else need know of it:
 *
 *     append ──► segment, synced ──► finalized/… written and synced ──► segment removed
 *                (and in memory)      (move)
 *
 * Many small files are gone soon after they were made, and those that stay cost the disk the less, the more of them are moved together: so they are
 * moved when they are old, or when half of the room is taken, and no faster than is needed, as writers use the same disk and processors.
 *
 * Until its own files are on the disk, a replica is read from memory. Whatever changes it settles it first. After a crash the segments are
 * gone through (journal-replay.ts) before anything else looks at the volume. A removal is not noted here: a replica that was removed may come back
 * with a crash, as it may where a power failure undoes the removal of files, and the NameNode orders its deletion again.
 */
import { join } from 'node:path';
import { encodeMetaHeader } from '../../common/checksum.js';
import { type Clock, sleep } from '../../common/clock.js';
import type { Disk, DiskFile, WholeFile } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { recordBytes, type WholeReplica, writeRecord } from './journal-record.js';
import { segmentName, type VolumeLayout } from './layout.js';

export interface ReplicaJournalOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly layout: VolumeLayout;
  /** What waits for its own files, in bytes, at most. */
  readonly limitBytes: number;
  /** Makes the directory of a block in finalized/, if it is missing, durably. */
  readonly makeDirectoryFor: (blockId: number) => Promise<void>;
}

interface Segment {
  readonly path: string;
  readonly file: DiskFile;
  readonly replicas: WholeReplica[];
  bytes: number;
  /** How many of its replicas have no files of their own yet, and are not removed. */
  left: number;
  /** Calls of {@link ReplicaJournal.moveOld} since its first replica. */
  age: number;
  /** The batch that is being written to it. It may have been ended meanwhile. */
  writing: Promise<void> | undefined;
}

interface Journalled {
  readonly replica: WholeReplica;
  readonly segment: Segment;
  /** Files were made for it, or begun. */
  hasFiles: boolean;
}

interface Waiting {
  readonly replica: WholeReplica;
  readonly durable: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** A batch, which is no larger than a segment, takes no longer to be written than a sync; what comes meanwhile is the next one. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** Each is removed when all that is in it has been moved. */
const SEGMENTS = 8;
/** Replicas that get their files with one sync: these keep disk and processor busy for some tens of milliseconds. */
const SLICE_REPLICAS = 512;
/** When half of the room is free, moving stands still for so many times as long as it worked; it does not when an eighth is free. */
const PAUSE_FACTOR = 3;
const UNHURRIED_UP_TO = 1 / 2;
const WITHOUT_PAUSES_FROM = 7 / 8;
/** Segments are moved at this call of {@link ReplicaJournal.moveOld}, counted from their first replica. */
export const MOVED_AT_AGE = 4;

export class ReplicaJournal {
  readonly #options: ReplicaJournalOptions;
  /** Replicas that have no files of their own yet, by block. */
  readonly #replicas = new Map<number, Journalled>();
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #active: Segment | undefined;
  /** Full ones, the oldest first. */
  readonly #full: Segment[] = [];
  /** The move of the oldest segment. */
  #moving: Promise<void> | undefined;
  /** Files are written for one set of replicas after the other, so that none gets any after it was settled, and changed. */
  #lastWrite: Promise<void> = Promise.resolve();
  /** How long the last slice took. */
  #workedMs = 0;
  /** How many wait for moves: then there are no pauses. */
  #hurried = 0;
  #pause = new AbortController();
  #lastNumber = 0;
  #bytes = 0;
  #closed = false;

  constructor(options: ReplicaJournalOptions) {
    this.#options = options;
  }

  /** Replicas that have no files of their own yet. */
  get count(): number {
    return this.#replicas.size;
  }

  /** The replica, if it has no files of its own yet. */
  get(blockId: number): WholeReplica | undefined {
    return this.#replicas.get(blockId)?.replica;
  }

  /**
   * Takes a replica in; resolves once it will outlive a crash (`durable`: of the machine). Waits while there is no room.
   * @throws the operating system's errors; the replica may be there after a crash all the same.
   */
  append(replica: WholeReplica, durable: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ replica, durable, resolve, reject });
      this.#writing ??= this.#writeWaiting().finally(() => {
        this.#writing = undefined;
      });
    });
  }

  /** To be called at regular intervals: moves what has been here for {@link MOVED_AT_AGE} calls, with what came soon after. @throws the operating system's errors; nothing is lost then. */
  async moveOld(): Promise<void> {
    if (this.#active !== undefined && this.#active.age + 1 >= MOVED_AT_AGE) this.#endSegment();
    for (const segment of [...this.#full, ...(this.#active === undefined ? [] : [this.#active])]) segment.age++;
    while ((this.#full[0]?.age ?? 0) >= MOVED_AT_AGE) await this.#moveOldest();
  }

  /** The replica, if it is here, has files of its own when this resolves. @throws as {@link moveOld}. */
  async settle(blockId: number): Promise<void> {
    const replica = this.get(blockId);
    if (replica !== undefined) await this.#writeFiles([replica]);
  }

  /** The replica is to be removed: it gets no files of its own from now on. @returns whether it has any, or parts of them. */
  async forget(blockId: number): Promise<boolean> {
    const journalled = this.#replicas.get(blockId);
    if (journalled === undefined) return true;
    this.#drop(journalled);
    if (journalled.hasFiles) await this.#lastWrite;
    if (journalled.segment.left === 0) this.#removeEmpty().catch(() => {}); // whoever finds no room is told
    return journalled.hasFiles;
  }

  /** Takes nothing more, and moves what is here. @throws as {@link moveOld}. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    this.#endSegment();
    await this.#hurry(async () => {
      while (this.#full.length > 0) await this.#moveOldest();
    });
  }

  /** The disk does not work any more. */
  async abandon(): Promise<void> {
    this.#closed = true;
    this.#replicas.clear();
    this.#endSegment();
    this.#hurried++;
    this.#pause.abort();
    for (const { file } of this.#full.splice(0)) await file.close().catch(() => {});
  }

  async #writeWaiting(): Promise<void> {
    await Promise.resolve(); // whoever appends in the same turn is in the first batch
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#room();
        await this.#write(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // What has reached the file is nobody's any more, and the next append must not stand behind half of a record.
        this.#endSegment();
        for (const { reject } of batch) reject(error);
      }
    }
  }

  #nextBatch(): Waiting[] {
    const maxBytes = Math.min(MAX_BATCH_BYTES, this.#options.limitBytes / SEGMENTS);
    let bytes = 0;
    const end = this.#waiting.findIndex(({ replica }) => {
      bytes += recordBytes(replica);
      return bytes > maxBytes;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : Math.max(1, end));
  }

  /** Waits for a move when the journal is full. @throws why there is no room when that has failed. */
  async #room(): Promise<void> {
    if (this.#closed) throw new DfsError('Cancelled', 'the journal of small replicas is closed');
    while (this.#bytes >= this.#options.limitBytes) {
      if (this.#full.length === 0) this.#endSegment();
      await this.#hurry(() => this.#moveOldest());
    }
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const segment = this.#active ?? (await this.#newSegment());
    segment.writing = this.#writeTo(segment, batch).finally(() => {
      segment.writing = undefined;
    });
    await segment.writing;
    if (segment !== this.#active || segment.bytes < this.#options.limitBytes / SEGMENTS) return;
    this.#endSegment();
    this.#makeRoom().catch(() => {}); // whoever finds no room is told
  }

  /** Once only, though it may be removed while it gets its files. */
  #drop(journalled: Journalled): void {
    const { replica, segment } = journalled;
    if (this.#replicas.get(replica.block.blockId) !== journalled) return;
    this.#replicas.delete(replica.block.blockId);
    segment.left--;
  }

  /** What is wanted no more takes no room. */
  async #removeEmpty(): Promise<void> {
    for (let empty = this.#nextEmpty(); empty !== undefined; empty = this.#nextEmpty()) {
      this.#full.splice(this.#full.indexOf(empty), 1);
      await this.#remove(empty);
    }
  }

  /** The one that is being moved is removed then. */
  #nextEmpty(): Segment | undefined {
    return this.#full.find(
      ({ left, writing }, i) => left === 0 && writing === undefined && (i > 0 || this.#moving === undefined),
    );
  }

  async #makeRoom(): Promise<void> {
    const { limitBytes } = this.#options;
    while (this.#full.length > 0 && this.#bytes > limitBytes * UNHURRIED_UP_TO) await this.#moveOldest();
  }

  async #writeTo(segment: Segment, batch: readonly Waiting[]): Promise<void> {
    const records = Buffer.allocUnsafeSlow(batch.reduce((sum, { replica }) => sum + recordBytes(replica), 0));
    let at = 0;
    const replicas = batch.map(({ replica }) => {
      const stored = writeRecord(records, replica, at);
      at += recordBytes(replica);
      return stored;
    });
    await segment.file.write([records], segment.bytes);
    if (batch.some(({ durable }) => durable)) await segment.file.sync();
    segment.bytes += records.length;
    this.#bytes += records.length;
    for (const replica of replicas) {
      segment.replicas.push(replica);
      segment.left++;
      this.#replicas.set(replica.block.blockId, { replica, segment, hasFiles: false });
    }
  }

  async #newSegment(): Promise<Segment> {
    const { disk, layout } = this.#options;
    const path = join(layout.journal, segmentName(++this.#lastNumber));
    await disk.remove(path);
    const file = await disk.open(path, 'create');
    try {
      await disk.syncDirectory(layout.journal);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
    this.#active = { path, file, replicas: [], bytes: 0, left: 0, age: 0, writing: undefined };
    return this.#active;
  }

  #endSegment(): void {
    if (this.#active !== undefined) this.#full.push(this.#active);
    this.#active = undefined;
  }

  /** Moves the oldest full segment; for all who ask meanwhile. */
  #moveOldest(): Promise<void> {
    this.#moving ??= this.#move().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(): Promise<void> {
    const [segment] = this.#full;
    if (segment === undefined) return;
    await segment.writing?.catch(() => {}); // what it holds by then goes with it; who was refused has been told
    const { clock } = this.#options;
    for (let at = 0; at < segment.replicas.length; at += SLICE_REPLICAS) {
      await this.#breathe();
      const startMs = clock.monotonicMs();
      await this.#writeFiles(segment.replicas.slice(at, at + SLICE_REPLICAS));
      this.#workedMs = clock.monotonicMs() - startMs;
    }
    this.#full.shift();
    await this.#remove(segment);
  }

  async #remove({ bytes, file, path }: Segment): Promise<void> {
    this.#bytes -= bytes;
    await file.close();
    await this.#options.disk.remove(path);
  }

  /** Gives those of these replicas files that are here, and have none. */
  #writeFiles(replicas: readonly WholeReplica[]): Promise<void> {
    const written = this.#lastWrite.then(async () => {
      const { disk, layout, makeDirectoryFor } = this.#options;
      const moved = replicas.flatMap((replica) => this.#find(replica) ?? []);
      if (moved.length === 0) return;
      for (const journalled of moved) journalled.hasFiles = true;
      for (const { replica } of moved) await makeDirectoryFor(replica.block.blockId);
      await disk.writeWholeFiles(moved.flatMap(({ replica }) => filesOf(layout, replica)));
      for (const journalled of moved) this.#drop(journalled);
    });
    this.#lastWrite = written.catch(() => {});
    return written;
  }

  #find(replica: WholeReplica): Journalled | undefined {
    const journalled = this.#replicas.get(replica.block.blockId);
    return journalled?.replica === replica ? journalled : undefined;
  }

  /** After a slice, for as long as the room that is left allows. */
  async #breathe(): Promise<void> {
    const fill = this.#bytes / this.#options.limitBytes;
    const haste = Math.max(0, (fill - UNHURRIED_UP_TO) / (WITHOUT_PAUSES_FROM - UNHURRIED_UP_TO));
    const pauseMs = PAUSE_FACTOR * (1 - haste) * this.#workedMs;
    if (this.#hurried > 0 || pauseMs <= 0) return;
    this.#pause = new AbortController();
    await sleep(this.#options.clock, pauseMs, this.#pause.signal).catch(() => {});
  }

  /** Does what somebody waits for. */
  async #hurry(work: () => Promise<void>): Promise<void> {
    this.#hurried++;
    this.#pause.abort();
    try {
      await work();
    } finally {
      this.#hurried--;
    }
  }
}

/** The files of a replica in finalized/. */
export function filesOf(layout: VolumeLayout, { block, checksum, checksums, data }: WholeReplica): WholeFile[] {
  const { blockId, generationStamp } = block;
  return [
    { path: layout.dataFile('finalized', blockId), content: data },
    {
      path: layout.metaFile('finalized', blockId, generationStamp),
      content: [encodeMetaHeader(checksum), checksums],
    },
  ];
}
