/**
 * The replicas of a DataNode with their files: creates, finalizes, opens them. (HDFS: the dataset.) What a rebuilt pipeline asks for
 * is in pipeline-recovery.ts, deletion in replica-removal.ts. Steps that change one block's replica run one after the other.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { ChecksumSpec } from '../common/checksum.js';
import { checksumsLength, META_HEADER_LENGTH } from '../common/checksum.js';
import { DfsError, isDfsError, messageOf, osErrorCode } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { BlockLocks } from './block-locks.js';
import type { WholeReplica } from './disk/journal-record.js';
import type { ReplicaDirectory } from './disk/layout.js';
import type { ReplicaFiles } from './disk/replica-files.js';
import type { Volume } from './disk/volume.js';
import type { UnfinishedReplica } from './disk/volume-scan.js';
import { scanVolume } from './disk/volume-scan.js';
import type { VolumeSet } from './disk/volume-set.js';
import { type FoundReplica, type FoundUnfinished, takeBetter, takeUnfinished } from './double-replicas.js';
import type { Replica } from './replica.js';
import { readableLength } from './replica.js';
import type { ReplicaCatalog } from './replica-catalog.js';
import { blockOf } from './replica-catalog.js';
import type { ReplicaWriter } from './replica-in-pipeline.js';
import { ReplicaInPipeline } from './replica-in-pipeline.js';

/** What disks are assumed to give space out in. */
const DISK_BLOCK_BYTES = 4096;

export interface ReplicaStoreOptions {
  readonly volumes: VolumeSet;
  readonly catalog: ReplicaCatalog;
  readonly logger: Logger;
  /** `dfs.datanode.synconclose` */
  readonly syncOnClose: boolean;
}

/** A replica that its holder alone may write to. */
export interface WritableReplica {
  readonly replica: ReplicaInPipeline;
  readonly files: ReplicaFiles;
  readonly volume: Volume;
}

/** A replica opened for reading: the bytes that a reader may see now stay readable, whatever happens to it meanwhile. */
export interface ReadableReplica {
  readonly block: Block;
  readonly storageId: string;
  readonly finalized: boolean;
  readonly files: ReplicaFiles;
  /** How far a reader may read. */
  readonly visibleBytes: number;
  /** Bytes in the file when it was opened, at least {@link visibleBytes}. */
  readonly numBytes: number;
  /** See {@link ReplicaInPipeline.lastChecksum}. */
  readonly lastChecksum: Buffer | undefined;
}

export interface NewReplica {
  /** Where the NameNode wants it; '' leaves it to us. */
  readonly storageId: string;
  readonly checksum: ChecksumSpec;
  /** How long it may become. */
  readonly expectedBytes: number;
  /** Who will write it. */
  readonly writer: ReplicaWriter;
}

export class ReplicaStore {
  readonly catalog: ReplicaCatalog;
  readonly volumes: VolumeSet;
  readonly locks = new BlockLocks();
  /** Blocks whose files are about to be removed; see replica-removal.ts. */
  readonly beingDeleted = new Set<number>();
  /** Called with a finalized replica with which somebody had trouble: it ought to be verified soon. */
  onSuspect: (blockId: number) => void = () => {};
  readonly #logger: Logger;
  readonly #syncOnClose: boolean;

  constructor({ volumes, catalog, logger, syncOnClose }: ReplicaStoreOptions) {
    this.volumes = volumes;
    this.catalog = catalog;
    this.#logger = logger;
    this.#syncOnClose = syncOnClose;
  }

  /**
   * Finds out what is on the volumes. To be called once, before anything else. A volume that cannot be read is left out, if so many
   * may fail. `nowMs`: the time of day.
   * @throws DfsError `InvalidConfiguration`.
   */
  async load(nowMs: number): Promise<void> {
    const waiting: FoundUnfinished[] = [];
    const doubles: FoundReplica[] = [];
    await this.#onEachVolume(async (volume) => {
      for (const block of await this.#scan(volume, nowMs, doubles)) waiting.push({ block, volume });
    });
    const worse = doubles.flatMap((found) => takeBetter(found, this.catalog, this.volumes) ?? []);
    // Only now are the finalized replicas of all volumes known.
    const usable = waiting.filter(({ volume }) => !volume.failed);
    const { unfinished, finalized } = takeUnfinished(usable, this.catalog, this.volumes);
    await this.#removeWorse('finalized', [...worse, ...finalized]);
    await this.#removeWorse('rbw', unfinished);
  }

  async #onEachVolume(work: (volume: Volume) => Promise<void>): Promise<void> {
    const attempt = async (volume: Volume): Promise<void> => {
      try {
        await work(volume);
      } catch (error) {
        this.#leaveOut(volume, error);
      }
    };
    await Promise.all(this.volumes.all.filter(({ failed }) => !failed).map(attempt));
  }

  #leaveOut(volume: Volume, error: unknown): void {
    if (osErrorCode(error) === undefined) throw error;
    this.#logger.error({ volume: volume.layout.root, err: error }, 'the volume cannot be read and is left out');
    volume.markFailed();
    this.catalog.forget(volume);
    this.volumes.requireEnough(volume, messageOf(error));
  }

  /** Takes in the finalized replicas, but for `doubles`, of which another volume has one, too; returns the unfinished ones. */
  async #scan(volume: Volume, nowMs: number, doubles: FoundReplica[]): Promise<readonly UnfinishedReplica[]> {
    const { waiting, quarantined } = await scanVolume(volume, nowMs, this.#logger, (block) => {
      if (!this.catalog.foundFinalized(block, volume)) doubles.push({ block, volume });
    });
    const { replicas } = this.catalog.summary(volume);
    this.#logger.info(
      { volume: volume.layout.root, replicas, waiting: waiting.length, quarantined: quarantined.length },
      'volume loaded',
    );
    return waiting;
  }

  async #removeWorse(kind: 'finalized' | 'rbw', worse: readonly FoundReplica[]): Promise<void> {
    await this.#onEachVolume(async (volume) => {
      for (const { block } of worse.filter((found) => found.volume === volume)) {
        const context = { block: blockName(block), directory: kind, volume: volume.layout.root };
        this.#logger.warn(context, 'a replica is removed, as another volume has a better one of the same block');
        await volume.remove(kind, block);
      }
    });
  }

  /**
   * Begins a replica that a client writes.
   * @throws DfsError `ReplicaAlreadyExists`, `NoSpace`.
   */
  createRbw(block: Block, options: NewReplica): Promise<WritableReplica> {
    return this.#create('rbw', block, options, (old) => old.generationStamp < block.generationStamp);
  }

  /**
   * Begins a copy that the NameNode ordered, or a pipeline. An unfinished copy is given up for it: the newer order counts. So is what a
   * writer or a recovery has left behind, even under the same stamp: a copy is of a complete block, or of all that was acknowledged.
   * @throws DfsError `ReplicaAlreadyExists`, `NoSpace`.
   */
  createTemporary(block: Block, options: NewReplica): Promise<WritableReplica> {
    const mayReplace = (old: ReplicaInPipeline): boolean =>
      old.state === 'TEMPORARY' ||
      old.generationStamp < block.generationStamp ||
      (old.generationStamp === block.generationStamp && old.writer === undefined);
    return this.#create('tmp', block, options, mayReplace);
  }

  /** `mayReplace` says whether an unfinished replica makes way; a finalized one never does. */
  async #create(
    kind: 'rbw' | 'tmp',
    block: Block,
    { storageId, checksum, expectedBytes, writer }: NewReplica,
    mayReplace: (old: ReplicaInPipeline) => boolean,
  ): Promise<WritableReplica> {
    const old = this.catalog.inPipeline(block.blockId);
    if (old !== undefined && mayReplace(old)) await old.writer?.stop('a newer replica of the block takes its place');
    return this.locks.run(block.blockId, async () => {
      await this.#makeWay(block.blockId, mayReplace);
      const neededBytes = spaceOnDisk(expectedBytes, checksum);
      const volume = this.volumes.choose(neededBytes, storageId);
      const empty = { ...blockOf(block), numBytes: 0 };
      const replica = new ReplicaInPipeline(empty, kind === 'rbw' ? 'RBW' : 'TEMPORARY', volume.index, neededBytes);
      replica.writer = writer;
      volume.addPending(neededBytes); // before the first await: nobody else may count on it
      try {
        const files = await this.onDisk(volume, () => volume.create(kind, empty, checksum));
        this.catalog.begun(replica, volume);
        return { replica, files, volume };
      } catch (error) {
        volume.addPending(-neededBytes);
        throw error;
      }
    });
  }

  async #makeWay(blockId: number, mayReplace: (old: ReplicaInPipeline) => boolean): Promise<void> {
    const unfinished = this.catalog.inPipeline(blockId);
    if (unfinished !== undefined && unfinished.writer === undefined && mayReplace(unfinished)) {
      await this.drop(unfinished);
      return;
    }
    const old = this.catalog.get(blockId);
    if (old === undefined) return;
    const state = this.beingDeleted.has(blockId) ? 'being deleted' : old.state;
    throw new DfsError(
      'ReplicaAlreadyExists',
      `Replica ${blockName(old)} of ${old.numBytes} bytes exists already (${state})`,
    );
  }

  /** Makes a complete replica a FINALIZED one, on stable storage if so configured, and tells the NameNode. */
  finalize({ replica, files, volume }: WritableReplica): Promise<Block> {
    return this.locks.run(replica.blockId, () =>
      this.onDisk(volume, async () => {
        await files.writeHeader();
        if (this.#syncOnClose) await files.sync(replica.numBytes);
        await volume.finalize(directoryOf(replica) === 'tmp' ? 'tmp' : 'rbw', replica, this.#syncOnClose);
        files.closeLater();
        return this.catalog.becameFinalized(replica, volume);
      }),
    );
  }

  /**
   * Takes in a replica that comes as a whole: it is finalized, and on stable storage if so configured. Its checksums must have been verified.
   * @throws DfsError `ReplicaAlreadyExists`, `NoSpace`; the operating system's errors.
   */
  takeIn(replica: WholeReplica, storageId: string): Promise<void> {
    const { block, checksum } = replica;
    return this.locks.run(block.blockId, async () => {
      await this.#makeWay(block.blockId, () => false);
      const neededBytes = spaceOnDisk(block.numBytes, checksum);
      const volume = this.volumes.choose(neededBytes, storageId);
      volume.addPending(neededBytes);
      try {
        await this.onDisk(volume, () => volume.takeIn(replica, this.#syncOnClose));
      } finally {
        volume.addPending(-neededBytes);
      }
      // Whether it has failed meanwhile: what it held is forgotten then.
      this.catalog.tookIn(block, this.volumes.get(volume.index));
    });
  }

  /**
   * The writer has gone. An RBW replica waits for its pipeline to be rebuilt, with what is known to be in its files; a copy is given
   * up.
   */
  async release({ replica, files, volume }: WritableReplica): Promise<void> {
    await this.locks.run(replica.blockId, async () => {
      try {
        await this.onDisk(volume, () => leaveConsistent(files, replica));
      } catch (error) {
        this.#logger.warn(
          { block: blockName(replica), reason: messageOf(error) },
          'cannot tidy up an unfinished replica',
        );
      }
      await files.close();
      this.catalog.released(replica, volume);
      if (replica.state === 'TEMPORARY') await this.drop(replica);
    });
  }

  /** Removes a replica that was begun in vain. */
  async discard({ replica, files }: WritableReplica): Promise<void> {
    await this.locks.run(replica.blockId, async () => {
      await files.close();
      await this.drop(replica);
    });
  }

  /**
   * Opens the replica of a block. One that is newer than asked for is served, as HDFS does: the block was appended to meanwhile. `inFiles`: it must
   * have files of its own, as others will open them.
   * @throws DfsError `ReplicaNotFound`, `StaleGenerationStamp`, `Corrupt`.
   */
  openForRead(
    block: Pick<Block, 'blockId' | 'generationStamp'>,
    { inFiles = false }: { readonly inFiles?: boolean } = {},
  ): Promise<ReadableReplica> {
    return this.locks.run(block.blockId, async () => {
      const replica = this.catalog.get(block.blockId);
      if (replica === undefined || this.beingDeleted.has(block.blockId)) {
        throw new DfsError('ReplicaNotFound', `Replica not found for ${blockName(block)}`);
      }
      if (replica.generationStamp < block.generationStamp) {
        throw new DfsError('StaleGenerationStamp', `Replica ${blockName(replica)} is older than ${blockName(block)}`);
      }
      const { numBytes } = replica;
      const visibleBytes = readableLength(replica);
      const lastChecksum = this.catalog.inPipeline(block.blockId)?.lastChecksum;
      const volume = this.volumes.get(replica.volume);
      if (inFiles) await this.onDisk(volume, () => volume.settle(block.blockId));
      const files = await this.#openFiles(replica, volume);
      const finalized = replica.state === 'FINALIZED';
      const about = { block: blockOf(replica), storageId: volume.storageId, finalized };
      return { ...about, files, visibleBytes, numBytes, lastChecksum };
    });
  }

  async #openFiles(replica: Replica, volume: Volume): Promise<ReplicaFiles> {
    try {
      return await this.onDisk(volume, () => volume.open(directoryOf(replica), replica, 'read'));
    } catch (error) {
      const isGone = osErrorCode(error) === 'ENOENT';
      if (!isGone && !isDfsError(error, 'Corrupt')) throw error;
      if (replica.state === 'FINALIZED') this.catalog.foundCorrupt(blockOf(replica), volume.storageId);
      const what = isGone ? 'has lost its files' : `is damaged: ${messageOf(error)}`;
      throw new DfsError('Corrupt', `Replica ${blockName(replica)} ${what}`, { cause: error });
    }
  }

  /** Reading an opened replica failed: the NameNode is told if its bytes are wrong, and the disk is looked at if that gave an error. */
  readFailed({ block, storageId }: ReadableReplica, error: unknown): void {
    if (isDfsError(error, 'Corrupt')) this.catalog.foundCorrupt(block, storageId);
    const volume = this.volumes.all.find((candidate) => candidate.storageId === storageId);
    if (osErrorCode(error) === undefined || volume === undefined) return;
    this.volumes.suspect(volume, error);
    this.onSuspect(block.blockId);
  }

  /** Forgets an unfinished replica and removes its files. To be called with the block locked. */
  async drop(replica: ReplicaInPipeline): Promise<void> {
    if (this.catalog.inPipeline(replica.blockId) !== replica) return;
    const volume = this.volumes.get(replica.volume);
    this.catalog.droppedUnfinished(replica, volume);
    await this.onDisk(volume, () => volume.remove(directoryOf(replica), replica));
  }

  /** Runs work on a volume's files; when it fails, the volume is looked at. */
  async onDisk<T>(volume: Volume, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.volumes.suspect(volume, error);
      throw error;
    }
  }
}

/** Removes what a write that failed half-way left behind the known bytes. */
async function leaveConsistent(files: ReplicaFiles, { numBytes, lastChecksum }: ReplicaInPipeline): Promise<void> {
  await files.writeHeader();
  if ((await files.dataSize()) !== numBytes) await files.truncate(numBytes, lastChecksum);
}

/** In which directory the files of a replica are. */
export function directoryOf({ state }: Replica): ReplicaDirectory {
  switch (state) {
    case 'FINALIZED':
      return 'finalized';
    case 'TEMPORARY':
      return 'tmp';
    case 'RBW':
    case 'RWR':
      return 'rbw';
  }
}

/** Bytes that both files of a replica may take: disks give space out in whole blocks. */
function spaceOnDisk(dataBytes: number, checksum: ChecksumSpec): number {
  const wholeBlocks = (bytes: number): number => Math.ceil(bytes / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
  return wholeBlocks(dataBytes) + wholeBlocks(META_HEADER_LENGTH + checksumsLength(checksum, dataBytes));
}
