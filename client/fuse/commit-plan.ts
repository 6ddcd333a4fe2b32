/** What has to be written for a changed file, and which of its blocks can stay. Pure. */
import type { BlockLocation } from '../types.js';
import type { ByteRanges } from './byte-ranges.js';

export type Segment =
  | { readonly kind: 'keep'; readonly blockId: number; readonly start: number; readonly end: number }
  | { readonly kind: 'write'; readonly start: number; readonly end: number };

export interface ChangedFile {
  /** Blocks of the file as it was. */
  readonly blocks: readonly BlockLocation[];
  /** What was written since. */
  readonly written: ByteRanges;
  /** Bytes of the old contents that count, from the start on: what was cut off once does not come back. */
  readonly keptBytes: number;
  readonly length: number;
}

/** The new contents from the first byte to the last; no two parts that are to be written follow each other. */
export function planCommit({ blocks, written, keptBytes, length }: ChangedFile): Segment[] {
  const plan: Segment[] = [];
  let at = 0;
  const writeUpTo = (end: number): void => {
    if (end > at) plan.push({ kind: 'write', start: at, end });
    at = end;
  };
  for (const { block, offset: start } of blocks) {
    const end = start + block.numBytes;
    if (end > Math.min(keptBytes, length) || written.intersects(start, end)) continue;
    writeUpTo(start);
    plan.push({ kind: 'keep', blockId: block.blockId, start, end });
    at = end;
  }
  writeUpTo(length);
  return plan;
}

/** Blocks of files that are changed in place are small, because a block is rewritten as a whole. */
const EDITED_BLOCK_BYTES = 4 * 1024 * 1024;
/** Of the 10,000 that a file may have, so that there is room to grow. */
const BLOCKS_MAX = 5_000;

/** Size of the blocks that are written for a file of that length. */
export function editedBlockSize(length: number, fileBlockSize: number): number {
  let size = EDITED_BLOCK_BYTES;
  while (size * BLOCKS_MAX < length) size *= 2;
  return Math.min(size, fileBlockSize);
}

/**
 * The blocks of the new contents: the kept ones, and for each part that was written the blocks it became, in order.
 * @throws Error when the written blocks do not end where the parts end.
 */
export function newBlocks(
  plan: readonly Segment[],
  oldBlocks: readonly BlockLocation[],
  writtenBlocks: readonly BlockLocation[],
): BlockLocation[] {
  const kept = new Map(oldBlocks.map((location) => [location.block.blockId, location]));
  const blocks: BlockLocation[] = [];
  let next = 0;
  const add = (location: BlockLocation | undefined, left: number): number => {
    if (location === undefined || location.block.numBytes > left)
      throw new Error('the blocks that were written are not those of the plan');
    blocks.push(location);
    return left - location.block.numBytes;
  };
  for (const segment of plan) {
    const bytes = segment.end - segment.start;
    if (segment.kind === 'keep') add(kept.get(segment.blockId), bytes);
    else for (let left = bytes; left > 0; next++) left = add(writtenBlocks[next], left);
  }
  return blocks;
}
