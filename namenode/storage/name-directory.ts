/**
 * The directory of a NameNode (`dfs.namenode.name.dir`):
 *
 *     in_use.lock                held while a process uses the directory
 *     current/VERSION            cluster id and layout
 *     current/namespace.db       the checkpoint (SQLite, with its -wal and -shm)
 *     current/edits_*            the edit log
 */
import { join } from 'node:path';
import type { Disk } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { lockDirectory } from '../../common/lock-file.js';
import type { Logger } from '../../common/logging.js';
import { wrapOsError } from '../../common/node-disk.js';
import { type Connections, createDatabase, explainDamage, openDatabase, readMeta } from './database.js';
import type { EditLog } from './edit-log.js';
import { replay } from './replay.js';
import { SegmentLog } from './segment-log.js';
import { readVersionFile, writeVersionFile } from './version-file.js';

export const pathsOf = (directory: string) => ({
  current: join(directory, 'current'),
  version: join(directory, 'current', 'VERSION'),
  database: join(directory, 'current', 'namespace.db'),
});

export interface FormatOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly clusterId: string;
  /** Owner and group of the root directory. */
  readonly owner: string;
  readonly group: string;
  readonly timeMs: number;
  /** Throw away what is there. */
  readonly force: boolean;
}

/** Of directories with the namespace: it tells the names of all files, and who may read them. HDFS: dfs.namenode.storage.dir.perm. */
export const PRIVATE_MODE = 0o700;

export async function isFormatted(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.fileSize(pathsOf(directory).version)) !== undefined;
}

/**
 * Makes the directory of an empty namespace.
 * @throws DfsError `FileAlreadyExists` when something is in it and `force` is not set; `DirectoryLocked` when a NameNode uses it.
 */
export async function formatNameDirectory(options: FormatOptions): Promise<void> {
  const { disk, directory, clusterId, owner, group, timeMs, force } = options;
  const { current, version, database } = pathsOf(directory);
  await makeDirectory(disk, current);
  await makePrivate(disk, directory);
  const lock = await lockDirectory(directory);
  try {
    const entries = (await disk.list(current)).filter((entry) => !entry.isDirectory);
    if (entries.length > 0 && !force) {
      throw new DfsError(
        'FileAlreadyExists',
        `${directory} holds a namespace already; formatting would lose all files of its cluster. To do it all the same, add --force`,
      );
    }
    // VERSION goes first and comes last: a format that is cut off leaves a directory that is not taken for a good one.
    await disk.remove(version);
    for (const { name } of entries) await disk.remove(join(current, name));
    createDatabase(database, { clusterId, owner, group, timeMs });
    await writeVersionFile(disk, version, { clusterId, createdMs: timeMs });
    await disk.syncDirectory(directory);
  } finally {
    lock.release();
  }
}

export interface OpenOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly segmentBytesMax: number;
  readonly logger: Logger;
}

/** An opened name directory: tables and log agree, and the log is ours to write. */
export interface NameDirectory {
  readonly clusterId: string;
  /** Where the files are; for measuring space and for the checkpoint. */
  readonly currentPath: string;
  readonly databasePath: string;
  readonly connections: Connections;
  readonly log: EditLog;
  /** In the order that leaves the least to do at the next start. */
  close(): Promise<void>;
}

/**
 * @throws DfsError `InvalidConfiguration` when the directory is not formatted, `DirectoryLocked`, `DamagedMetadata`.
 */
export async function openNameDirectory(options: OpenOptions): Promise<NameDirectory> {
  const { disk, directory, segmentBytesMax, logger } = options;
  const { current, version, database } = pathsOf(directory);
  await requireFormatted(disk, directory);
  await makePrivate(disk, directory); // one made by an older version may be open to all
  const lock = await lockDirectory(directory);
  let connections: Connections | undefined;
  try {
    const { clusterId } = await readVersionFile(disk, version);
    connections = openDatabase(database);
    requireSameCluster(directory, clusterId, readMeta(connections.writing, 'cluster_id'));
    const log = await SegmentLog.open({ disk, directory: current, segmentBytesMax, logger });
    const applied = await replay(connections.writing, log);
    await log.fence(log.epoch + 1);
    logger.info({ directory, clusterId, lastTxid: log.lastTxid, replayed: applied }, 'opened the namespace');
    return opened({ clusterId, currentPath: current, databasePath: database, connections, log }, lock);
  } catch (error) {
    connections?.close();
    lock.release();
    throw wrapOsError(explainDamage(error, database), 'open', directory);
  }
}

function opened(parts: Omit<NameDirectory, 'close'>, lock: { release(): void }): NameDirectory {
  return {
    ...parts,
    async close() {
      try {
        await parts.log.close();
      } finally {
        parts.connections.close();
        lock.release();
      }
    },
  };
}

async function requireFormatted(disk: Disk, directory: string): Promise<void> {
  if (await isFormatted(disk, directory)) return;
  const { current, version, database } = pathsOf(directory);
  if ((await disk.fileSize(database)) !== undefined) {
    throw new DfsError(
      'DamagedMetadata',
      `${version} is missing, though ${current} holds a namespace. Restore it from a backup`,
    );
  }
  throw new DfsError(
    'InvalidConfiguration',
    `${directory} is not formatted. For a new, empty cluster run: dfs namenode --format`,
  );
}

function requireSameCluster(directory: string, inVersion: string, inDatabase: unknown): void {
  if (inVersion === inDatabase) return;
  throw new DfsError(
    'DamagedMetadata',
    `in ${directory}, VERSION is of cluster ${inVersion} and namespace.db of cluster ${String(inDatabase)}: ` +
      'files of two clusters were mixed. Restore the whole directory from one backup',
  );
}

async function makePrivate(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.setMode(directory, PRIVATE_MODE);
  } catch (error) {
    throw wrapOsError(error, 'change the permissions of', directory);
  }
}

async function makeDirectory(disk: Disk, path: string): Promise<void> {
  try {
    await disk.makeDirectory(path);
  } catch (error) {
    throw wrapOsError(error, 'make the directory', path);
  }
}
