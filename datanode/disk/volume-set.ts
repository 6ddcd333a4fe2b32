import { dirname, resolve } from 'node:path';
import type { Clock } from '../../common/clock.js';
import type { Disk } from '../../common/disk.js';
import { DfsError, isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { wrapOsError } from '../../common/node-disk.js';
import type { Random } from '../../common/random.js';
import { uuid } from '../../common/random.js';
import { VolumeLayout } from './layout.js';
import type { VolumeIdentity } from './version-file.js';
import { readVersionFile, writeVersionFile } from './version-file.js';
import { Volume } from './volume.js';

/** Holds a directory against other processes; `release` gives it back. */
export type LockDirectory = (path: string) => Promise<{ release(): void }>;

export interface VolumeSetOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly lockDirectory: LockDirectory;
  /** `dfs.datanode.data.dir` */
  readonly roots: readonly string[];
  /** `dfs.datanode.data.dir.perm` */
  readonly directoryMode: number;
  /** `dfs.datanode.du.reserved` */
  readonly reservedBytes: number;
  /** `dfs.datanode.failed.volumes.tolerated` */
  readonly failedVolumesTolerated: number;
  /** `dfs.datanode.small-block.journal.size` */
  readonly journalBytes: number;
}

/** Errors that say nothing about the disk's health: it is full, or this process has too many files open. */
const HARMLESS_ERRORS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOENT', 'EEXIST']);

/** The volumes of one DataNode. */
export class VolumeSet {
  readonly datanodeUuid: string;
  readonly #volumes: readonly Volume[];
  readonly #logger: Logger;
  readonly #tolerated: number;
  readonly #locks: readonly { release(): void }[];
  readonly #failedAtStart: number;
  readonly #probing = new Set<Volume>();
  #nextVolume = 0;
  #onFailure: (volume: Volume, reason: string) => void = () => {};

  private constructor(
    options: VolumeSetOptions,
    datanodeUuid: string,
    volumes: readonly Volume[],
    locks: readonly { release(): void }[],
    failedAtStart: number,
  ) {
    this.datanodeUuid = datanodeUuid;
    this.#volumes = volumes;
    this.#logger = options.logger;
    this.#tolerated = options.failedVolumesTolerated;
    this.#locks = locks;
    this.#failedAtStart = failedAtStart;
  }

  /**
   * Locks the directories and makes new ones ready for use.
   * @throws DfsError `DirectoryLocked`, `DamagedMetadata`, `InvalidConfiguration` (directories that do not belong
   * together, or more unusable ones than are tolerated).
   */
  static async open(options: VolumeSetOptions): Promise<VolumeSet> {
    const opened: OpenedDirectory[] = [];
    const refusals: string[] = [];
    try {
      for (const root of new Set(options.roots)) {
        const directory = await openDirectory(options, root);
        if (typeof directory === 'string') refusals.push(directory);
        else opened.push(directory);
      }
      const datanodeUuid = requireOneOwner(opened) ?? uuid(options.random);
      const volumes: Volume[] = [];
      for (const directory of opened) {
        const volume = await openVolume(options, directory, volumes.length, datanodeUuid);
        if (typeof volume === 'string') refusals.push(volume);
        else volumes.push(volume);
      }
      requireEnough(options, volumes.length, refusals);
      const locks = opened.map(({ lock }) => lock);
      return new VolumeSet(options, datanodeUuid, volumes, locks, refusals.length);
    } catch (error) {
      for (const { lock } of opened) lock.release();
      throw error;
    }
  }

  /** Called once for each volume that fails from now on. */
  set onFailure(listener: (volume: Volume, reason: string) => void) {
    this.#onFailure = listener;
  }

  /** The cluster that the volumes belong to; '' when they are all new. */
  get clusterId(): string {
    return this.#volumes.find((volume) => volume.identity.clusterId !== '')?.identity.clusterId ?? '';
  }

  /** Binds new volumes to the cluster. */
  async joinCluster(clusterId: string): Promise<void> {
    for (const volume of this.#volumes) {
      if (!volume.failed && volume.identity.clusterId === '') await volume.joinCluster(clusterId);
    }
  }

  get all(): readonly Volume[] {
    return this.#volumes;
  }

  get failedCount(): number {
    return this.#failedAtStart + this.#volumes.filter((volume) => volume.failed).length;
  }

  /**
   * After a failure: HDFS's rule is that a DataNode ends when more volumes have failed than are tolerated.
   * @throws DfsError `InvalidConfiguration`.
   */
  requireEnough(lastFailed: Volume, reason: string): void {
    if (this.failedCount <= this.#tolerated && this.#volumes.some((volume) => !volume.failed)) return;
    throw new DfsError(
      'InvalidConfiguration',
      `${this.failedCount} of the directories in dfs.datanode.data.dir have failed, more than ` +
        `dfs.datanode.failed.volumes.tolerated (${this.#tolerated}); the last one is ${lastFailed.layout.root}: ${reason}`,
    );
  }

  /** @throws DfsError `ReplicaNotFound` when the volume has failed. */
  get(index: number): Volume {
    const volume = this.#volumes[index];
    if (volume === undefined || volume.failed)
      throw new DfsError('ReplicaNotFound', 'The volume of this replica has failed');
    return volume;
  }

  /**
   * The volume for a new replica of `neededBytes`: the one that was asked for if it has room, else the next in turn
   * that has (HDFS's round robin).
   * @throws DfsError `NoSpace` with the space on each volume.
   */
  choose(neededBytes: number, storageId: string): Volume {
    const hasRoom = (volume: Volume): boolean => !volume.failed && volume.space().remainingBytes >= neededBytes;
    const preferred = this.#volumes.find((volume) => volume.storageId === storageId);
    if (preferred !== undefined && hasRoom(preferred)) return preferred;
    for (let i = 0; i < this.#volumes.length; i++) {
      const index = (this.#nextVolume + i) % this.#volumes.length;
      const volume = this.#volumes[index] as Volume;
      if (!hasRoom(volume)) continue;
      this.#nextVolume = index + 1;
      return volume;
    }
    const rooms = this.#volumes.map((volume) => `${volume.layout.root}: ${roomOf(volume)}`);
    throw new DfsError('NoSpace', `No volume has ${neededBytes} bytes left for a new replica (${rooms.join('; ')})`);
  }

  /** Asks the disks whether they are there, and how full they are. */
  async refreshSpace(): Promise<void> {
    await Promise.all(this.#volumes.filter((volume) => !volume.failed).map((volume) => this.#lookAt(volume)));
  }

  /** Where a disk was unmounted, its mount point is an ordinary directory with space of its own, in which nothing can be found. */
  async #lookAt(volume: Volume): Promise<void> {
    try {
      if (await volume.isPresent()) await volume.refreshSpace();
      else
        this.#takeOut(volume, `${volume.layout.version} is gone or another's: its disk has been unmounted or replaced`);
    } catch (error) {
      this.suspect(volume, error);
    }
  }

  /**
   * An operation on this volume failed with `error`: if that may be the disk's fault, the disk is tried out, and the
   * volume taken out of service when it does not work.
   */
  suspect(volume: Volume, error: unknown): void {
    const code = osErrorCode(error);
    if (code === undefined || HARMLESS_ERRORS.has(code) || volume.failed || this.#probing.has(volume)) return;
    this.#probing.add(volume);
    void this.#probe(volume, messageOf(error)).finally(() => this.#probing.delete(volume));
  }

  release(): void {
    for (const lock of this.#locks) lock.release();
  }

  async #probe(volume: Volume, cause: string): Promise<void> {
    try {
      await volume.probe();
      this.#logger.warn({ volume: volume.layout.root, cause }, 'an operation failed, but the volume works');
    } catch (error) {
      if (HARMLESS_ERRORS.has(osErrorCode(error) ?? '')) return;
      this.#takeOut(volume, messageOf(error), cause);
    }
  }

  #takeOut(volume: Volume, reason: string, cause?: string): void {
    if (volume.failed) return;
    volume.markFailed();
    const { root } = volume.layout;
    this.#logger.error({ volume: root, cause, reason }, 'the volume has failed and is taken out of service');
    this.#onFailure(volume, reason);
  }
}

function roomOf(volume: Volume): string {
  return volume.failed ? 'failed' : `${volume.space().remainingBytes} bytes`;
}

interface OpenedDirectory {
  readonly root: string;
  readonly lock: { release(): void };
  readonly identity: VolumeIdentity | undefined;
}

/** In words what is wrong with the directory, if the operating system does not let us use it: that may be tolerated. */
async function openDirectory(options: VolumeSetOptions, root: string): Promise<OpenedDirectory | string> {
  let lock: { release(): void } | undefined;
  try {
    await options.disk.makeDirectory(root);
    // Whoever gets into it can read every file of the cluster, whatever its mode.
    await options.disk.setMode(root, options.directoryMode);
    lock = await options.lockDirectory(root).catch((error: unknown) => {
      const cause = isDfsError(error, 'InvalidConfiguration') ? error.cause : undefined;
      throw osErrorCode(cause) === undefined ? error : cause;
    });
    return { root, lock, identity: await readVersionFile(options.disk, new VolumeLayout(root).version) };
  } catch (error) {
    lock?.release();
    return unusable(options, root, error);
  }
}

function unusable({ logger }: VolumeSetOptions, root: string, error: unknown): string {
  if (osErrorCode(error) === undefined) throw error;
  logger.error({ volume: root, err: error }, 'the directory cannot be used');
  return wrapOsError(error, 'use', root).message;
}

function requireEnough(options: VolumeSetOptions, usable: number, refusals: readonly string[]): void {
  if (usable > 0 && refusals.length <= options.failedVolumesTolerated) return;
  throw new DfsError(
    'InvalidConfiguration',
    `Of the directories in dfs.datanode.data.dir, ${refusals.length} cannot be used and ${usable} can; ` +
      `dfs.datanode.failed.volumes.tolerated is ${options.failedVolumesTolerated}: ${refusals.join('; ')}`,
  );
}

/** The UUID of the DataNode that the directories belong to; undefined when all are new. */
function requireOneOwner(directories: readonly OpenedDirectory[]): string | undefined {
  const used = directories.flatMap(({ root, identity }) => (identity === undefined ? [] : [{ root, identity }]));
  const [first, ...others] = used;
  if (first === undefined) return undefined;
  for (const { root, identity } of others) {
    const sameCluster =
      identity.clusterId === first.identity.clusterId || identity.clusterId === '' || first.identity.clusterId === '';
    if (identity.datanodeUuid === first.identity.datanodeUuid && sameCluster) continue;
    throw new DfsError(
      'InvalidConfiguration',
      `${first.root} and ${root} belong to different DataNodes or clusters. Give each DataNode directories of its own.`,
    );
  }
  return first.identity.datanodeUuid;
}

/** In words what is wrong, as {@link openDirectory}. */
async function openVolume(
  options: VolumeSetOptions,
  { root, identity }: OpenedDirectory,
  index: number,
  datanodeUuid: string,
): Promise<Volume | string> {
  const { disk, clock, random, reservedBytes, journalBytes } = options;
  const own = identity ?? { clusterId: '', datanodeUuid, storageId: `DS-${uuid(random)}` };
  const volume = new Volume({ disk, clock, root, index, identity: own, reservedBytes, journalBytes });
  try {
    await volume.prepare();
    if (identity === undefined) {
      await writeVersionFile(disk, volume.layout.version, own);
      await syncAncestors(disk, root);
    }
    return volume;
  } catch (error) {
    return unusable(options, root, error);
  }
}

/**
 * Which of the directories above a new volume are new as well is not known. Those that this user may not open are not.
 */
async function syncAncestors(disk: Disk, root: string): Promise<void> {
  for (let directory = resolve(root); directory !== dirname(directory); directory = dirname(directory)) {
    try {
      await disk.syncDirectory(dirname(directory));
    } catch (error) {
      if (!NOT_OURS.has(osErrorCode(error) ?? '')) throw error;
    }
  }
}

const NOT_OURS: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EINVAL', 'EROFS']);
