/**
 * What a volume holds, found out at start-up, and the repair of what a crash left half done. The rules follow from the order in which
 * volume.ts and replica-files.ts do things (data before checksums; into finalized/ the meta file first; out of it the data file first).
 *
 *     finalized/        rbw/               what happened                          what is made of it
 *     data + meta       -                  -                                      FINALIZED
 *     data + meta       data and/or meta   a rename is durable on one side only   FINALIZED, the rest is removed
 *     meta              data               stopped while it was finalized, or     all of it verified: FINALIZED
 *                                          taken back for append                  else RWR
 *     data              meta               the same, renames not yet durable      RWR
 *     meta              data + meta        the same                               RWR
 *     meta              -                  stopped while it was deleted           removed
 *     data              -                  damage                                 quarantined
 *     data + meta, lengths do not fit      damage                                 quarantined
 *     -                 data + meta        stopped while it was written           RWR, cut to what the checksums vouch for; RBW as it
 *                                                                                 was, if a note of a stop in order says so
 *     -                 data or meta       stopped while it was created           removed
 *
 * Before that, small replicas that are only in journal/ get files in finalized/ (journal-replay.ts).
 *
 * tmp/ is emptied: the NameNode orders an unfinished copy again. Every step may be repeated, should start-up itself be cut off.
 */
import { join } from 'node:path';
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import type { DiskEntry } from '../../common/disk.js';
import { isDfsError, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { dataFileName, metaFileName, parseReplicaFileName } from '../../common/replica-file-name.js';
import { parseSubdirectory } from './layout.js';
import { MetaFit } from './meta-fit.js';
import type { VerifiedLength } from './replica-check.js';
import { verifiedLength } from './replica-check.js';
import type { RestartNote } from './restart-note.js';
import { takeRestartNotes } from './restart-note.js';
import type { Volume } from './volume.js';

/** Directories that are looked at at the same time; more do not make a disk faster. */
const DIRECTORIES_AT_A_TIME = 8;

/** A replica that is not finalized, with the length that its checksums vouch for. */
export interface UnfinishedReplica extends Block {
  /** How much of it readers may see, when it is RBW still; undefined when it waits for recovery. */
  readonly visibleBytes: number | undefined;
}

export interface ScanResult {
  readonly waiting: readonly UnfinishedReplica[];
  /** Names of the files that were put into quarantine. */
  readonly quarantined: readonly string[];
}

/** Calls `onFinalized` for each good finalized replica, in no order. */
export function scanVolume(
  volume: Volume,
  nowMs: number,
  logger: Logger,
  onFinalized: (block: Block) => void,
): Promise<ScanResult> {
  return new VolumeScan(volume, logger, onFinalized).run(nowMs);
}

/** The files of one block in one directory. */
class BlockFiles {
  hasData = false;
  /** Newest first. */
  readonly stamps: number[] = [];

  get newestStamp(): number | undefined {
    return this.stamps[0];
  }
}

class VolumeScan {
  readonly #volume: Volume;
  readonly #logger: Logger;
  readonly #onFinalized: (block: Block) => void;
  /** What is in rbw/ and not yet accounted for. */
  #rbw = new Map<number, BlockFiles>();
  /** By block. */
  #notes: ReadonlyMap<number, RestartNote> = new Map();
  readonly #metaFit: MetaFit;
  readonly #waiting: UnfinishedReplica[] = [];
  readonly #quarantined: string[] = [];

  constructor(volume: Volume, logger: Logger, onFinalized: (block: Block) => void) {
    this.#volume = volume;
    this.#logger = logger;
    this.#onFinalized = onFinalized;
    this.#metaFit = new MetaFit(volume.disk);
  }

  async run(nowMs: number): Promise<ScanResult> {
    const { disk, layout } = this.#volume;
    await this.#volume.replayJournal(this.#logger);
    for (const { name, isDirectory } of await disk.list(layout.tmp)) {
      if (!isDirectory) await disk.remove(join(layout.tmp, name));
    }
    // A move is durable once both directories are: those in finalized/ come from these two.
    for (const directory of [layout.tmp, layout.rbw]) await disk.syncDirectory(directory);
    this.#notes = await takeRestartNotes(disk, layout, nowMs, this.#logger);
    this.#rbw = blockFiles(await disk.list(layout.rbw));
    const subdirectories = await this.#subdirectories();
    const work = async (): Promise<void> => {
      for (let next = subdirectories.pop(); next !== undefined; next = subdirectories.pop())
        await this.#scanSubdirectory(next);
    };
    await Promise.all(Array.from({ length: DIRECTORIES_AT_A_TIME }, work));
    for (const [blockId, files] of this.#rbw) await this.#takeRbw(blockId, files);
    return { waiting: this.#waiting, quarantined: this.#quarantined };
  }

  /** Indexes of the directories subdirX/subdirY that there are. */
  async #subdirectories(): Promise<number[]> {
    const { layout } = this.#volume;
    const found: number[] = [];
    for (const x of await this.#durableEntries(layout.finalized)) {
      if (parseSubdirectory(x.name, 'subdir0') === undefined) continue;
      for (const y of await this.#durableEntries(join(layout.finalized, x.name))) {
        const index = parseSubdirectory(x.name, y.name);
        if (index !== undefined) found.push(index);
      }
    }
    return found;
  }

  /**
   * What is in a directory of finalized/, made durable: the process before this one may have ended between a change and its sync, or the sync may
   * have failed. What is found here is reported and relied on, and directories that are there are not synced again (`knowSubdirectory`).
   */
  async #durableEntries(directory: string): Promise<readonly DiskEntry[]> {
    const { disk } = this.#volume;
    await disk.syncDirectory(directory);
    return disk.list(directory);
  }

  async #scanSubdirectory(index: number): Promise<void> {
    const directory = this.#volume.layout.subdirectory(index);
    const blocks = blockFiles(await this.#durableEntries(directory));
    this.#volume.knowSubdirectory(index);
    for (const [blockId, files] of blocks) await this.#takeFinalized(directory, blockId, files);
  }

  async #takeFinalized(directory: string, blockId: number, files: BlockFiles): Promise<void> {
    const rbw = this.#rbw.get(blockId);
    const stamp = files.newestStamp;
    if (stamp !== undefined && files.hasData) {
      await this.#takeComplete(directory, blockId, files, stamp);
    } else if (stamp === undefined) {
      await this.#takeDataAlone(directory, blockId, rbw);
    } else {
      await this.#takeMetaAlone(directory, blockId, files, rbw);
    }
  }

  async #takeComplete(directory: string, blockId: number, files: BlockFiles, stamp: number): Promise<void> {
    await this.#removeMetaFiles(directory, blockId, files.stamps.slice(1));
    await this.#removeRbw(blockId);
    const block = { blockId, generationStamp: stamp };
    const fault = await this.#accept(directory, block);
    if (fault === undefined) return;
    this.#logger.error(
      { block: blockName(block), directory, fault },
      'a finalized replica is damaged and was put into quarantine',
    );
    await this.#quarantine(directory, [dataFileName(blockId), metaFileName(blockId, stamp)]);
  }

  /** Takes the replica for good if the lengths of its files fit each other; else says what is wrong with it. */
  async #accept(directory: string, block: Omit<Block, 'numBytes'>): Promise<string | undefined> {
    const { disk } = this.#volume;
    const metaPath = join(directory, metaFileName(block.blockId, block.generationStamp));
    const dataPath = join(directory, dataFileName(block.blockId));
    const [numBytes, metaBytes] = await Promise.all([disk.fileSize(dataPath), disk.fileSize(metaPath)]);
    if (numBytes === undefined || metaBytes === undefined) return 'a file of it has gone meanwhile';
    const fault = await this.#metaFit.misfit(metaPath, numBytes, metaBytes);
    if (fault === undefined) this.#onFinalized({ ...block, numBytes });
    return fault;
  }

  async #takeDataAlone(directory: string, blockId: number, rbw: BlockFiles | undefined): Promise<void> {
    const { disk, layout } = this.#volume;
    const name = dataFileName(blockId);
    if (rbw?.newestStamp === undefined) {
      this.#logger.error(
        { file: join(directory, name) },
        'a finalized replica has no meta file and was put into quarantine',
      );
      await this.#quarantine(directory, [name]);
      return;
    }
    if (rbw.hasData) await disk.remove(join(directory, name));
    else await disk.rename(join(directory, name), join(layout.rbw, name));
    rbw.hasData = true;
  }

  async #takeMetaAlone(
    directory: string,
    blockId: number,
    files: BlockFiles,
    rbw: BlockFiles | undefined,
  ): Promise<void> {
    const { disk, layout } = this.#volume;
    const stamp = files.newestStamp as number;
    if (!rbw?.hasData || rbw.newestStamp !== undefined) {
      await this.#removeMetaFiles(directory, blockId, files.stamps);
      return;
    }
    await this.#removeMetaFiles(directory, blockId, files.stamps.slice(1));
    await disk.rename(join(directory, metaFileName(blockId, stamp)), join(layout.rbw, metaFileName(blockId, stamp)));
    rbw.stamps.push(stamp);
    const verified = await this.#verify({ blockId, generationStamp: stamp, numBytes: 0 });
    if (!verified?.complete) return;
    const { numBytes } = verified;
    await this.#volume.finalize('rbw', { blockId, generationStamp: stamp, numBytes }, true);
    this.#rbw.delete(blockId);
    this.#onFinalized({ blockId, generationStamp: stamp, numBytes });
  }

  async #takeRbw(blockId: number, files: BlockFiles): Promise<void> {
    const { rbw } = this.#volume.layout;
    const stamp = files.newestStamp;
    if (stamp === undefined || !files.hasData) {
      await this.#removeRbw(blockId);
      return;
    }
    await this.#removeMetaFiles(rbw, blockId, files.stamps.slice(1));
    const block = { blockId, generationStamp: stamp, numBytes: 0 };
    const verified = await this.#verify(block);
    if (verified === undefined) {
      this.#logger.warn(
        { block: blockName(block) },
        'the meta file of a replica that was being written is damaged; it is removed',
      );
      await this.#volume.remove('rbw', block);
      return;
    }
    if (!verified.complete) await this.#cut({ ...block, numBytes: verified.numBytes });
    const found = { ...block, numBytes: verified.numBytes };
    this.#waiting.push({ ...found, visibleBytes: this.#visibleBytes(found) });
  }

  /** Undefined unless all of the replica is there that a note tells of. */
  #visibleBytes({ blockId, generationStamp, numBytes }: Block): number | undefined {
    const note = this.#notes.get(blockId);
    const isSame = note?.generationStamp === generationStamp && note.numBytes === numBytes;
    return isSame ? Math.min(note.visibleBytes, numBytes) : undefined;
  }

  /** Removes what the checksums do not vouch for. */
  async #cut(block: Block): Promise<void> {
    const files = await this.#volume.open('rbw', block, 'write');
    try {
      await files.truncate(block.numBytes);
    } finally {
      await files.close();
    }
  }

  /** Undefined when the meta file has no valid header, so that nothing can be verified. */
  async #verify(block: Block): Promise<VerifiedLength | undefined> {
    try {
      const files = await this.#volume.open('rbw', block, 'read');
      try {
        return await verifiedLength(files);
      } finally {
        await files.close();
      }
    } catch (error) {
      if (isDfsError(error, 'Corrupt')) return undefined;
      throw error;
    }
  }

  async #removeRbw(blockId: number): Promise<void> {
    const files = this.#rbw.get(blockId);
    if (files === undefined) return;
    const { disk, layout } = this.#volume;
    if (files.hasData) await disk.remove(layout.dataFile('rbw', blockId));
    await this.#removeMetaFiles(layout.rbw, blockId, files.stamps);
    this.#rbw.delete(blockId);
  }

  async #removeMetaFiles(directory: string, blockId: number, stamps: readonly number[]): Promise<void> {
    for (const stamp of stamps) await this.#volume.disk.remove(join(directory, metaFileName(blockId, stamp)));
  }

  async #quarantine(directory: string, names: readonly string[]): Promise<void> {
    const { disk, layout } = this.#volume;
    await disk.makeDirectory(layout.quarantine);
    for (const name of names) {
      await disk.rename(join(directory, name), join(layout.quarantine, name)).catch(whenMissing);
      this.#quarantined.push(join(layout.quarantine, name));
    }
  }
}

function blockFiles(entries: readonly DiskEntry[]): Map<number, BlockFiles> {
  const found = new Map<number, BlockFiles>();
  for (const { name } of entries) {
    const file = parseReplicaFileName(name);
    if (file === undefined) continue;
    const files = found.get(file.blockId) ?? new BlockFiles();
    found.set(file.blockId, files);
    if (file.kind === 'data') files.hasData = true;
    else files.stamps.push(file.generationStamp);
  }
  for (const files of found.values()) files.stamps.sort((a, b) => b - a);
  return found;
}

function whenMissing(error: unknown): undefined {
  if (osErrorCode(error) === 'ENOENT') return undefined;
  throw error;
}
