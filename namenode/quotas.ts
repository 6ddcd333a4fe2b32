/**
 * Whether a change keeps within the quotas of the directories that it adds to. Rules and messages are HDFS's: only growth is refused, so that a
 * quota may be set below what is there; a block that is being written takes as much as it may come to take; who moves a tree needs room for all
 * of it where it goes, except in directories that it is in already. The superuser is held to them, too.
 */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../common/errors.js';
import { humanSize } from '../common/units.js';
import { pathOf } from './inode-tree.js';
import type { Transaction } from './journal.js';
import { lastBlocks } from './storage/block-rows.js';
import type {
  AddBlockEdit,
  ConcatEdit,
  CreateEdit,
  EditRecord,
  Planned,
  RenameEdit,
  ReplaceContentsEdit,
  TruncateEdit,
} from './storage/edit-records.js';
import { inodeById } from './storage/inode-rows.js';
import type { BlockRow, InodeRow } from './storage/rows.js';
import { BlockState } from './storage/schema.js';
import { statement } from './storage/statements.js';
import {
  isUsageKnown,
  negative,
  parentIdOf,
  spaceOf,
  type Usage,
  UsageSums,
  usageOf,
  usageOfDirectory,
} from './storage/usage.js';

/** Limits of a directory; undefined: none. */
export interface Quota {
  readonly names: number | undefined;
  readonly space: number | undefined;
}

/** A quota, and how much of it is used up. */
export interface QuotaUsage {
  readonly quota: Quota;
  readonly used: Usage;
}

/** What a directory, and so all those above it, gets or loses. */
interface Growth extends Usage {
  readonly directory: number;
}

const NO_QUOTA: Quota = { names: undefined, space: undefined };

export function quotaOf(db: Database, directory: number): Quota {
  const sql = 'SELECT names, space FROM quotas WHERE inode = ?';
  const row = statement<{ names: number | null; space: number | null }>(db, sql).get(directory);
  return row === undefined ? NO_QUOTA : { names: row.names ?? undefined, space: row.space ?? undefined };
}

/** Undefined when the directory has no quota. */
export function quotaUsage(db: Database, directory: number): QuotaUsage | undefined {
  const quota = quotaOf(db, directory);
  if (quota.names === undefined && quota.space === undefined) return undefined;
  return { quota, used: usageOfDirectory(db, directory) };
}

/**
 * Does nothing as long as there are no quotas, or the first one is still being counted for.
 * @throws DfsError `NSQuotaExceeded`, `DSQuotaExceeded`.
 */
export function requireQuota(tx: Transaction, record: Planned<EditRecord>): void {
  if (!isUsageKnown(tx.counters)) return;
  const excess = excessOf(tx, growthBy(tx, record));
  if (excess !== undefined) throw excess;
}

/** Whether the file that `record` makes may be given a block as soon as it is there, and what it replaces is gone. */
export function hasRoomForFirstBlock(tx: Transaction, record: Planned<CreateEdit>): boolean {
  if (!isUsageKnown(tx.counters)) return true;
  const block = { directory: topOf(record), names: 0, space: record.replication * record.blockSize };
  for (const [directory, growth] of sumsOf(tx, [...growthBy(tx, record), block]).all) {
    const found = quotaUsage(tx.db, directory);
    if (found?.quota.space !== undefined && found.used.space + growth.space > found.quota.space) return false;
  }
  return true;
}

/** The first quota that would be exceeded. */
function excessOf(tx: Transaction, growths: readonly Growth[]): DfsError | undefined {
  for (const [directory, growth] of sumsOf(tx, growths).all) {
    const excess = growth.names > 0 || growth.space > 0 ? excessIn(tx.db, directory, growth) : undefined;
    if (excess !== undefined) return excess;
  }
  return undefined;
}

/** By directory, those above included. */
function sumsOf(tx: Transaction, growths: readonly Growth[]): UsageSums {
  const sums = new UsageSums((id) => parentIdOf(tx.db, id));
  for (const growth of growths) sums.add(growth.directory, growth);
  return sums;
}

function excessIn(db: Database, directory: number, growth: Usage): DfsError | undefined {
  const found = quotaUsage(db, directory);
  if (found === undefined) return undefined;
  const { quota, used } = found;
  const [names, space] = [used.names + growth.names, used.space + growth.space];
  if (quota.names !== undefined && growth.names > 0 && names > quota.names) {
    return new DfsError(
      'NSQuotaExceeded',
      `The NameSpace quota (directories and files) of directory ${pathOf(db, directory)} is exceeded: quota=${quota.names} file count=${names}`,
    );
  }
  if (quota.space !== undefined && growth.space > 0 && space > quota.space) {
    return new DfsError(
      'DSQuotaExceeded',
      `The DiskSpace quota of ${pathOf(db, directory)} is exceeded: quota = ${bytes(quota.space)} but diskspace consumed = ${bytes(space)}`,
    );
  }
  return undefined;
}

/** What a record adds to directories and takes from them, where it adds anything; the directories that get something come first. */
function growthBy(tx: Transaction, record: Planned<EditRecord>): Growth[] {
  const { db } = tx;
  switch (record.op) {
    case 'mkdirs':
      return newNames(record.directories[0]?.parent ?? 0, record.directories.length);
    case 'symlink':
      return newNames(record.parent, 1);
    case 'create':
      return [...newNames(topOf(record), record.directories.length + 1), ...lost(tx, record.replaces)];
    case 'rename':
      return growthByRename(tx, record);
    case 'append':
      return ofFile(db, record.inode, (file, last) =>
        record.reopened === undefined || last === undefined ? 0 : file.block_size - last.length,
      );
    case 'addBlock':
      return growthByBlock(tx, record);
    case 'truncate':
      return growthByTruncate(tx, record);
    case 'setReplication': {
      const replicas = inodeById(db, record.id)?.replication ?? 1;
      const space = (spaceOf(db, record.id) / replicas) * (record.replication - replicas);
      return [{ directory: parentIdOf(db, record.id), names: 0, space }];
    }
    case 'concat':
      return growthByConcat(tx, record);
    case 'replaceContents':
      return growthByReplacement(tx, record);
    default:
      return [];
  }
}

/** The directory that is there already, in which a new file or its new directories are made. */
function topOf({ directories, parent }: Planned<CreateEdit>): number {
  return directories[0]?.parent ?? parent;
}

function newNames(directory: number, names: number): Growth[] {
  return [{ directory, names, space: 0 }];
}

/** An inode goes, with all that is below it. */
function lost(tx: Transaction, id: number | undefined): Growth[] {
  return id === undefined ? [] : [{ directory: parentIdOf(tx.db, id), ...negative(usageOf(tx, id)) }];
}

function growthByRename(tx: Transaction, { id, toParent, replaces, keptAs }: Planned<RenameEdit>): Growth[] {
  const kept =
    replaces === undefined || keptAs === undefined ? [] : [{ directory: keptAs.parent, ...usageOf(tx, replaces) }];
  return [{ directory: toParent, ...usageOf(tx, id) }, ...kept, ...lost(tx, id), ...lost(tx, replaces)];
}

function growthByBlock({ db }: Transaction, { inode, previous }: Planned<AddBlockEdit>): Growth[] {
  return ofFile(db, inode, (file, last) => {
    const leftOver = previous === undefined || !isOpen(last) ? 0 : file.block_size - previous.length;
    return file.block_size - leftOver;
  });
}

/** A block that is cut is being written for a while, and takes the room of one. */
function growthByTruncate({ db }: Transaction, { inode, newLength, cut }: Planned<TruncateEdit>): Growth[] {
  if (cut === undefined) return [];
  return ofFile(db, inode, (file) => newLength - cut.length + file.block_size - file.length);
}

function growthByConcat(tx: Transaction, { target, sources }: Planned<ConcatEdit>): Growth[] {
  const lengths = sources.reduce((sum, source) => sum + (inodeById(tx.db, source)?.length ?? 0), 0);
  return [...ofFile(tx.db, target, () => lengths), ...sources.flatMap((source) => lost(tx, source))];
}

function growthByReplacement(tx: Transaction, { target, source, blocks }: Planned<ReplaceContentsEdit>): Growth[] {
  const sql = 'SELECT id, length FROM blocks WHERE inode IN (?, ?)';
  const rows = statement<{ id: number; length: number }>(tx.db, sql).all(target, source);
  const lengths = new Map(rows.map(({ id, length }) => [id, length]));
  const length = blocks.reduce((sum, id) => sum + (lengths.get(id) ?? 0), 0);
  return [...ofFile(tx.db, target, (file) => length - file.length), ...lost(tx, source)];
}

/** `bytes` of each replica of a file that is there, which has so many more of them afterwards. */
function ofFile(db: Database, id: number, bytesMore: (file: InodeRow, last: BlockRow | undefined) => number): Growth[] {
  const file = inodeById(db, id);
  if (file === undefined) return [];
  return [{ directory: file.parent, names: 0, space: file.replication * bytesMore(file, lastBlocks(db, id)[0]) }];
}

function isOpen(block: BlockRow | undefined): boolean {
  return block?.state === BlockState.UNDER_CONSTRUCTION || block?.state === BlockState.UNDER_RECOVERY;
}

/** As HDFS writes it: `1536 B = 1.50 KB`. */
function bytes(count: number): string {
  return `${count} B = ${humanSize(count, 'B', 2)}`;
}
