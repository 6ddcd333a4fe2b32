/** Rebuilding the pipeline of a block that is being written. */

import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import type { Location, Target } from '../blocks.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { lastBlocks } from '../storage/block-rows.js';
import type { BlockRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { expectedOf } from './located-blocks.js';
import { checkFinalLength, requireLastBlock, requireOpenFile, type WriterRequest } from './open-file.js';

export interface BlockOfWriter extends WriterRequest {
  readonly block: Block;
}

/**
 * A new generation stamp for the last block. Replicas that miss the rebuilding keep the old one, and are never served.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `StaleGenerationStamp`.
 */
export async function updateBlockForPipeline(ns: Namesystem, call: Call, request: BlockOfWriter): Promise<number> {
  const { block, path } = request;
  return await change(ns, call, `get a new generation stamp for ${blockName(block)} of ${path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    requireLastBlock(lastBlocks(tx.db, inode.id)[0], block, path);
    const generationStamp = tx.counters.generationStamp + 1;
    return { answer: generationStamp, record: { op: 'takeStamp', generationStamp } };
  });
}

export interface UpdatePipelineRequest extends WriterRequest {
  readonly oldBlock: Block;
  readonly newBlock: Block;
  readonly targets: readonly Target[];
}

/**
 * The block goes on under a new stamp, on these replicas.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `StaleGenerationStamp`.
 */
export async function updatePipeline(ns: Namesystem, call: Call, request: UpdatePipelineRequest): Promise<void> {
  const { oldBlock, newBlock, targets, path } = request;
  await change(ns, call, `update the pipeline of ${blockName(oldBlock)} of ${path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    const [current] = lastBlocks(tx.db, inode.id);
    const expected = expectedOf(targets);
    if (isInForce(current, newBlock, JSON.stringify(expected))) return { answer: null };
    const last = requireLastBlock(current, oldBlock, path);
    const { generationStamp, numBytes } = newBlock;
    if (newBlock.blockId !== last.id)
      throw new DfsError('InvalidArgument', `${blockName(newBlock)} is another block than ${blockName(oldBlock)}`);
    if (generationStamp <= last.generation_stamp || generationStamp > tx.counters.generationStamp) {
      throw new DfsError(
        'StaleGenerationStamp',
        `${generationStamp} was not given out as a new generation stamp for ${blockName(oldBlock)}`,
      );
    }
    checkFinalLength(inode, last, newBlock);
    const record = {
      op: 'updatePipeline',
      inode: inode.id,
      block: last.id,
      generationStamp,
      length: numBytes,
      expected,
    } as const;
    return { answer: null, record };
  });
}

export interface AdditionalDatanodeRequest extends BlockOfWriter {
  readonly existing: readonly Target[];
  readonly excludeDatanodes: readonly string[];
  readonly additional: number;
}

/**
 * Further DataNodes for a pipeline that lost some: fewer than asked for, or none, when the cluster has no more.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `SafeMode`.
 */
export async function additionalDatanodes(
  ns: Namesystem,
  call: Call,
  request: AdditionalDatanodeRequest,
): Promise<Location[]> {
  const { journal, blocks } = ns;
  blocks.requireNoSafeMode(`add a datanode to the pipeline of ${request.path.text}`);
  const inode = requireOpenFile(journal.committed, call, request);
  try {
    const targets = blocks.chooseTargets({
      count: request.additional,
      blockSizeBytes: inode.block_size,
      writerHost: '',
      exclude: request.excludeDatanodes,
      existing: request.existing,
    });
    return blocks.describe(targets);
  } catch (error) {
    if (isDfsError(error, 'NoTargets')) return [];
    throw error;
  }
}

/** The same update has been made before. */
function isInForce(last: BlockRow | undefined, block: Block, expected: string): boolean {
  return (
    last?.id === block.blockId &&
    last.state === BlockState.UNDER_CONSTRUCTION &&
    last.generation_stamp === block.generationStamp &&
    last.expected === expected &&
    last.length >= block.numBytes
  );
}
