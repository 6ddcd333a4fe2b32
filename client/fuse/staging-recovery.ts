/**
 * What mounts of this cluster have left behind that were killed: files that they were writing to the end of, which are closed, and journals of files that
 * they were changing, in the staging directory. What stands in a journal goes to its file, if that is still what it was when it was opened. Otherwise
 * it is kept aside, in `recovered/` beside the journals, and the log says so.
 *
 * A directory is taken by its lock, so that nobody touches what a live mount has. Each journal is removed when it is done, and what a crash interrupts
 * here the next mount does again.
 */
import { join } from 'node:path';
import { readCheckedLine } from '../../common/checked-line.js';
import type { Clock } from '../../common/clock.js';
import type { Disk } from '../../common/disk.js';
import { isDfsError, messageOf } from '../../common/errors.js';
import { type DirectoryLock, lockDirectory } from '../../common/lock-file.js';
import type { Logger } from '../../common/logging.js';
import { writeDurably } from '../../common/node-disk.js';
import { inodePath } from '../posix-namespace.js';
import { ChangedContents, type ChangedContentsOptions } from './changed-contents.js';
import { closeFilesOf } from './dead-writers.js';
import { StagedBytes, type StagingBudget } from './staged-bytes.js';
import { isPrivate, JOURNAL, makePrivate, OWN_DIRECTORY, OWNER_FILE, removeOwnDirectory } from './staging.js';

export interface StagingRecoveryOptions {
  readonly disk: Disk;
  /** `dfs.client.mount.staging.dir`. */
  readonly directory: string;
  readonly contents: ChangedContentsOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const RECOVERED = 'recovered';
const OWNER_BYTES_MAX = 64 * 1024;
const COPY_BYTES = 1024 * 1024;
/** What is read here was counted when it was written. */
const NO_BUDGET: StagingBudget = { take: () => {}, giveBack: () => {} };

/** Never fails. False when there is something left that can be tried again: a NameNode in safe mode, a file that somebody is writing to. */
export async function recoverStaged(options: StagingRecoveryOptions): Promise<boolean> {
  const { disk, directory, logger } = options;
  let isDone = true;
  try {
    for (const { name, isDirectory } of await disk.list(directory)) {
      if (isDirectory && OWN_DIRECTORY.test(name))
        isDone = (await recoverMount(options, join(directory, name))) && isDone;
    }
    return isDone;
  } catch (error) {
    logger.warn({ directory, reason: messageOf(error) }, 'could not look for what killed mounts have left behind');
    return false;
  }
}

async function recoverMount(options: StagingRecoveryOptions, directory: string): Promise<boolean> {
  const { logger } = options;
  let lock: DirectoryLock | undefined;
  try {
    if (!(await isPrivate(directory))) {
      logger.warn({ directory }, 'what is here was not written by a mount of this user, and is left alone');
      return true;
    }
    lock = await lockDirectory(directory);
    return await recoverLocked(options, directory);
  } catch (error) {
    if (isDfsError(error, 'DirectoryLocked')) return true; // its mount lives
    logger.warn({ directory, reason: messageOf(error) }, 'could not take up what a killed mount has left behind');
    return false;
  } finally {
    lock?.release();
  }
}

async function recoverLocked(options: StagingRecoveryOptions, directory: string): Promise<boolean> {
  const { disk, contents, clock, logger } = options;
  const { clusterId, clientName } = await ownerOf(disk, directory);
  const { fs } = contents;
  if (clusterId !== undefined && clusterId !== fs.serverDefaults().clusterId) return true;
  let isDone = clientName === undefined || (await closeFilesOf(fs, clientName, clock, logger));
  for (const { name } of await disk.list(directory)) {
    if (JOURNAL.test(name)) isDone = (await recoverJournal(options, join(directory, name))) && isDone;
  }
  if (isDone) await removeOwnDirectory(disk, directory);
  return isDone;
}

/** Nothing of a mount that died before it could say who it is; then there are no journals either. */
async function ownerOf(disk: Disk, directory: string): Promise<{ clusterId?: string; clientName?: string }> {
  try {
    const value = await readCheckedLine(disk, join(directory, OWNER_FILE), OWNER_BYTES_MAX);
    const { clusterId, clientName } = value as Record<string, unknown>;
    if (typeof clusterId !== 'string' || typeof clientName !== 'string') return {};
    return { clusterId, clientName };
  } catch {
    return {};
  }
}

/** False when it is still there. */
async function recoverJournal(options: StagingRecoveryOptions, path: string): Promise<boolean> {
  const { disk, contents, logger } = options;
  const file = await disk.open(path, 'write');
  let staged: StagedBytes | undefined;
  try {
    staged = await StagedBytes.load({ disk, file, budget: NO_BUDGET });
    const bytes = await file.size();
    if (staged === undefined) {
      if (bytes > 0) logger.warn({ path, bytes }, 'the beginning of a journal is damaged: nothing of it can be used');
    } else if (staged.base.clusterId !== contents.fs.serverDefaults().clusterId) {
      return true;
    } else if (staged.hasChanges) {
      const tornBytes = bytes - staged.journalBytes;
      logger.info({ path, inode: staged.base.fileId, bytes, tornBytes }, 'found what a killed mount had not saved');
      await saveOrKeep(options, staged, path);
    }
    await disk.remove(path);
    return true;
  } catch (error) {
    logger.warn(
      { path, reason: messageOf(error) },
      'could not save what a killed mount has left behind; it stays there',
    );
    return false;
  } finally {
    await file.close();
  }
}

async function saveOrKeep(options: StagingRecoveryOptions, staged: StagedBytes, path: string): Promise<void> {
  const { contents, logger } = options;
  const inode = staged.base.fileId;
  try {
    const changes = await ChangedContents.takeUp(contents, staged);
    try {
      await changes?.commit();
    } finally {
      await changes?.closeReader();
    }
    logger.info({ inode }, changes === undefined ? 'it was saved already' : 'saved what a killed mount had written');
  } catch (error) {
    if (!isDfsError(error, 'FileChanged', 'FileNotFound')) throw error;
    const kept = await keepAside(options, staged, path, messageOf(error));
    logger.error(
      { inode, kept, reason: messageOf(error) },
      'what a killed mount had written is not in the file: it is kept aside',
    );
  }
}

/**
 * What was written, at its place in a file with holes, and a description beside it.
 * @returns the file's path.
 */
async function keepAside(
  { disk, directory }: StagingRecoveryOptions,
  staged: StagedBytes,
  journal: string,
  reason: string,
): Promise<string> {
  const recovered = join(directory, RECOVERED);
  await makePrivate(recovered);
  const { fileId, version } = staged.base;
  const name = `inode-${fileId}-${journal.split('/').slice(-2).join('-')}`;
  const path = join(recovered, `${name}.data`);
  await disk.remove(path); // of an attempt that a crash has ended
  const target = await disk.open(path, 'create');
  try {
    for (const { start, end } of staged.written) {
      for (let at = start; at < end; at += COPY_BYTES) {
        const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - at));
        await staged.readInto(bytes, at);
        await target.write([bytes], at);
      }
    }
    await target.sync();
  } finally {
    await target.close();
  }
  const description = {
    path: inodePath(fileId),
    reason,
    written: [...staged.written],
    length: staged.length,
    keptBytes: staged.keptBytes,
    lengthBefore: version.length,
  };
  await writeDurably(
    disk,
    join(recovered, `${name}.json`),
    Buffer.from(`${JSON.stringify(description, undefined, 2)}\n`),
  );
  return path;
}
