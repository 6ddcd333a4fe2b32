/** Records that change the blocks of files, and the leases under which they are written. */
import type { ApplyState } from './apply.js';
import { forgetDirectory } from './apply-quotas.js';
import type {
  AbandonBlockEdit,
  AddBlockEdit,
  AppendEdit,
  CloseEdit,
  CommittedBlock,
  CompleteBlocksEdit,
  ReapEdit,
  SetReplicationEdit,
  UpdatePipelineEdit,
} from './edit-records.js';
import { expectOneRow } from './rows.js';
import { BlockState, InodeType, ReplicaRowState } from './schema.js';
import { statement } from './statements.js';

export function append(state: ApplyState, edit: AppendEdit): void {
  setLeaseHolder(state, edit.inode, edit.leaseHolder, edit.call?.callId ?? 0);
  if (edit.reopened === undefined) return;
  const { id, expected } = edit.reopened;
  const sql = 'UPDATE blocks SET state = ?, expected = ? WHERE id = ?';
  const result = statement(state.db, sql).run(BlockState.UNDER_CONSTRUCTION, JSON.stringify(expected), id);
  expectOneRow(result, `reopen block ${id}`);
}

export function addBlock(state: ApplyState, edit: AddBlockEdit): void {
  if (edit.previous !== undefined) commitBlock(state, edit.inode, edit.previous);
  const sql = `
    INSERT INTO blocks (id, inode, idx, generation_stamp, length, state, replication, expected)
    SELECT ?, id, ?, ?, 0, ?, replication, ? FROM inodes WHERE id = ?`;
  const { id, inode, index, generationStamp, expected } = edit;
  const result = statement(state.db, sql).run(
    id,
    index,
    generationStamp,
    BlockState.UNDER_CONSTRUCTION,
    JSON.stringify(expected),
    inode,
  );
  expectOneRow(result, `add block ${id} to inode ${inode}`);
  const { counters } = state;
  counters.blocks++;
  counters.nextBlockId = Math.max(counters.nextBlockId, id + 1);
  takeStamp(state, generationStamp);
}

export function abandonBlock(state: ApplyState, edit: AbandonBlockEdit): void {
  takeBack(state, edit.inode, edit.block);
}

function takeBack(state: ApplyState, inode: number, block: number): void {
  setLength(state, inode, block, 0);
  removeBlock(state, block);
}

export function takeStamp({ counters }: ApplyState, generationStamp: number): void {
  counters.generationStamp = Math.max(counters.generationStamp, generationStamp);
}

export function updatePipeline(state: ApplyState, edit: UpdatePipelineEdit): void {
  setLength(state, edit.inode, edit.block, edit.length);
  const sql = 'UPDATE blocks SET generation_stamp = ?, expected = ? WHERE id = ?';
  const result = statement(state.db, sql).run(edit.generationStamp, JSON.stringify(edit.expected), edit.block);
  expectOneRow(result, `update the pipeline of block ${edit.block}`);
  takeStamp(state, edit.generationStamp);
}

/** Sets the length of a block and, with it, that of its file. */
export function setLength({ db }: ApplyState, inode: number, block: number, length: number): void {
  const before = statement<{ length: number }>(db, 'SELECT length FROM blocks WHERE id = ?').get(block)?.length;
  if (before === length) return;
  const ofBlock = statement(db, 'UPDATE blocks SET length = ? WHERE id = ? AND inode = ?').run(length, block, inode);
  expectOneRow(ofBlock, `set the length of block ${block} of inode ${inode}`);
  const ofFile = statement(db, 'UPDATE inodes SET length = length + ? WHERE id = ?').run(length - (before ?? 0), inode);
  expectOneRow(ofFile, `set the length of inode ${inode}`);
}

export function commitBlock(state: ApplyState, inode: number, block: CommittedBlock): void {
  const { id, generationStamp, length, complete } = block;
  setLength(state, inode, id, length);
  const sql = `
    UPDATE blocks SET generation_stamp = ?, state = ?, recovery_id = NULL, truncating = 0 WHERE id = ?`;
  const result = statement(state.db, sql).run(generationStamp, BlockState.COMMITTED, id);
  expectOneRow(result, `commit block ${id}`);
  takeStamp(state, generationStamp);
  if (complete) completeBlock(state, id);
}

export function completeBlocks(state: ApplyState, edit: CompleteBlocksEdit): void {
  for (const id of edit.blocks) completeBlock(state, id);
}

export function close(state: ApplyState, edit: CloseEdit): void {
  if (edit.last !== undefined) commitBlock(state, edit.inode, edit.last);
  if (edit.removed !== undefined) takeBack(state, edit.inode, edit.removed);
  closeInode(state, edit.inode, edit.timeMs);
}

export function closeInode({ db }: ApplyState, inode: number, timeMs: number): void {
  const sql = 'UPDATE inodes SET lease_holder = NULL, opened_by = 0, mtime_ms = ?, mtime_ns = 0 WHERE id = ?';
  expectOneRow(statement(db, sql).run(timeMs, inode), `close inode ${inode}`);
}

export function setReplication({ db }: ApplyState, edit: SetReplicationEdit): void {
  const result = statement(db, 'UPDATE inodes SET replication = ? WHERE id = ?').run(edit.replication, edit.id);
  expectOneRow(result, `set the replication of inode ${edit.id}`);
  statement(db, 'UPDATE blocks SET replication = ? WHERE inode = ?').run(edit.replication, edit.id);
  statement(db, 'INSERT OR IGNORE INTO redundancy_check (block) SELECT id FROM blocks WHERE inode = ?').run(edit.id);
}

export function reap(state: ApplyState, edit: ReapEdit): void {
  for (const block of edit.blocks) removeBlock(state, block);
  for (const inode of edit.inodes) removeInode(state, inode);
}

/** From here on the replication monitor looks after the block: fewer replicas may have been written than are wanted. */
function completeBlock({ db }: ApplyState, id: number): void {
  const result = statement(db, 'UPDATE blocks SET state = ?, expected = NULL WHERE id = ?').run(
    BlockState.COMPLETE,
    id,
  );
  expectOneRow(result, `complete block ${id}`);
  statement(db, 'INSERT OR IGNORE INTO redundancy_check (block) VALUES (?)').run(id);
}

export function removeBlock({ db, counters }: ApplyState, id: number): void {
  expectOneRow(statement(db, 'DELETE FROM blocks WHERE id = ?').run(id), `remove block ${id}`);
  statement(db, 'UPDATE replicas SET state = ? WHERE block = ?').run(ReplicaRowState.INVALIDATE, id);
  counters.blocks--;
}

function removeInode(state: ApplyState, id: number): void {
  const { db, counters } = state;
  statement(db, 'DELETE FROM xattrs WHERE inode = ?').run(id);
  const row = statement<{ type: number }>(db, 'DELETE FROM inodes WHERE id = ? RETURNING type').get(id);
  if (row?.type !== InodeType.DIRECTORY) {
    counters.files--;
    return;
  }
  counters.directories--;
  forgetDirectory(state, id);
}

/** `openedBy`: the number of the call with which `holder` opens the file; 0: the NameNode takes it, or there is none. */
export function setLeaseHolder({ db }: ApplyState, inode: number, holder: string, openedBy: number): void {
  const result = statement(db, 'UPDATE inodes SET lease_holder = ?, opened_by = ? WHERE id = ?').run(
    holder,
    openedBy,
    inode,
  );
  expectOneRow(result, `open inode ${inode} for writing`);
}
