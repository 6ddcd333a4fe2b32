/**
 * What becomes of a file whose writer vanished (HDFS: FSNamesystem.internalReleaseLease). It is closed at once when all its blocks are
 * finished. Otherwise its last block is recovered by the DataNodes that were writing it (block-recovery.ts); meanwhile the NameNode itself
 * holds the lease, so that neither the old writer nor a new one gets in between.
 */

import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { pathOf, requireFile, resolve } from '../inode-tree.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Decision, isRepeat, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, type Caller, requireAccess } from '../permissions.js';
import { lastBlocks } from '../storage/block-rows.js';
import { inodeById } from '../storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState, InodeType } from '../storage/schema.js';
import { isBeingRecovered, startRecovery } from './block-recovery.js';
import { recoveryTargetsOf } from './located-blocks.js';

/** Calls that the NameNode makes itself. */
export const NAMENODE: Caller = { user: 'namenode', groups: [], superuser: true };
/** Holder of the files whose last block is under recovery. */
export const NAMENODE_LEASE_HOLDER = 'HDFS_NameNode';

export interface RecoverLeaseRequest {
  readonly path: DfsPath;
  /** The name under which the client that calls holds its leases; undefined: it does not tell. */
  readonly clientName?: string | undefined;
}

/**
 * Takes a file from its writer, expired or not, and closes it, or has its last block recovered.
 * @returns whether it is closed now.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`.
 */
export async function recoverLease(
  ns: Namesystem,
  call: Call,
  { path, clientName }: RecoverLeaseRequest,
): Promise<boolean> {
  const { inode } = requireFile(ns.journal.committed, call, path);
  requireAccess(call, inode, Access.WRITE, () => path.text);
  if (inode.lease_holder === null) return true;
  // A repeat that comes late: it was made, and answered, before its own client opened the file again.
  if (inode.lease_holder === clientName && call.id !== undefined && call.id.callId < inode.opened_by) return true;
  return await releaseLease(ns, inode.lease_holder, inode.id, call.id);
}

/**
 * Takes the file from `holder`, if that still has it.
 * @returns true when the file is closed (or gone), false while that has to wait for DataNodes.
 */
export async function releaseLease(ns: Namesystem, holder: string, inodeId: number, id?: Call['id']): Promise<boolean> {
  const closed = await change<boolean>(
    ns,
    { ...NAMENODE, id },
    `release the lease of ${holder} on inode ${inodeId}`,
    (tx) => {
      const inode = inodeById(tx.db, inodeId);
      if (inode === undefined || inode.lease_holder === null || pathOf(tx.db, inodeId) === undefined)
        return { answer: true };
      return inode.lease_holder === holder ? decide(ns, tx, inode) : { answer: false };
    },
  );
  if (!closed) startRecovery(ns, inodeId);
  return closed;
}

/** Whether anything can be done about a file that the NameNode holds: most of the time it waits for DataNodes. */
export function canBeReleased(ns: Namesystem, inodeId: number): boolean {
  const [last] = lastBlocks(ns.journal.committed, inodeId);
  return last === undefined || !isBeingRecovered(ns, last);
}

/**
 * Before another writer opens a file that is open: once its writer has been silent beyond the soft limit, the file is taken from it.
 * @throws DfsError `AlreadyBeingCreated` as long as the file is not closed yet.
 */
export async function recoverForTakeover(
  ns: Namesystem,
  call: Call,
  path: DfsPath,
  clientName: string,
  operation: string,
): Promise<void> {
  if (isRepeat(ns, call)) return; // the file is open because of this very call
  const { inode } = resolve(ns.journal.committed, call, path);
  const holder = inode?.lease_holder ?? null;
  if (inode?.type !== InodeType.FILE || holder === null || holder === clientName) return;
  if (holder !== NAMENODE_LEASE_HOLDER && !ns.leases.isSoftExpired(holder, ns.clock.monotonicMs())) return;
  if (await releaseLease(ns, holder, inode.id)) {
    ns.logger.info({ path: path.text, holder }, 'closed the file of a silent writer');
    return;
  }
  throw new DfsError(
    'AlreadyBeingCreated',
    `Failed to ${operation} ${path.text} for ${clientName} because lease recovery is in progress. Try again later.`,
  );
}

export function alreadyBeingCreated(operation: string, path: string, holder: string, clientName: string): DfsError {
  const owner =
    holder === clientName
      ? `${clientName} is already the current lease holder`
      : `this file lease is currently owned by ${holder}`;
  return new DfsError('AlreadyBeingCreated', `Failed to ${operation} ${path} for ${clientName} because ${owner}.`);
}

function decide(ns: Namesystem, tx: Transaction, inode: InodeRow): Decision<boolean> {
  const [last, penultimate] = lastBlocks(tx.db, inode.id);
  if (penultimate !== undefined && penultimate.state !== BlockState.COMPLETE) return { answer: false };
  if (last === undefined || last.state === BlockState.COMPLETE) {
    return { answer: true, record: { op: 'close', inode: inode.id } };
  }
  return last.state === BlockState.COMMITTED ? closeCommitted(ns, tx.db, inode, last) : recover(ns, tx, inode, last);
}

/** The writer has said how long the block is; it only has to be seen on enough DataNodes. */
function closeCommitted(
  { blocks, settings }: Namesystem,
  db: Database,
  inode: InodeRow,
  row: BlockRow,
): Decision<boolean> {
  const { id, generation_stamp: generationStamp, length } = row;
  const live = blocks.countLive(db, { blockId: id, generationStamp, numBytes: length });
  if (live < settings.minReplication) return { answer: false };
  const last = { id, generationStamp, length, complete: true };
  return { answer: true, record: { op: 'close', inode: inode.id, last } };
}

function recover(ns: Namesystem, tx: Transaction, inode: InodeRow, last: BlockRow): Decision<boolean> {
  if (isBeingRecovered(ns, last)) return { answer: false };
  const targets = recoveryTargetsOf(tx.db, last);
  if (targets.length === 0 && last.length === 0) {
    return { answer: true, record: { op: 'close', inode: inode.id, removed: last.id } };
  }
  if (!ns.blocks.canRecover(targets)) return { answer: false };
  const recoveryId = tx.counters.generationStamp + 1;
  const record = {
    op: 'recoverBlock',
    inode: inode.id,
    block: last.id,
    recoveryId,
    leaseHolder: NAMENODE_LEASE_HOLDER,
  } as const;
  return { answer: false, record };
}
