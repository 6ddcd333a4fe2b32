import type { Block } from '../../common/block.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { lastBlocks } from '../storage/block-rows.js';
import { checkFinalLength, requireLastBlock, requireOpenFile, type WriterRequest } from './open-file.js';

export interface FsyncRequest extends WriterRequest {
  readonly lastBlock: Block | undefined;
}

/**
 * Makes the length of the block that is being written known to readers. It never shrinks: a late call of a shorter length is ignored.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `StaleGenerationStamp`.
 */
export async function fsync(ns: Namesystem, call: Call, request: FsyncRequest): Promise<void> {
  const { lastBlock, path } = request;
  await change(ns, call, `fsync file ${path.text}`, (tx) => {
    const inode = requireOpenFile(tx.db, call, request);
    if (lastBlock === undefined) return { answer: null };
    const [known] = lastBlocks(tx.db, inode.id);
    // While the call was on its way, the pipeline may have been rebuilt under a new stamp; it has all that was acknowledged before.
    const generationStamp = Math.max(lastBlock.generationStamp, known?.generation_stamp ?? 0);
    const last = requireLastBlock(known, { ...lastBlock, generationStamp }, path);
    if (lastBlock.numBytes <= last.length) return { answer: null };
    checkFinalLength(inode, last, lastBlock);
    return { answer: null, record: { op: 'fsync', inode: inode.id, block: last.id, length: lastBlock.numBytes } };
  });
}
