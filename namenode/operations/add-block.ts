import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import type { Target } from '../blocks.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { blockRow, lastBlocks } from '../storage/block-rows.js';
import type { CommittedBlock } from '../storage/edit-records.js';
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
    const targets = chooseTargets(ns, request, inode);
    const blockId = tx.counters.nextBlockId;
    const record = {
      op: 'addBlock',
      inode: inode.id,
      ...(previous === undefined ? {} : { previous }),
      id: blockId,
      generationStamp: tx.counters.generationStamp + 1,
      index: (last?.idx ?? -1) + 1,
      expected: expectedOf(targets),
    } as const;
    return { answer: blockId, record };
  });
  return allocated(ns, call, request, id);
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

function chooseTargets({ blocks, settings }: Namesystem, request: AddBlockRequest, inode: InodeRow): Target[] {
  try {
    const targets = blocks.chooseTargets({
      count: inode.replication,
      blockSizeBytes: inode.block_size,
      writerHost: request.writerHost,
      exclude: request.excludeDatanodes,
      existing: [],
    });
    if (targets.length >= settings.minReplication) return targets;
    const why = `could only be written to ${targets.length} of the ${settings.minReplication} required nodes`;
    throw new DfsError('NoTargets', why);
  } catch (error) {
    if (!isDfsError(error, 'NoTargets')) throw error;
    throw new DfsError('NoTargets', `File ${request.path.text} ${error.message}`, { cause: error });
  }
}

function allocated({ journal, blocks }: Namesystem, call: Call, request: AddBlockRequest, id: number): LocatedBlock {
  const db = journal.committed;
  const row = blockRow(db, id);
  if (row === undefined) {
    // The answer is that of an earlier attempt: meanwhile the file may have been deleted, or taken over.
    requireOpenFile(db, call, request);
    throw new DfsError('InvalidArgument', `Block ${id} of ${request.path.text} has been given back`);
  }
  const located = locatePipeline(blocks, row, offsetOfBlock(db, row.inode, row.idx));
  if (located.locations.length > 0) return located;
  // It was placed by an earlier attempt; this process has restarted since, and has lost the table of its DataNodes, which is not logged.
  throw new DfsError(
    'RetryLater',
    `None of the DataNodes of ${nameOf(row)} of ${request.path.text} has registered yet`,
  );
}
