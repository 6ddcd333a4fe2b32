import { DfsError } from '../../common/errors.js';
import type { Target } from '../blocks.js';
import { requireFile } from '../inode-tree.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import { lastBlocks } from '../storage/block-rows.js';
import type { Planned, TruncateEdit } from '../storage/edit-records.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { statement } from '../storage/statements.js';
import { startRecovery } from './block-recovery.js';
import { alreadyBeingCreated, NAMENODE_LEASE_HOLDER, recoverForTakeover } from './lease-recovery.js';
import { expectedOf } from './located-blocks.js';

export interface TruncateRequest {
  readonly path: DfsPath;
  readonly newLength: number;
  readonly clientName: string;
}

/**
 * Cuts a closed file. On a block's boundary that is done at once. Within a block, its replicas are cut by a recovery, in place; until that
 * is over the file is open, and nobody can write to it.
 * A cut that takes nothing away is logged as well, so that a repeat that comes late does not cut what was written since.
 * @returns whether it is done. The same request again, while the replicas are being cut, is answered in the same way.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`, `AlreadyBeingCreated`, `InvalidArgument` (the file is shorter),
 *   `BlockMissing` (no DataNode can cut the block).
 */
export async function truncate(ns: Namesystem, call: Call, request: TruncateRequest): Promise<boolean> {
  const { path, newLength, clientName } = request;
  const { inode } = requireFile(ns.journal.committed, call, path);
  requireAccess(call, inode, Access.WRITE, () => path.text);
  if (isBeingCutTo(ns, inode, newLength)) return false;
  await recoverForTakeover(ns, call, path, clientName, 'TRUNCATE_FILE');
  const { fileId, done } = await change(ns, call, `truncate ${path.text}`, (tx) => {
    const { inode: file } = requireFile(tx.db, call, path);
    requireAccess(call, file, Access.WRITE, () => path.text);
    if (file.lease_holder !== null)
      throw alreadyBeingCreated('TRUNCATE_FILE', path.text, file.lease_holder, clientName);
    if (file.length < newLength) {
      throw new DfsError(
        'InvalidArgument',
        `Cannot truncate to a larger file size. Current size: ${file.length}, truncate size: ${newLength}.`,
      );
    }
    const record = cutAt(ns, tx, file, request);
    return { answer: { fileId: file.id, done: record.cut === undefined }, record };
  });
  ns.onDeleted();
  if (!done) startRecovery(ns, fileId);
  return done;
}

function isBeingCutTo({ journal }: Namesystem, inode: InodeRow, newLength: number): boolean {
  const [last] = lastBlocks(journal.committed, inode.id);
  return last?.truncating === 1 && inode.length === newLength;
}

function cutAt(
  ns: Namesystem,
  tx: Transaction,
  file: InodeRow,
  { path, newLength }: TruncateRequest,
): Planned<TruncateEdit> {
  const removed: number[] = [];
  if (newLength === file.length) return { op: 'truncate', inode: file.id, newLength, removed };
  let start = file.length;
  for (const row of blocksFromEnd(tx, file.id)) {
    start -= row.length;
    if (start >= newLength) {
      removed.push(row.id);
      continue;
    }
    const inBlock = newLength - start;
    if (inBlock === row.length) break;
    const expected = expectedOf(replicasOf(ns, tx, row, path));
    const recoveryId = tx.counters.generationStamp + 1;
    const cut = { block: row.id, length: inBlock, recoveryId, expected, leaseHolder: NAMENODE_LEASE_HOLDER };
    return { op: 'truncate', inode: file.id, newLength, removed, cut };
  }
  return { op: 'truncate', inode: file.id, newLength, removed };
}

function blocksFromEnd({ db }: Transaction, inode: number): BlockRow[] {
  return statement<BlockRow>(db, 'SELECT * FROM blocks WHERE inode = ? ORDER BY idx DESC').all(inode);
}

function replicasOf({ blocks }: Namesystem, { db }: Transaction, row: BlockRow, path: DfsPath): Target[] {
  const { locations, corrupt } = blocks.locate(db, row.id, '');
  if (row.state === BlockState.COMPLETE && !corrupt && blocks.canRecover(locations)) return [...locations];
  throw new DfsError(
    'BlockMissing',
    `Cannot truncate ${path.text}: no live DataNode has a good replica of the block to be cut`,
  );
}
