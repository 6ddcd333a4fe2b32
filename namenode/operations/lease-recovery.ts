/**
 * What becomes of a file whose writer vanished. It can be closed when its length is certain: all blocks are finished, or a DataNode has
 * finalized the last one, which then holds everything that was ever acknowledged. Otherwise replicas of different lengths may be out
 * there, with data that readers have seen; such a file stays open, and is tried again later, rather than being cut.
 */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { inodeById, pathOf, requireFile, resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, type Caller, requireAccess } from '../permissions.js';
import type { CommittedBlock } from '../storage/edit-records.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState, InodeType, ReplicaRowState } from '../storage/schema.js';
import { statement } from '../storage/statements.js';
import { lastBlocks } from './open-file.js';

/** Calls that the NameNode makes itself. */
export const NAMENODE: Caller = { user: 'namenode', groups: [], superuser: true };

/**
 * Takes a file from its writer, expired or not, and closes it if that can be done.
 * @returns whether it is closed now.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`.
 */
export async function recoverLease(ns: Namesystem, call: Call, path: DfsPath): Promise<boolean> {
  return await change(ns, call, `recover the lease of ${path.text}`, (tx) => {
    const { inode } = requireFile(tx.db, call, path);
    requireAccess(call, inode, Access.WRITE, () => path.text);
    if (inode.lease_holder === null) return { answer: true };
    return decideClosing(ns, tx.db, inode);
  });
}

/** Closes a file of `holder`, whose lease has passed the hard limit; false when it cannot be closed yet. */
export async function closeAbandoned(ns: Namesystem, holder: string, inodeId: number): Promise<boolean> {
  return await change(ns, NAMENODE, `close inode ${inodeId} of ${holder}`, (tx) => {
    const inode = inodeById(tx.db, inodeId);
    if (inode?.lease_holder !== holder || pathOf(tx.db, inodeId) === undefined) return { answer: true };
    return decideClosing(ns, tx.db, inode);
  });
}

/**
 * Before another writer opens a file: if it is open and its writer has been silent beyond the soft limit, it is closed if that can be
 * done. If not, the operation will find it open and say so.
 */
export async function recoverForTakeover(ns: Namesystem, call: Call, path: DfsPath, clientName: string): Promise<void> {
  const { inode } = resolve(ns.journal.committed, call, path);
  const holder = inode?.lease_holder ?? null;
  if (inode?.type !== InodeType.FILE || holder === null || holder === clientName) return;
  if (!ns.leases.isSoftExpired(holder, ns.clock.monotonicMs())) return;
  if (await closeAbandoned(ns, holder, inode.id))
    ns.logger.info({ path: path.text, holder }, 'closed the file of a silent writer');
}

export function alreadyBeingCreated(operation: string, path: string, holder: string, clientName: string): DfsError {
  const owner =
    holder === clientName
      ? `${clientName} is already the current lease holder`
      : `this file lease is currently owned by ${holder}`;
  return new DfsError('AlreadyBeingCreated', `Failed to ${operation} ${path} for ${clientName} because ${owner}.`);
}

function decideClosing(ns: Namesystem, db: Database, inode: InodeRow) {
  const [last, penultimate] = lastBlocks(db, inode.id);
  if (penultimate !== undefined && penultimate.state !== BlockState.COMPLETE) return { answer: false };
  if (last === undefined || last.state === BlockState.COMPLETE) {
    return { answer: true, record: { op: 'close', inode: inode.id } } as const;
  }
  const finished = finishedBlock(ns, db, last);
  if (finished === undefined) return { answer: false };
  return { answer: true, record: { op: 'close', inode: inode.id, last: finished } } as const;
}

/** The block with the length that its finalized replicas agree on; undefined when there are none, or they do not agree. */
function finishedBlock({ blocks, settings }: Namesystem, db: Database, row: BlockRow): CommittedBlock | undefined {
  const sql = 'SELECT DISTINCT length FROM replicas WHERE block = ? AND generation_stamp = ? AND state = ?';
  const lengths = statement<{ length: number }>(db, sql).all(row.id, row.generation_stamp, ReplicaRowState.LIVE);
  const length = lengths[0]?.length;
  if (lengths.length !== 1 || length === undefined || length < row.length) return undefined;
  const live = blocks.countLive(db, { blockId: row.id, generationStamp: row.generation_stamp, numBytes: length });
  if (live < settings.minReplication) return undefined;
  return { id: row.id, generationStamp: row.generation_stamp, length, complete: true };
}
