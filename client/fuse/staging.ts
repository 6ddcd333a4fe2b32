/**
 * Local journals for bytes that cannot go to the cluster as a stream. Each mount has a directory of its own in the staging directory, locked as long as
 * its process lives, with a file for each file that is changed. What a mount leaves behind that was killed, the next one takes up
 * (staging-recovery.ts).
 */
import { randomInt, randomUUID } from 'node:crypto';
import { lstat, mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckedLine } from '../../common/checked-line.js';
import type { Disk } from '../../common/disk.js';
import { DfsError, isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import { type DirectoryLock, lockDirectory } from '../../common/lock-file.js';
import { wrapOsError } from '../../common/node-disk.js';
import { formatSize } from '../../common/units.js';
import { StagedBytes, type StagingBudget } from './staged-bytes.js';
import type { StagingBase } from './staging-records.js';

/** Of the mount whose directory it is, in the file {@link OWNER_FILE}. */
export interface StagingOwner {
  readonly clusterId: string;
  readonly mountPoint: string;
  /** Under which it holds leases. */
  readonly clientName: string;
}

export interface StagingOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** That all journals may have together. */
  readonly limitBytes: number;
  readonly owner: StagingOwner;
}

export const OWNER_FILE = 'mount';
export const OWN_DIRECTORY = /^mount-[0-9a-f-]{36}$/;
export const JOURNAL = /^staged-\d+$/;
/** What a lock leaves in a directory. */
export const LOCK_FILES: readonly string[] = ['in_use.lock', 'in_use.lock-journal', 'in_use.pid'];

/** Of all files together: what is remembered of each piece takes about 100 bytes of memory. */
const EXTENTS_MAX = 500_000;
/** Another mount that looks for dead ones may take a directory that is not locked yet for one of them. */
const ATTEMPTS_MAX = 5;
const SALT_MAX = 2 ** 32;

interface OwnDirectory {
  readonly path: string;
  readonly lock: DirectoryLock;
}

export class StagingArea implements StagingBudget {
  readonly #options: StagingOptions;
  #own: Promise<OwnDirectory> | undefined;
  #bytes = 0;
  #extents = 0;
  #files = 0;

  constructor(options: StagingOptions) {
    this.#options = options;
  }

  get limitBytes(): number {
    return this.#options.limitBytes;
  }

  /**
   * From now on others know that this mount lives.
   * @throws DfsError `InvalidConfiguration` when the directory cannot be used, `AccessControl` when others could change what is in it.
   */
  async open(): Promise<void> {
    await this.#ownDirectory();
  }

  /** @throws DfsError `NoSpace`, and as {@link open}. */
  async newFile(base: Omit<StagingBase, 'clusterId'>): Promise<StagedBytes> {
    const { disk, owner } = this.#options;
    const path = join((await this.#ownDirectory()).path, `staged-${++this.#files}`);
    const file = await disk.open(path, 'create').catch((error: unknown) => {
      throw wrapOsError(error, 'make', path);
    });
    try {
      const { clusterId } = owner;
      return await StagedBytes.begin({ disk, file, budget: this }, { clusterId, ...base }, randomInt(SALT_MAX));
    } catch (error) {
      await file.close();
      await disk.remove(path);
      throw error;
    }
  }

  take(bytes: number, extents: number): void {
    if (this.#bytes + bytes > this.limitBytes || this.#extents + extents > EXTENTS_MAX) {
      throw new DfsError(
        'NoSpace',
        `changed files have more than ${formatSize(this.limitBytes)} (dfs.client.mount.staging.size), or ${EXTENTS_MAX} pieces, that is not in the cluster yet`,
      );
    }
    this.#bytes += bytes;
    this.#extents += extents;
  }

  giveBack(bytes: number, extents: number): void {
    this.#bytes -= bytes;
    this.#extents -= extents;
  }

  /** Journals that were kept for the next mount stay. */
  async close(): Promise<void> {
    const own = await this.#own?.catch(() => undefined);
    if (own === undefined) return;
    try {
      await removeWithoutJournals(this.#options.disk, own.path);
    } finally {
      own.lock.release();
    }
  }

  async #ownDirectory(): Promise<OwnDirectory> {
    this.#own ??= makeOwnDirectory(this.#options);
    try {
      return await this.#own;
    } catch (error) {
      this.#own = undefined;
      throw error;
    }
  }
}

async function removeWithoutJournals(disk: Disk, directory: string): Promise<void> {
  try {
    const entries = await disk.list(directory);
    if (!entries.some(({ name }) => JOURNAL.test(name))) await removeOwnDirectory(disk, directory);
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') throw error; // somebody has cleaned up
  }
}

async function makeOwnDirectory({ disk, directory, owner }: StagingOptions): Promise<OwnDirectory> {
  await makePrivate(directory);
  for (let attempt = 1; ; attempt++) {
    const path = join(directory, `mount-${randomUUID()}`);
    try {
      await mkdir(path, { mode: 0o700 });
      const lock = await lockDirectory(path);
      await writeCheckedLine(disk, join(path, OWNER_FILE), owner);
      return { path, lock };
    } catch (error) {
      const isTaken = isDfsError(error, 'DirectoryLocked', 'InvalidConfiguration');
      if (!isTaken || attempt === ATTEMPTS_MAX) throw wrapOsError(error, 'make', path);
    }
  }
}

/** Whoever holds its lock removes a mount's directory, when nothing that is worth keeping is in it. */
export async function removeOwnDirectory(disk: Disk, directory: string): Promise<void> {
  for (const name of [OWNER_FILE, ...LOCK_FILES]) await disk.remove(join(directory, name));
  try {
    await rmdir(directory);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes(osErrorCode(error) ?? '')) throw error;
  }
}

/**
 * What stands there is written to the cluster with this user's rights: nobody else may put anything there.
 * @throws DfsError `AccessControl`, `InvalidConfiguration`.
 */
export async function makePrivate(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new DfsError('InvalidConfiguration', `dfs.client.mount.staging.dir: ${directory}: ${messageOf(error)}`);
  }
  const { uid, mode } = await lstat(directory);
  const isOurs = uid === process.getuid?.();
  const isOpenToOthers = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  if ((!isOurs && uid !== 0) || isOpenToOthers) {
    throw new DfsError(
      'AccessControl',
      `other users could change ${directory}; choose another directory with dfs.client.mount.staging.dir`,
    );
  }
}

/** Whether nobody else could have put it there. */
export async function isPrivate(directory: string): Promise<boolean> {
  const entry = await lstat(directory);
  return entry.isDirectory() && entry.uid === process.getuid?.() && (entry.mode & 0o077) === 0;
}
