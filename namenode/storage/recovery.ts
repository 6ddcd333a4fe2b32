/**
 * `dfs namenode --recover`: makes a name directory that a start refuses usable again, with all of it that can be kept. Looking comes first and
 * changes nothing. What is put out of the way is kept in `current/damaged-<time>/`.
 *
 * - **Tables** that SQLite finds damaged are made anew: from the log, when it goes back to the first transaction, or from a backup and the log
 *   behind it. What DataNodes hold is not lost by that: they report it.
 * - **The log** is kept up to the first hole that the tables do not cover. Transactions behind it are lost.
 */
import { basename, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Disk } from '../../common/disk.js';
import { DfsError, messageOf } from '../../common/errors.js';
import { lockDirectory } from '../../common/lock-file.js';
import type { Logger } from '../../common/logging.js';
import { verifyBackup } from './backup.js';
import { readCounters } from './counters.js';
import { createDatabase, openDatabase, readMeta, requireSound } from './database.js';
import { encodeSegmentHeader } from './edit-frames.js';
import { type SurveyedSegment, segmentNames, surveySegment } from './edit-survey.js';
import { copyBytes, copyFile } from './file-copies.js';
import { type LogPlan, planLog } from './log-recovery.js';
import { openNameDirectory, pathsOf } from './name-directory.js';
import { closedName, inProgressName } from './segment-names.js';
import { readVersionFile, type VersionFile, writeVersionFile } from './version-file.js';

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** A backup of it, for its tables. */
  readonly backup: string | undefined;
  /** Owner and group of the root directory, should the tables be made from nothing. */
  readonly owner: string;
  readonly group: string;
  readonly timeMs: number;
  readonly logger: Logger;
}

/** Where the tables come from. */
type Tables =
  | { readonly kind: 'sound'; readonly appliedTxid: number }
  /** Damaged; to be made from the log alone. */
  | { readonly kind: 'empty'; readonly appliedTxid: 0; readonly damage: string }
  | { readonly kind: 'backup'; readonly appliedTxid: number; readonly damage: string };

export interface Diagnosis {
  readonly tables: Tables;
  readonly log: LogPlan;
  /** Undefined: VERSION is damaged, and is made anew from the tables. */
  readonly version: VersionFile | undefined;
  readonly segments: readonly SurveyedSegment[];
  /** For people, a sentence each. */
  readonly findings: readonly string[];
}

export function isSound({ tables, log, version }: Diagnosis): boolean {
  return tables.kind === 'sound' && log.isSound && version !== undefined;
}

/** Transactions that are known to have been there, and cannot be kept. */
export function lostTransactions({ log }: Diagnosis): number {
  return log.lastKnownTxid - log.lastTxid;
}

/**
 * Finds out what is damaged and what can be kept; changes nothing.
 * @throws DfsError `DamagedMetadata` when nothing can be done without a backup; `DirectoryLocked`, `InvalidConfiguration`.
 */
export async function diagnose(options: RecoveryOptions): Promise<Diagnosis> {
  const { disk, directory } = options;
  const { current, database, version } = pathsOf(directory);
  await requireNameDirectory(disk, directory);
  const lock = await lockDirectory(directory);
  try {
    const findings: string[] = [];
    const found = await readVersionFile(disk, version).catch((error: unknown) => {
      findings.push(`VERSION cannot be used: ${messageOf(error)}.`);
      return undefined;
    });
    const segments: SurveyedSegment[] = [];
    for (const name of await segmentNames(disk, current)) segments.push(await surveySegment(disk, current, name));
    const tables = await diagnoseTables(options, database, segments);
    if (tables.kind !== 'sound') findings.push(`The tables are damaged: ${tables.damage}.`);
    const log = planLog(segments, tables.appliedTxid);
    findings.push(...findingsAbout(segments));
    return { tables, log, version: found, segments, findings };
  } finally {
    lock.release();
  }
}

async function requireNameDirectory(disk: Disk, directory: string): Promise<void> {
  const { current, database, version } = pathsOf(directory);
  for (const path of [version, database]) if ((await disk.fileSize(path)) !== undefined) return;
  const segments = await segmentNames(disk, current).catch(() => []);
  if (segments.length > 0) return;
  throw new DfsError(
    'InvalidConfiguration',
    `${directory} is not the directory of a NameNode: there is nothing to recover`,
  );
}

async function diagnoseTables(
  { disk, backup }: RecoveryOptions,
  database: string,
  segments: readonly SurveyedSegment[],
): Promise<Tables> {
  const damage = damageOf(database);
  if (typeof damage !== 'string') return { kind: 'sound', ...damage };
  const first = segments[0]?.runs[0]?.firstTxid;
  if (backup !== undefined) {
    await verifyBackup(disk, backup);
    const tables = damageOf(pathsOf(backup).database);
    if (typeof tables !== 'string') return { kind: 'backup', ...tables, damage };
  }
  if (first === 1) return { kind: 'empty', appliedTxid: 0, damage };
  throw new DfsError(
    'DamagedMetadata',
    `The tables are damaged (${damage}), and the log begins with transaction ${first ?? 'none'}: nothing holds what came before. ` +
      'Give a backup: dfs namenode --recover --from <backup>',
  );
}

/** What is wrong with a database; when nothing is, the last transaction that it holds. */
function damageOf(path: string): string | { appliedTxid: number } {
  let db: BetterSqlite3.Database | undefined;
  try {
    db = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
    requireSound(path, db);
    return { appliedTxid: readCounters(db).appliedTxid };
  } catch (error) {
    return messageOf(error);
  } finally {
    db?.close();
  }
}

function findingsAbout(segments: readonly SurveyedSegment[]): string[] {
  const findings: string[] = [];
  let expected: number | undefined;
  for (const { name, path, epoch, runs, tailBytes, lastKnownTxid } of segments) {
    if (expected !== undefined && name.firstTxid > expected)
      findings.push(`Transactions ${expected} to ${name.firstTxid - 1} are missing before ${path}.`);
    if (epoch === 0) findings.push(`The header of ${path} is damaged.`);
    let next = name.firstTxid;
    for (const { firstTxid, lastTxid } of runs) {
      if (firstTxid > next) findings.push(`Transactions ${next} to ${firstTxid - 1} in ${path} are damaged.`);
      next = lastTxid + 1;
    }
    if (next <= lastKnownTxid) findings.push(`Transactions ${next} to ${lastKnownTxid} in ${path} are damaged.`);
    else if (tailBytes > 0)
      findings.push(
        `${path} ends with ${tailBytes} bytes of a batch that was torn, or is damaged: nobody can tell what was in it.`,
      );
    expected = Math.max(next, lastKnownTxid + 1);
  }
  return findings;
}

/**
 * Does what was found out, and opens the directory as a start does, which brings the tables up to the end of the log.
 * @returns the last transaction.
 * @throws DfsError `DamagedMetadata` when the directory cannot be opened even so; what was there is in `current/damaged-<time>/`.
 */
export async function recover(options: RecoveryOptions, diagnosis: Diagnosis): Promise<number> {
  const { disk, directory, logger } = options;
  const lock = await lockDirectory(directory);
  try {
    const aside = join(
      pathsOf(directory).current,
      `damaged-${new Date(options.timeMs).toISOString().replace(/[:.]/g, '-')}`,
    );
    await disk.makeDirectory(aside);
    if (!diagnosis.log.isSound) await rebuildLog(options, diagnosis, aside);
    if (diagnosis.tables.kind !== 'sound') await rebuildTables(options, diagnosis, aside);
    if (diagnosis.version === undefined) await rebuildVersion(options);
  } finally {
    lock.release();
  }
  const opened = await openNameDirectory({ disk, directory, segmentBytesMax: Number.MAX_SAFE_INTEGER, logger });
  const { lastTxid } = opened.log;
  await opened.close();
  return lastTxid;
}

/** Everything is copied to `aside` before anything changes, so that a crash in between takes nothing away. */
async function rebuildLog(
  { disk, directory }: RecoveryOptions,
  { segments, log }: Diagnosis,
  aside: string,
): Promise<void> {
  const { current } = pathsOf(directory);
  const asideOf = (path: string): string => join(aside, basename(path));
  for (const { path } of segments) await copyFile(disk, path, asideOf(path));
  await disk.syncDirectory(aside);
  const epoch = Math.max(1, ...segments.map((segment) => segment.epoch));
  const keep = new Set<string>();
  const write = async (name: string, firstTxid: number, run?: LogPlan['runs'][number]): Promise<void> => {
    const path = join(current, name);
    const temporary = `${path}.tmp`;
    await disk.remove(temporary);
    const prefix = encodeSegmentHeader({ epoch, firstTxid });
    if (run === undefined) await writeNew(disk, temporary, prefix);
    else await copyBytes(disk, asideOf(run.path), temporary, { start: run.start, end: run.end, prefix });
    await disk.rename(temporary, path);
    keep.add(path);
  };
  for (const run of log.runs) await write(closedName(run.firstTxid, run.lastTxid), run.firstTxid, run);
  // Without it the log would seem to have lost its end.
  if (log.runs.length === 0) await write(inProgressName(log.lastTxid + 1), log.lastTxid + 1);
  for (const { path } of segments) if (!keep.has(path)) await disk.remove(path);
  await disk.syncDirectory(current);
}

async function writeNew(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function rebuildTables(
  { disk, directory, backup, owner, group, timeMs }: RecoveryOptions,
  { tables, version }: Diagnosis,
  aside: string,
): Promise<void> {
  const { current, database } = pathsOf(directory);
  for (const suffix of ['', '-wal', '-shm']) {
    if ((await disk.fileSize(`${database}${suffix}`)) !== undefined)
      await disk.rename(`${database}${suffix}`, join(aside, `namespace.db${suffix}`));
  }
  if (tables.kind === 'backup' && backup !== undefined) await copyFile(disk, pathsOf(backup).database, database);
  else if (version === undefined) {
    throw new DfsError('DamagedMetadata', `VERSION and the tables of ${directory} are both damaged: give a backup`);
  } else createDatabase(database, { clusterId: version.clusterId, owner, group, timeMs: version.createdMs || timeMs });
  await disk.syncDirectory(current);
}

async function rebuildVersion({ disk, directory, timeMs }: RecoveryOptions): Promise<void> {
  const { database, version } = pathsOf(directory);
  const connections = openDatabase(database);
  const clusterId = String(readMeta(connections.reading, 'cluster_id'));
  connections.close();
  await writeVersionFile(disk, version, { clusterId, createdMs: timeMs });
}
