import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import type { Target } from '../blocks.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { blockRow, lastBlocks } from '../storage/block-rows.js';
import type { AddBlockEdit, CommittedBlock, Planned } from '../storage/edit-records.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { expectedOf, type LocatedBlock, locatePipeline, offsetOfBlock } from './located-blocks.js';
import { checkFinalLength, nameOf, requireLastBlock, requireOpenFile, type WriterRequest } from './open-file.js';

export interface AddBlockRequest extends WriterRequest {
  /** The block written before, with its final length; undefined for the first of a file, or of an append that begins a new block. */
  readonly previous: Block | undefined;
  readonly excludeDatanodes: readonly string[];
  readonly writerHost: string;
}

/**
 * Commits the previous block and allocates the next one. The same request again, before anything was written to that block, is
 * answered with the same block.
 * @throws DfsError `RetryLater`, `LeaseExpired`, `FileNotFound`, `NotReplicatedYet`, `NoTargets`, `TooManyBlocks`, `InvalidArgument`,
 *   `StaleGenerationStamp`.
 */
export async function addBlock(ns: Namesystem, call: Call, request: AddBlockRequest): Promise<LocatedBlock> {
  const id = await change(ns, call, `add block to ${request.path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    const [last, penultimate] = lastBlocks(tx.db, inode.id);
    const asked = alreadyAllocated(last, penultimate, request.previous);
    if (asked !== undefined) return { answer: asked.id };
    const previous = finishPrevious(ns, tx, request, inode, last, penultimate);
    const placed = place(ns, tx, { ...request, replication: inode.replication, blockSizeBytes: inode.block_size });
    const position = { inode: inode.id, index: (last?.idx ?? -1) + 1 };
    const record = { ...placed, ...position, ...(previous === undefined ? {} : { previous }) };
    return { answer: record.id, record };
  });
  return allocated(ns, call, request, id);
}

/** What is known of a block's file when its DataNodes are chosen. */
export interface Placement extends Pick<AddBlockRequest, 'path' | 'excludeDatanodes' | 'writerHost'> {
  readonly replication: number;
  readonly blockSizeBytes: number;
}

/**
 * The first block of a file that is made in the same step. Undefined when there is no DataNode for it: the file is made all the same, and
 * {@link addBlock} says why, after its writer has asked again for as long as it likes.
 */
export function placeFirstBlock(
  ns: Namesystem,
  tx: Transaction,
  inode: number,
  placement: Omit<Placement, 'excludeDatanodes'>,
): Planned<AddBlockEdit> | undefined {
  try {
    return { ...place(ns, tx, { ...placement, excludeDatanodes: [] }), inode, index: 0 };
  } catch (error) {
    if (error instanceof DfsError) return undefined;
    throw error;
  }
}

function place(ns: Namesystem, { counters }: Transaction, placement: Placement) {
  const targets = chooseTargets(ns, placement);
  const generationStamp = counters.generationStamp + 1;
  return { op: 'addBlock', id: counters.nextBlockId, generationStamp, expected: expectedOf(targets) } as const;
}

/** The writer has not had the answer to an earlier request: the block it asks for is there, and nothing is known of it yet. */
function alreadyAllocated(
  last: BlockRow | undefined,
  penultimate: BlockRow | undefined,
  previous: Block | undefined,
): BlockRow | undefined {
  if (last?.state !== BlockState.UNDER_CONSTRUCTION || last.length > 0) return undefined;
  return previous?.blockId === penultimate?.id ? last : undefined;
}

/** Checks everything about the blocks that are there; what is to be committed with the new one. */
function finishPrevious(
  ns: Namesystem,
  tx: Transaction,
  { path, previous }: AddBlockRequest,
  inode: InodeRow,
  last: BlockRow | undefined,
  penultimate: BlockRow | undefined,
): CommittedBlock | undefined {
  if (penultimate !== undefined && penultimate.state !== BlockState.COMPLETE) {
    throw new DfsError('NotReplicatedYet', `Not replicated yet: ${path.text} (${nameOf(penultimate)})`);
  }
  checkBlockCount(ns, last);
  if (last === undefined) {
    if (previous === undefined) return undefined;
    throw new DfsError(
      'InvalidArgument',
      `${blockName(previous)} cannot be the previous block of ${path.text}, which has no blocks`,
    );
  }
  if (previous === undefined || previous.blockId !== last.id) {
    if (previous === undefined && last.state === BlockState.COMPLETE) return undefined;
    const passed = previous === undefined ? 'none' : blockName(previous);
    throw new DfsError(
      'InvalidArgument',
      `Cannot allocate block in ${path.text}: passed 'previous' block ${passed} does not match actual last block in file ${nameOf(last)}`,
    );
  }
  if (last.state === BlockState.COMPLETE) return undefined;
  return commitment(ns, tx, inode, last, previous, path);
}

/** What the writer says of a finished block, checked. A block that is COMMITTED already may be committed again, as it is. */
export function commitment(
  ns: Namesystem,
  tx: Transaction,
  inode: InodeRow,
  last: BlockRow,
  block: Block,
  path: WriterRequest['path'],
): CommittedBlock {
  if (last.state !== BlockState.COMMITTED) requireLastBlock(last, block, path);
  else if (last.length !== block.numBytes || last.generation_stamp !== block.generationStamp) {
    throw new DfsError(
      'InvalidArgument',
      `${nameOf(last)} of ${path.text} was finished with ${last.length} bytes, not ${block.numBytes}`,
    );
  }
  checkFinalLength(inode, last, block);
  const complete = ns.blocks.countLive(tx.db, block) >= ns.settings.minReplication;
  return { id: block.blockId, generationStamp: block.generationStamp, length: block.numBytes, complete };
}

function checkBlockCount({ settings }: Namesystem, last: BlockRow | undefined): void {
  const count = (last?.idx ?? -1) + 1;
  if (count < settings.maxBlocksPerFile) return;
  throw new DfsError(
    'TooManyBlocks',
    'File has reached the limit on maximum number of blocks (dfs.namenode.fs-limits.max-blocks-per-file): ' +
      `${count} >= ${settings.maxBlocksPerFile}`,
  );
}

function chooseTargets({ blocks, settings }: Namesystem, placement: Placement): Target[] {
  try {
    const targets = blocks.chooseTargets({
      count: placement.replication,
      blockSizeBytes: placement.blockSizeBytes,
      writerHost: placement.writerHost,
      exclude: placement.excludeDatanodes,
      existing: [],
    });
    if (targets.length >= settings.minReplication) return targets;
    const why = `could only be written to ${targets.length} of the ${settings.minReplication} required nodes`;
    throw new DfsError('NoTargets', why);
  } catch (error) {
    if (!isDfsError(error, 'NoTargets')) throw error;
    throw new DfsError('NoTargets', `File ${placement.path.text} ${error.message}`, { cause: error });
  }
}

function allocated(ns: Namesystem, call: Call, request: AddBlockRequest, id: number): LocatedBlock {
  const db = ns.journal.committed;
  const row = blockRow(db, id);
  if (row !== undefined) return located(ns, row, request.path);
  // The answer is that of an earlier attempt: meanwhile the file may have been deleted, or taken over.
  requireOpenFile(db, call, request);
  throw new DfsError('InvalidArgument', `Block ${id} of ${request.path.text} has been given back`);
}

/** A block that was allocated, for its writer. @throws DfsError `RetryLater`. */
export function located({ journal, blocks }: Namesystem, row: BlockRow, path: WriterRequest['path']): LocatedBlock {
  const db = journal.committed;
  const block = locatePipeline(blocks, row, offsetOfBlock(db, row.inode, row.idx));
  if (block.locations.length > 0) return block;
  // It was placed by an earlier attempt; this process has restarted since, and has lost the table of its DataNodes, which is not logged.
  throw new DfsError('RetryLater', `None of the DataNodes of ${nameOf(row)} of ${path.text} has registered yet`);
}
