import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { blockRow, lastBlocks } from '../storage/block-rows.js';
import { requireLastBlock, requireOpenFile, type WriterRequest } from './open-file.js';

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
  await change(ns, call, `abandon block ${blockName(block)} of ${path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    if (blockRow(tx.db, block.blockId) === undefined) return { answer: null };
    const last = requireLastBlock(lastBlocks(tx.db, inode.id)[0], block, path);
    if (last.length > 0) {
      throw new DfsError(
        'InvalidArgument',
        `${blockName(block)} holds ${last.length} bytes that were acknowledged; it cannot be abandoned`,
      );
    }
    return { answer: null, record: { op: 'abandonBlock', inode: inode.id, block: block.blockId } };
  });
}
