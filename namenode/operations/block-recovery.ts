/** The recovery of the last block of a file, as far as the namespace has a part in it. */
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import type { Target } from '../blocks.js';
import { pathOf } from '../inode-tree.js';
import type { Transaction } from '../journal.js';
import { change, type Decision, type Namesystem } from '../namesystem.js';
import { blockRow, lastBlocks } from '../storage/block-rows.js';
import { inodeById } from '../storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { NAMENODE, NAMENODE_LEASE_HOLDER } from './lease-recovery.js';
import { blockOf, expectedOf, recoveryTargetsOf } from './located-blocks.js';

/** What the primary DataNode has made of a block. */
export interface SynchronizedBlock {
  readonly block: Pick<Block, 'blockId' | 'generationStamp'>;
  readonly newGenerationStamp: number;
  readonly newLength: number;
  /** No DataNode has anything of it. */
  readonly isGone: boolean;
  readonly targets: readonly Target[];
}

/** Whether an attempt to recover the block is under way. */
export function isBeingRecovered({ blocks }: Namesystem, row: BlockRow): boolean {
  return (
    row.state === BlockState.UNDER_RECOVERY && row.recovery_id !== null && blocks.isRecovering(row.id, row.recovery_id)
  );
}

/** If the last block of the file is under recovery, makes sure that a DataNode leads it. */
export function startRecovery(ns: Namesystem, inodeId: number): void {
  const db = ns.journal.committed;
  const [last] = lastBlocks(db, inodeId);
  if (last?.state !== BlockState.UNDER_RECOVERY || last.recovery_id === null) return;
  ns.leases.opened(NAMENODE_LEASE_HOLDER, ns.clock.monotonicMs());
  ns.blocks.recover({
    block: blockOf(last),
    recoveryId: last.recovery_id,
    targets: recoveryTargetsOf(db, last),
    truncate: last.truncating === 1,
  });
}

/**
 * The end of a recovery (HDFS: commitBlockSynchronization). Closes the file once enough DataNodes have reported the block: now, or
 * when the lease monitor finds that they have. A repeat changes nothing; so does the recovery of a block that was deleted meanwhile.
 * @throws DfsError `InvalidArgument` when this is not, or not any more, the recovery that the block is under.
 */
export async function commitBlockSynchronization(ns: Namesystem, result: SynchronizedBlock): Promise<void> {
  const { block } = result;
  await change(ns, NAMENODE, `finish the recovery of ${blockName(block)}`, (tx) => {
    const row = blockRow(tx.db, block.blockId);
    const inode = row && inodeById(tx.db, row.inode);
    if (row === undefined || inode === undefined || pathOf(tx.db, inode.id) === undefined) return { answer: null };
    if (row.state !== BlockState.UNDER_RECOVERY && row.generation_stamp === result.newGenerationStamp)
      return { answer: null };
    requireRecovery(row, result);
    return result.isGone ? remove(row) : finish(ns, tx, inode, row, result);
  });
  ns.blocks.recovered(block.blockId);
}

function requireRecovery(row: BlockRow, { block, newGenerationStamp }: SynchronizedBlock): void {
  if (row.state !== BlockState.UNDER_RECOVERY) {
    throw new DfsError('InvalidArgument', `Unexpected block (=${blockName(block)}): it is not under recovery`);
  }
  if (row.recovery_id !== newGenerationStamp) {
    throw new DfsError(
      'InvalidArgument',
      `The recovery id ${newGenerationStamp} does not match current recovery id ${row.recovery_id} for block ${blockName(block)}`,
    );
  }
}

function remove(row: BlockRow): Decision<null> {
  if (row.truncating === 1) throw new DfsError('InvalidArgument', `Block ${row.id} is being truncated, not given up`);
  return { answer: null, record: { op: 'close', inode: row.inode, removed: row.id } };
}

function finish(
  { blocks, settings }: Namesystem,
  tx: Transaction,
  inode: InodeRow,
  row: BlockRow,
  { newGenerationStamp: generationStamp, newLength: length, targets }: SynchronizedBlock,
): Decision<null> {
  if (targets.length === 0) throw new DfsError('InvalidArgument', `No DataNode is said to hold block ${row.id}`);
  if (length === 0 || length > inode.block_size || (row.truncating === 1 && length !== row.length)) {
    throw new DfsError('InvalidArgument', `Block ${row.id} cannot have been recovered with ${length} bytes`);
  }
  const live = blocks.countLive(tx.db, { blockId: row.id, generationStamp, numBytes: length });
  const block = { id: row.id, generationStamp, length, complete: live >= settings.minReplication };
  return { answer: null, record: { op: 'finishRecovery', inode: inode.id, block, expected: expectedOf(targets) } };
}
