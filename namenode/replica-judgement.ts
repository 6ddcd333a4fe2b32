/** What a reported replica is worth, given what the namespace says of its block. */
import type { Block } from '../common/block.js';
import type { ReplicaRow } from './storage/replica-rows.js';
import type { BlockRow } from './storage/rows.js';
import { BlockState, ReplicaRowState } from './storage/schema.js';

/** Whether the writer of the block has told its final stamp and length. */
export function isFinished(block: BlockRow): boolean {
  return block.state === BlockState.COMMITTED || block.state === BlockState.COMPLETE;
}

/** Whether a replica has the stamp and length that the block has. */
export function matches(block: BlockRow, replica: Pick<ReplicaRow, 'generation_stamp' | 'length'>): boolean {
  return block.generation_stamp === replica.generation_stamp && block.length === replica.length;
}

/**
 * State of the row for a finalized replica that is reported.
 *
 * - Its block is gone: to be deleted. Ids are never used again, so nobody can want it.
 * - Its block is being written: it may turn out to be good; the writer's commit will tell.
 * - Another stamp or length than its block: corrupt. Even one that is only out of date is not deleted at once: should all others be lost,
 *   a person may want it. It goes once there are enough good ones.
 */
export function judge(block: BlockRow | undefined, replica: Block): number {
  if (block === undefined) return ReplicaRowState.INVALIDATE;
  if (!isFinished(block)) return ReplicaRowState.LIVE;
  const { generationStamp, numBytes } = replica;
  return matches(block, { generation_stamp: generationStamp, length: numBytes })
    ? ReplicaRowState.LIVE
    : ReplicaRowState.CORRUPT;
}

/**
 * State of the row when a replica is reported for which there is one. The same replica keeps its state: a report does not read the bytes, so it
 * cannot make a corrupt one good, and one that is to be deleted stays so until its deletion is reported.
 */
export function judgeAgain(row: ReplicaRow, block: BlockRow | undefined, replica: Block): number {
  const same = row.generation_stamp === replica.generationStamp && row.length === replica.numBytes;
  return same ? row.state : judge(block, replica);
}
