/**
 * Backups of a name directory, while a NameNode works with it or not. A backup is a name directory itself, with a list of checksums:
 *
 *     SHA256SUMS                 written last; `sha256sum -c SHA256SUMS` checks it, too
 *     current/VERSION
 *     current/namespace.db       the tables at one moment, in which all that was answered before is in
 *     current/edits_*            what the log holds beyond them, at least where it ends
 *
 * SQLite makes the copy of the tables in one read transaction, which holds up neither writers nor readers.
 */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Disk } from '../../common/disk.js';
import { DfsError, isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import { lockDirectory } from '../../common/lock-file.js';
import { readWhole, wrapOsError, writeDurably } from '../../common/node-disk.js';
import { readCounters } from './counters.js';
import { requireSound } from './database.js';
import { segmentNames, surveySegment } from './edit-survey.js';
import { copyBytes, copyFile, sha256Of } from './file-copies.js';
import { isFormatted, PRIVATE_MODE, pathsOf } from './name-directory.js';
import { type SegmentName, segmentFileName } from './segment-names.js';
import { readVersionFile } from './version-file.js';

const SUMS = 'SHA256SUMS';
const SUMS_BYTES_MAX = 16 * 2 ** 20;
/** A checkpoint may remove segments while they are copied. */
const ATTEMPTS = 3;

export interface Backup {
  readonly clusterId: string;
  /** The last transaction that is in it. */
  readonly lastTxid: number;
  readonly files: number;
}

/**
 * Copies the name directory `directory` to `target`, which must be empty or not exist, and checks the copy.
 * @throws DfsError `InvalidConfiguration` when there is nothing to copy, `FileAlreadyExists`, `DamagedMetadata`, `NoSpace`.
 */
export async function backUp(disk: Disk, directory: string, target: string): Promise<Backup> {
  try {
    if (!(await isFormatted(disk, directory)))
      throw new DfsError('InvalidConfiguration', `${directory} is not the directory of a NameNode`);
    await makeEmpty(disk, target);
    for (let attempt = 1; ; attempt++) {
      try {
        await copyAll(disk, directory, target);
        break;
      } catch (error) {
        if (!(error instanceof SegmentGone) || attempt === ATTEMPTS) throw error;
        await clear(disk, join(target, 'current'));
      }
    }
    await writeSums(disk, target);
    return await verifyBackup(disk, target);
  } catch (error) {
    throw wrapOsError(error, 'back up to', target);
  }
}

/** A segment that was there a moment ago has been finished, or removed. */
class SegmentGone extends Error {}

async function makeEmpty(disk: Disk, target: string): Promise<void> {
  const { current } = pathsOf(target);
  await disk.makeDirectory(current);
  await disk.setMode(target, PRIVATE_MODE);
  const entries = [...(await disk.list(target)), ...(await disk.list(current))].filter(
    ({ name }) => name !== 'current',
  );
  if (entries.length === 0) return;
  throw new DfsError('FileAlreadyExists', `${target} is not empty: each backup needs a directory of its own`);
}

async function clear(disk: Disk, directory: string): Promise<void> {
  for (const { name } of await disk.list(directory)) await disk.remove(join(directory, name));
}

async function copyAll(disk: Disk, directory: string, target: string): Promise<void> {
  const from = pathsOf(directory);
  const to = pathsOf(target);
  copyTables(from.database, to.database);
  await syncFile(disk, to.database);
  const { appliedTxid } = inspect(to.database);
  for (const name of await neededSegments(disk, from.current, appliedTxid))
    await copySegment(disk, from.current, to.current, name);
  await copyFile(disk, from.version, to.version);
  await disk.syncDirectory(to.current);
}

function copyTables(from: string, to: string): void {
  const db = openReadOnly(from);
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } catch (cause) {
    if (cause instanceof BetterSqlite3.SqliteError && cause.code === 'SQLITE_FULL')
      throw new DfsError('NoSpace', `there is no room for a copy of ${from}`, { cause });
    throw new DfsError('DamagedMetadata', `${from} cannot be copied (${messageOf(cause)})`, { cause });
  } finally {
    db.close();
  }
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Those with something beyond `txid`; when there are none, the newest, which says where the log ends. */
async function neededSegments(disk: Disk, directory: string, txid: number): Promise<SegmentName[]> {
  const names = await segmentNames(disk, directory);
  const beyond = names.filter(({ lastTxid }) => lastTxid === undefined || lastTxid > txid);
  const needed = beyond.length > 0 ? beyond : names.slice(-1);
  if ((needed[0]?.firstTxid ?? 0) > txid + 1)
    throw new SegmentGone('a checkpoint has removed what follows the copy of the tables');
  return needed;
}

/** Its intact frames: behind them there may be half a batch, which is just being written. */
async function copySegment(disk: Disk, from: string, to: string, name: SegmentName): Promise<void> {
  try {
    const { path, runs } = await surveySegment(disk, from, name);
    const [run, ...more] = runs;
    const isWhole = more.length === 0 && (name.lastTxid === undefined || run?.lastTxid === name.lastTxid);
    if (!isWhole || (run !== undefined && run.firstTxid !== name.firstTxid))
      throw new DfsError('DamagedMetadata', `the edit log is damaged: ${path}. See dfs namenode --recover`);
    const end = run?.end ?? (await disk.fileSize(path)) ?? 0;
    await copyBytes(disk, path, join(to, segmentFileName(name)), { start: 0, end });
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') throw new SegmentGone(segmentFileName(name), { cause: error });
    throw error;
  }
}

async function writeSums(disk: Disk, target: string): Promise<void> {
  const lines: string[] = [];
  for (const { name } of await disk.list(join(target, 'current')))
    lines.push(`${await sha256Of(disk, join(target, 'current', name))}  current/${name}\n`);
  await writeDurably(disk, join(target, SUMS), Buffer.from(lines.sort().join('')));
}

/**
 * Reads all of a backup: its checksums, its tables, its log.
 * @throws DfsError `DamagedMetadata` when something is wrong with it, or it was not finished.
 */
export async function verifyBackup(disk: Disk, backup: string): Promise<Backup> {
  const files = await readSums(disk, backup);
  for (const [name, sum] of files) {
    const path = join(backup, name);
    if ((await disk.fileSize(path)) === undefined || (await sha256Of(disk, path)) !== sum)
      throw new DfsError('DamagedMetadata', `the backup ${backup} is damaged: ${name} is not what was written`);
  }
  const { version, database, current } = pathsOf(backup);
  const { clusterId } = await readVersionFile(disk, version);
  const { appliedTxid } = inspect(database);
  return { clusterId, lastTxid: await endOfLog(disk, current, appliedTxid), files: files.size };
}

async function readSums(disk: Disk, backup: string): Promise<Map<string, string>> {
  const path = join(backup, SUMS);
  if ((await disk.fileSize(path)) === undefined)
    throw new DfsError('DamagedMetadata', `${backup} is no backup, or one that was not finished: it has no ${SUMS}`);
  const text = (await readWhole(disk, path, SUMS_BYTES_MAX)).toString('utf8');
  const files = new Map<string, string>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(current\/[A-Za-z0-9_.-]+)$/.exec(line) ?? [];
    if (sum === undefined || name === undefined) throw new DfsError('DamagedMetadata', `${path} is damaged`);
    files.set(name, sum);
  }
  for (const needed of ['current/VERSION', 'current/namespace.db']) {
    if (!files.has(needed)) throw new DfsError('DamagedMetadata', `${path} is damaged: it lacks ${needed}`);
  }
  return files;
}

/** The last transaction, when tables and log fit together. */
async function endOfLog(disk: Disk, current: string, appliedTxid: number): Promise<number> {
  let lastTxid = 0;
  for (const name of await segmentNames(disk, current)) {
    const { path, runs } = await surveySegment(disk, current, name);
    const isNext = lastTxid === 0 ? name.firstTxid <= appliedTxid + 1 : name.firstTxid === lastTxid + 1;
    if (!isNext || runs.length > 1)
      throw new DfsError('DamagedMetadata', `the edit log of the backup has a hole at ${path}`);
    lastTxid = runs[0]?.lastTxid ?? name.firstTxid - 1;
  }
  if (lastTxid >= appliedTxid) return lastTxid;
  throw new DfsError('DamagedMetadata', `the edit log in ${current} ends before its tables do, at ${lastTxid}`);
}

/** @throws DfsError `DamagedMetadata`. */
function inspect(database: string): { appliedTxid: number } {
  const db = openReadOnly(database);
  try {
    requireSound(database, db);
    return { appliedTxid: readCounters(db).appliedTxid };
  } finally {
    db.close();
  }
}

function openReadOnly(path: string): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
  } catch (cause) {
    throw new DfsError('DamagedMetadata', `${path} cannot be opened as a database (${messageOf(cause)})`, { cause });
  }
}

/**
 * Makes the name directory `directory` from a backup, which is checked first. What was in it before is thrown away if `force` is set.
 * @throws DfsError `DamagedMetadata`, `FileAlreadyExists`, `DirectoryLocked`, `NoSpace`.
 */
export async function restore(disk: Disk, backup: string, directory: string, force: boolean): Promise<Backup> {
  const found = await verifyBackup(disk, backup);
  const { current, version } = pathsOf(directory);
  try {
    await disk.makeDirectory(current);
    await disk.setMode(directory, PRIVATE_MODE);
    const lock = await lockDirectory(directory);
    try {
      const old = (await disk.list(current)).filter((entry) => !entry.isDirectory);
      if (old.length > 0 && !force) {
        throw new DfsError(
          'FileAlreadyExists',
          `${directory} holds a namespace already, which restoring would replace. To do it all the same, add --force`,
        );
      }
      // VERSION goes first and comes last, as in formatting: what is cut off is not taken for a good directory.
      await disk.remove(version);
      for (const { name } of old) await disk.remove(join(current, name));
      const names = [...(await readSums(disk, backup)).keys()].filter((name) => name !== 'current/VERSION');
      for (const name of [...names, 'current/VERSION']) await copyFile(disk, join(backup, name), join(directory, name));
      await disk.syncDirectory(current);
      await disk.syncDirectory(directory);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw isDfsError(error) ? error : wrapOsError(error, 'restore to', directory);
  }
  return found;
}
