import { dirname, join } from 'node:path';
import type { Block } from '../../common/block.js';
import type { ChecksumSpec } from '../../common/checksum.js';
import type { Clock } from '../../common/clock.js';
import type { Disk } from '../../common/disk.js';
import { isDfsError, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { writeDurably } from '../../common/node-disk.js';
import { dataFileName, metaFileName } from '../../common/replica-file-name.js';
import { DirectorySync } from './directory-sync.js';
import type { WholeReplica } from './journal-record.js';
import { replayJournal } from './journal-replay.js';
import type { ReplicaDirectory } from './layout.js';
import { subdirectoryIndex, VolumeLayout } from './layout.js';
import { ReplicaFiles } from './replica-files.js';
import { ReplicaJournal } from './replica-journal.js';
import type { VolumeIdentity } from './version-file.js';
import { readVersionFile, writeVersionFile } from './version-file.js';

/** What a volume can say about its space, in bytes. */
export interface VolumeSpace {
  readonly capacityBytes: number;
  /** Block data on it. (HDFS adds the meta files, which are a thousandth of it with our chunks.) */
  readonly usedBytes: number;
  /** What new blocks may still take. */
  readonly remainingBytes: number;
}

export interface VolumeOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly root: string;
  /** Its place in the volume set. */
  readonly index: number;
  readonly identity: VolumeIdentity;
  /** Left free for others (`dfs.datanode.du.reserved`). */
  readonly reservedBytes: number;
  /** What may wait in the journal (`dfs.datanode.small-block.journal.size`). */
  readonly journalBytes: number;
}

/**
 * One directory on one disk, with the files of many replicas (layout.ts). Methods that move files leave, wherever a
 * crash stops them, something that start-up understands (volume-scan.ts). Which replica may be moved when is the
 * replica store's business.
 */
export class Volume {
  readonly index: number;
  readonly layout: VolumeLayout;
  readonly #disk: Disk;
  readonly #reservedBytes: number;
  readonly #subdirectories = new Set<number>();
  readonly #directorySync: DirectorySync;
  readonly #journal: ReplicaJournal;
  #identity: VolumeIdentity;
  #usedBytes = 0;
  /** Set aside for replicas that are being written. */
  #pendingBytes = 0;
  #capacityBytes = 0;
  #availableBytes = 0;
  #writtenBytes = 0;
  #failed = false;

  constructor({ disk, clock, root, index, identity, reservedBytes, journalBytes }: VolumeOptions) {
    this.#disk = disk;
    this.#directorySync = new DirectorySync(disk);
    this.index = index;
    this.layout = new VolumeLayout(root);
    this.#identity = identity;
    this.#reservedBytes = reservedBytes;
    const { layout } = this;
    const makeDirectoryFor = this.#makeFinalizedDirectory;
    this.#journal = new ReplicaJournal({ disk, clock, layout, limitBytes: journalBytes, makeDirectoryFor });
  }

  get disk(): Disk {
    return this.#disk;
  }

  get storageId(): string {
    return this.#identity.storageId;
  }

  get identity(): VolumeIdentity {
    return this.#identity;
  }

  /** It takes no more part: its disk does not work. */
  get failed(): boolean {
    return this.#failed;
  }

  markFailed(): void {
    this.#failed = true;
    void this.#journal.abandon();
  }

  /** Makes the directories that every volume has. */
  async prepare(): Promise<void> {
    const { finalized, rbw, journal, tmp, current, root } = this.layout;
    for (const directory of [finalized, rbw, journal, tmp]) await this.#disk.makeDirectory(directory);
    for (const directory of [current, root]) await this.#disk.syncDirectory(directory);
    await this.refreshSpace();
  }

  /** Binds the volume to a cluster, durably. */
  async joinCluster(clusterId: string): Promise<void> {
    const identity = { ...this.#identity, clusterId };
    await writeVersionFile(this.#disk, this.layout.version, identity);
    this.#identity = identity;
  }

  /**
   * Whether the directory is still that of this volume, and not the mount point that its disk has left.
   * @throws the operating system's errors.
   */
  async isPresent(): Promise<boolean> {
    try {
      return (await readVersionFile(this.#disk, this.layout.version))?.storageId === this.storageId;
    } catch (error) {
      if (isDfsError(error, 'DamagedMetadata')) return true; // rot; it is told of at the next start
      throw error;
    }
  }

  // ---- Space --------------------------------------------------------------------------------------------------------

  /** Asks the disk how full it is. */
  async refreshSpace(): Promise<void> {
    const writtenBefore = this.#writtenBytes;
    const { capacityBytes, availableBytes } = await this.#disk.space(this.layout.root);
    this.#capacityBytes = capacityBytes;
    this.#availableBytes = availableBytes - (this.#writtenBytes - writtenBefore); // the answer may be older than these
  }

  /** As of the last {@link refreshSpace}, less what was written since. */
  space(): VolumeSpace {
    return {
      capacityBytes: Math.max(0, this.#capacityBytes - this.#reservedBytes),
      usedBytes: this.#usedBytes,
      remainingBytes: Math.max(0, this.#availableBytes - this.#reservedBytes - this.#pendingBytes),
    };
  }

  /** Counts data that was found (or, negative, removed). */
  addUsed(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /**
   * Counts data that was written (or, negative, cut off). What is written leaves the space that was set aside for it at once: it must
   * not look free until the disk is asked again.
   */
  addWritten(bytes: number): void {
    this.#usedBytes += bytes;
    this.#writtenBytes += bytes;
    this.#availableBytes -= bytes;
  }

  /** Sets space aside for a replica that is being written (or, negative, gives it back). */
  addPending(bytes: number): void {
    this.#pendingBytes += bytes;
  }

  // ---- Files of replicas --------------------------------------------------------------------------------------------

  /** Opens new files for a replica. What an earlier attempt left under these names is replaced. */
  async create(kind: 'rbw' | 'tmp', block: Block, checksum: ChecksumSpec): Promise<ReplicaFiles> {
    const data = this.layout.dataFile(kind, block.blockId);
    const meta = this.layout.metaFile(kind, block.blockId, block.generationStamp);
    try {
      return await ReplicaFiles.create(this.#disk, data, meta, checksum);
    } catch (error) {
      await this.remove(kind, block);
      if (osErrorCode(error) !== 'EEXIST') throw error;
      return ReplicaFiles.create(this.#disk, data, meta, checksum);
    }
  }

  async open(kind: ReplicaDirectory, block: Block, mode: 'read' | 'write'): Promise<ReplicaFiles> {
    const { blockId, generationStamp } = block;
    const data = this.layout.dataFile(kind, blockId);
    const meta = this.layout.metaFile(kind, blockId, generationStamp);
    if (kind === 'finalized') {
      const journalled = this.#journal.get(blockId);
      const isSame = journalled?.block.generationStamp === generationStamp;
      if (mode === 'read' && isSame) return ReplicaFiles.inMemory(journalled, data, meta);
      await this.#journal.settle(blockId);
    }
    return await ReplicaFiles.open(this.#disk, data, meta, mode);
  }

  // ---- Small replicas that come as a whole ----------------------------------------------------------------------------

  /** Takes in a finalized replica; resolves once it will outlive a crash (`durable`: of the machine). */
  async takeIn(replica: WholeReplica, durable: boolean): Promise<void> {
    await this.#journal.append(replica, durable);
  }

  /** Whether the replica has no files of its own yet. */
  isJournalled(blockId: number): boolean {
    return this.#journal.get(blockId) !== undefined;
  }

  /** Replicas of which this is so. */
  get journalledCount(): number {
    return this.#journal.count;
  }

  /** The replica has files of its own when this resolves, if it is in finalized/. */
  async settle(blockId: number): Promise<void> {
    await this.#journal.settle(blockId);
  }

  /** Those that have waited long enough get files of their own; see {@link ReplicaJournal.moveOld}. */
  async moveOldFromJournal(): Promise<void> {
    await this.#journal.moveOld();
  }

  /** At the start: gives what a crash has left in the journal files of its own. */
  async replayJournal(logger: Logger): Promise<void> {
    const makeDirectoryFor = this.#makeFinalizedDirectory;
    await replayJournal({ disk: this.#disk, layout: this.layout, logger, makeDirectoryFor });
  }

  /** Nothing is taken in any more. */
  async closeJournal(): Promise<void> {
    await this.#journal.close();
  }

  // ---- Moving the files of replicas -----------------------------------------------------------------------------------

  /** Makes the names in rbw/ durable, for what a client was promised to be on disk before its block is finished. */
  syncRbwDirectory(): Promise<void> {
    return this.#directorySync.sync(this.layout.rbw);
  }

  /**
   * Moves a complete replica to its place in finalized/. The meta file goes first: only when the data file follows, in
   * one step, is the replica there. `durable`: returns once that survives a power failure; its files must have been
   * synced before.
   */
  async finalize(kind: 'rbw' | 'tmp', block: Block, durable: boolean): Promise<void> {
    const from = this.layout.directory(kind, block.blockId);
    const to = await this.#finalizedDirectory(block.blockId);
    const names = [metaFileName(block.blockId, block.generationStamp), dataFileName(block.blockId)];
    await this.#renameAll(names.map(moved(from, to)), durable ? () => this.#syncBoth(to, from) : undefined);
  }

  /** Moves a copy to rbw/, durably. Its files must have been synced. */
  async moveToRbw(block: Block): Promise<void> {
    const { tmp, rbw } = this.layout;
    const names = [metaFileName(block.blockId, block.generationStamp), dataFileName(block.blockId)];
    await this.#renameAll(names.map(moved(tmp, rbw)), () => this.#syncBoth(rbw, tmp));
  }

  /**
   * Takes a finalized replica back to rbw/ under a new stamp, to append to it. The data file goes first: as long as the
   * meta file is in its old place, start-up puts the data back beside it.
   */
  async reopen({ blockId, generationStamp: old }: Block, generationStamp: number): Promise<void> {
    await this.#journal.settle(blockId);
    const directory = await this.#finalizedDirectory(blockId);
    const { rbw } = this.layout;
    const meta = {
      from: join(directory, metaFileName(blockId, old)),
      to: join(rbw, metaFileName(blockId, generationStamp)),
    };
    await this.#renameAll([moved(directory, rbw)(dataFileName(blockId)), meta], async () => {
      await this.#disk.syncDirectory(rbw);
      await this.#disk.syncDirectory(directory);
    });
  }

  /** Gives a replica a new stamp, durably. */
  async restamp(
    kind: 'rbw' | 'finalized',
    { blockId, generationStamp: old }: Block,
    generationStamp: number,
  ): Promise<void> {
    if (generationStamp === old) return;
    if (kind === 'finalized') await this.#journal.settle(blockId);
    const directory = this.layout.directory(kind, blockId);
    const from = join(directory, metaFileName(blockId, old));
    const to = join(directory, metaFileName(blockId, generationStamp));
    await this.#renameAll([{ from, to }], () => this.#disk.syncDirectory(directory));
  }

  /** Removes a replica's files: data first, because a meta file alone is recognized as a remainder. */
  async remove(kind: ReplicaDirectory, block: Block): Promise<void> {
    if (kind === 'finalized' && !(await this.#journal.forget(block.blockId))) return;
    await this.#disk.remove(this.layout.dataFile(kind, block.blockId));
    await this.#disk.remove(this.layout.metaFile(kind, block.blockId, block.generationStamp));
  }

  /** Writes, lists and removes something. @throws the operating system's error when the disk does not work. */
  async probe(): Promise<void> {
    const path = join(this.layout.tmp, 'probe');
    await writeDurably(this.#disk, path, Buffer.from('probe\n'));
    await this.#disk.remove(path);
    await this.#disk.list(this.layout.current);
  }

  /** The directory exists already, as start-up found. */
  knowSubdirectory(index: number): void {
    this.#subdirectories.add(index);
  }

  readonly #makeFinalizedDirectory = async (blockId: number): Promise<void> => {
    await this.#finalizedDirectory(blockId);
  };

  async #finalizedDirectory(blockId: number): Promise<string> {
    const index = subdirectoryIndex(blockId);
    const directory = this.layout.subdirectory(index);
    if (this.#subdirectories.has(index)) return directory;
    await this.#disk.makeDirectory(directory);
    await this.#disk.syncDirectory(dirname(directory));
    await this.#disk.syncDirectory(this.layout.finalized);
    this.#subdirectories.add(index);
    return directory;
  }

  async #syncBoth(one: string, other: string): Promise<void> {
    await Promise.all([this.#directorySync.sync(one), this.#directorySync.sync(other)]);
  }

  /**
   * Renames files in this order, and makes that durable with `sync`. When the disk fails, what has been renamed gets its old name back, as
   * far as that can be done: otherwise what is known of the replica would not be true any more, and a good one would be taken for lost.
   */
  async #renameAll(renames: readonly Rename[], sync?: () => Promise<void>): Promise<void> {
    const done: Rename[] = [];
    try {
      for (const rename of renames) {
        await this.#disk.rename(rename.from, rename.to);
        done.unshift(rename);
      }
      await sync?.();
    } catch (error) {
      for (const { from, to } of done) await this.#disk.rename(to, from).catch(() => {});
      throw error;
    }
  }
}

interface Rename {
  readonly from: string;
  readonly to: string;
}

/** What a name becomes when it is moved from one directory to another. */
function moved(from: string, to: string): (name: string) => Rename {
  return (name) => ({ from: join(from, name), to: join(to, name) });
}
