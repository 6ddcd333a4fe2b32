import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { parentOf, requireFile, resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { prefixOf } from '../paths.js';
import { Access, requireAccess, requireNotSticky } from '../permissions.js';
import type { InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { statement } from '../storage/statements.js';

/** One call moves at most so many files. */
const SOURCES_MAX = 1_000;

/**
 * Moves the blocks of `sources`, in this order, to the end of `target`, and removes the sources: one step, no byte is copied. As in HDFS
 * the sources must be closed and not empty, and their blocks neither larger nor of more replicas than the target's. They may be in
 * any directory.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`, `InvalidArgument`, `TooManyBlocks`.
 */
export async function concat(ns: Namesystem, call: Call, target: DfsPath, sources: readonly DfsPath[]): Promise<void> {
  if (sources.length === 0) throw invalid('No sources given');
  if (sources.length > SOURCES_MAX) throw invalid(`at most ${SOURCES_MAX} sources can be given`);
  await change(ns, call, `concat ${target.text}`, (tx) => {
    const { inode: file } = requireFile(tx.db, call, target);
    requireAccess(call, file, Access.WRITE, () => target.text);
    requireComplete(tx.db, file, `target file ${target.text}`);
    const ids = new Set<number>();
    for (const path of sources) ids.add(requireSource(tx.db, call, file, path));
    if (ids.size < sources.length) throw invalid('at least two of the source files are the same');
    const all = [...ids];
    requireBlockCount(ns, tx.db, target, [file.id, ...all]);
    return { answer: null, record: { op: 'concat', target: file.id, sources: all } };
  });
}

function requireSource(db: Database, call: Call, target: InodeRow, path: DfsPath): number {
  const { inode } = requireFile(db, call, path);
  const parent = parentOf(resolve(db, call, path));
  const { text } = path;
  requireAccess(call, inode, Access.READ, () => text);
  if (parent !== undefined) {
    requireAccess(call, parent, Access.WRITE, () => prefixOf(path, path.components.length - 1));
    requireNotSticky(call, parent, inode, () => text);
  }
  if (inode.id === target.id) throw invalid(`the src file ${text} is the same with the target file`);
  if (inode.lease_holder !== null || inode.length === 0)
    throw invalid(`source file ${text} is invalid or empty or underConstruction`);
  requireComplete(db, inode, `source file ${text}`);
  if (inode.block_size > target.block_size) {
    throw invalid(
      `source file ${text} has preferred block size ${inode.block_size} which is greater than the target file's preferred block size ${target.block_size}`,
    );
  }
  if (inode.replication > target.replication) {
    throw invalid(
      `source file ${text} has replication ${inode.replication} which is greater than the target file's replication ${target.replication}`,
    );
  }
  return inode.id;
}

function requireComplete(db: Database, inode: InodeRow, what: string): void {
  const sql = 'SELECT id FROM blocks WHERE inode = ? AND state <> ? LIMIT 1';
  const unfinished = statement<{ id: number }>(db, sql).get(inode.id, BlockState.COMPLETE);
  if (inode.lease_holder !== null || unfinished !== undefined) throw invalid(`${what} is under construction`);
}

function requireBlockCount({ settings }: Namesystem, db: Database, target: DfsPath, inodes: readonly number[]): void {
  const count = statement<{ n: number }>(db, 'SELECT count(*) AS n FROM blocks WHERE inode = ?');
  const blocks = inodes.reduce((sum, inode) => sum + (count.get(inode)?.n ?? 0), 0);
  if (blocks <= settings.maxBlocksPerFile) return;
  throw new DfsError(
    'TooManyBlocks',
    `concat: ${target.text} would have ${blocks} blocks; dfs.namenode.fs-limits.max-blocks-per-file is ${settings.maxBlocksPerFile}`,
  );
}

function invalid(what: string): DfsError {
  return new DfsError('InvalidArgument', `concat: ${what}`);
}
