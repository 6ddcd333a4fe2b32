/**
 * Where small replicas that come as a whole are made durable: appended to a file, many with one sync, instead of two files, four syncs and two
 * renames for each. From here they are moved to files of their own, many at a time, and nothing else need know of it:
 *
 *     append ──► segment, synced ──► finalized/… written and synced ──► segment removed
 *                (and in memory)      (checkpoint)
 *
 * Until its own files are on the disk, a replica is read from memory. Whatever changes it settles it first. After a crash the segments are
 * gone through (journal-replay.ts) before anything else looks at the volume. A removal is not noted here: a replica that was removed may come back
 * with a crash, as it may where a power failure undoes the removal of files, and the NameNode orders its deletion again.
 */
import { join } from 'node:path';
import { encodeMetaHeader } from '../../common/checksum.js';
import type { Disk, DiskFile, WholeFile } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { recordBytes, type WholeReplica, writeRecord } from './journal-record.js';
import { segmentName, type VolumeLayout } from './layout.js';

export interface ReplicaJournalOptions {
  readonly disk: Disk;
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
  /** The batch that is being written to it. It may have been ended meanwhile. */
  writing: Promise<void> | undefined;
}

interface Waiting {
  readonly replica: WholeReplica;
  readonly durable: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** A batch, which is no larger than a segment, takes no longer to be written than a sync; what comes meanwhile is the next one. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** A segment is moved to files of its own while the next one fills. */
const SEGMENTS = 4;

export class ReplicaJournal {
  readonly #options: ReplicaJournalOptions;
  /** Replicas that have no files of their own yet, by block. */
  readonly #replicas = new Map<number, WholeReplica>();
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #active: Segment | undefined;
  /** Full ones, the oldest first. */
  readonly #full: Segment[] = [];
  #checkpoint: Promise<void> | undefined;
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
    return this.#replicas.get(blockId);
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

  /** Moves all that is in the journal now to files of its own. @throws the operating system's errors; nothing is lost then. */
  async checkpoint(): Promise<void> {
    this.#endSegment();
    const last = this.#full.at(-1);
    while (last !== undefined && this.#full.includes(last)) await this.#moveFull();
  }

  /** The replica, if it is here, has files of its own when this resolves. */
  async settle(blockId: number): Promise<void> {
    if (this.#replicas.has(blockId)) await this.checkpoint();
  }

  /** The replica is to be removed: it gets no files of its own from now on, or has them when this resolves. */
  async forget(blockId: number): Promise<void> {
    if (this.#replicas.delete(blockId)) await this.#checkpoint?.catch(() => {});
  }

  /** Takes nothing more, and moves what is here. @throws as {@link checkpoint}. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.checkpoint();
  }

  /** The disk does not work any more. */
  async abandon(): Promise<void> {
    this.#closed = true;
    this.#replicas.clear();
    this.#endSegment();
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

  /** Waits for a checkpoint when the journal is full. @throws why there is no room when that has failed. */
  async #room(): Promise<void> {
    if (this.#closed) throw new DfsError('Cancelled', 'the journal of small replicas is closed');
    while (this.#bytes >= this.#options.limitBytes) await this.checkpoint();
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const segment = this.#active ?? (await this.#newSegment());
    segment.writing = this.#writeTo(segment, batch);
    await segment.writing;
    if (segment !== this.#active || segment.bytes < this.#options.limitBytes / SEGMENTS) return;
    this.#endSegment();
    this.#moveFull().catch(() => {}); // whoever finds no room is told
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
      this.#replicas.set(replica.block.blockId, replica);
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
    this.#active = { path, file, replicas: [], bytes: 0, writing: undefined };
    return this.#active;
  }

  #endSegment(): void {
    if (this.#active !== undefined) this.#full.push(this.#active);
    this.#active = undefined;
  }

  /** Moves the oldest full segment; for all who ask meanwhile. */
  #moveFull(): Promise<void> {
    this.#checkpoint ??= this.#moveOldest().finally(() => {
      this.#checkpoint = undefined;
    });
    return this.#checkpoint;
  }

  async #moveOldest(): Promise<void> {
    const [segment] = this.#full;
    if (segment === undefined) return;
    await segment.writing?.catch(() => {}); // what it holds by then goes with it; who was refused has been told
    const { disk } = this.#options;
    const isHere = (replica: WholeReplica): boolean => this.#replicas.get(replica.block.blockId) === replica;
    const moved = segment.replicas.filter(isHere);
    for (const { block } of moved) await this.#options.makeDirectoryFor(block.blockId);
    await disk.writeWholeFiles(moved.flatMap((replica) => filesOf(this.#options.layout, replica)));
    for (const replica of moved.filter(isHere)) this.#replicas.delete(replica.block.blockId);
    this.#full.shift();
    this.#bytes -= segment.bytes;
    await segment.file.close();
    await disk.remove(segment.path);
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
