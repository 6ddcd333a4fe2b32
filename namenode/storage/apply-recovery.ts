/** Records about blocks that are recovered: because their writer has vanished, or to be cut. */
import type { ApplyState } from './apply.js';
import { closeInode, commitBlock, removeBlock, setLeaseHolder, setLength, takeStamp } from './apply-blocks.js';
import type { FinishRecoveryEdit, RecoverBlockEdit, TruncateEdit } from './edit-records.js';
import { expectOneRow } from './rows.js';
import { BlockState } from './schema.js';
import { statement } from './statements.js';

export function recoverBlock(state: ApplyState, edit: RecoverBlockEdit): void {
  const sql = 'UPDATE blocks SET state = ?, recovery_id = ? WHERE id = ?';
  const result = statement(state.db, sql).run(BlockState.UNDER_RECOVERY, edit.recoveryId, edit.block);
  expectOneRow(result, `recover block ${edit.block}`);
  setLeaseHolder(state, edit.inode, edit.leaseHolder, 0);
  takeStamp(state, edit.recoveryId);
}

export function finishRecovery(state: ApplyState, { inode, block, expected, timeMs }: FinishRecoveryEdit): void {
  const sql = 'UPDATE blocks SET expected = ? WHERE id = ?';
  expectOneRow(statement(state.db, sql).run(JSON.stringify(expected), block.id), `place block ${block.id}`);
  commitBlock(state, inode, block);
  if (block.complete) closeInode(state, inode, timeMs);
}

export function truncate(state: ApplyState, { inode, newLength, removed, cut, timeMs }: TruncateEdit): void {
  for (const block of removed) removeBlock(state, block);
  if (cut !== undefined) {
    setLength(state, inode, cut.block, cut.length);
    const sql = 'UPDATE blocks SET expected = ?, truncating = 1 WHERE id = ?';
    expectOneRow(statement(state.db, sql).run(JSON.stringify(cut.expected), cut.block), `cut block ${cut.block}`);
    const { block, recoveryId, leaseHolder } = cut;
    recoverBlock(state, { op: 'recoverBlock', timeMs, inode, block, recoveryId, leaseHolder });
  }
  if (removed.length === 0 && cut === undefined) return;
  const sql = 'UPDATE inodes SET length = ?, mtime_ms = ?, mtime_ns = 0 WHERE id = ?';
  expectOneRow(statement(state.db, sql).run(newLength, timeMs, inode), `cut inode ${inode}`);
}
