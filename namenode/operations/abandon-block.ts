import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { blockRow, lastBlocks } from '../storage/block-rows.js';
import type { BlockRow } from '../storage/rows.js';
import { targetsOf } from './located-blocks.js';
import { requireEmptyBlock, requireLastBlock, requireOpenFile, type WriterRequest } from './open-file.js';

/**
 * Gives back the last block of a file, to which nothing could be written. No error when it is gone already.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `StaleGenerationStamp`.
 */
export async function abandonBlock(
  ns: Namesystem,
  call: Call,
  request: WriterRequest & { readonly block: Block },
): Promise<void> {
  const { block, path } = request;
  let abandoned: BlockRow | undefined;
  await change(ns, call, `abandon block ${blockName(block)} of ${path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    if (blockRow(tx.db, block.blockId) === undefined) return { answer: null };
    abandoned = requireEmptyBlock(requireLastBlock(lastBlocks(tx.db, inode.id)[0], block, path));
    return { answer: null, record: { op: 'abandonBlock', inode: inode.id, block: block.blockId } };
  });
  if (abandoned !== undefined) ns.blocks.notWritten(targetsOf(abandoned));
}
