/** Answers BLOCK_CHECKSUM: the MD5 of a block's checksums, of which a client makes the checksum of a file. */
import { createHash } from 'node:crypto';
import { blockName } from '../common/block.js';
import { checksumsLength } from '../common/checksum.js';
import type { BlockChecksum, ExtendedBlock } from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import type { ReadableReplica, ReplicaStore } from './replica-store.js';

const SLICE_BYTES = 128 * 1024;

/**
 * Reads only the meta file.
 * @throws DfsError `ReplicaNotFound`, `StaleGenerationStamp`, `InvalidArgument` (the replica is not as long as the
 * block), `Corrupt`.
 */
export async function blockChecksum(store: ReplicaStore, block: ExtendedBlock): Promise<BlockChecksum> {
  const replica = await store.openForRead(block);
  try {
    if (replica.visibleBytes !== block.numBytes) {
      throw new DfsError(
        'InvalidArgument',
        `Replica ${blockName(replica.block)} has ${replica.visibleBytes} bytes, not the ${block.numBytes} of ${blockName(block)}`,
      );
    }
    return await digest(replica);
  } finally {
    replica.files.closeLater();
  }
}

async function digest({ files, visibleBytes, block }: ReadableReplica): Promise<BlockChecksum> {
  const { checksum } = files;
  const hash = createHash('md5');
  const total = checksumsLength(checksum, visibleBytes);
  const chunksPerSlice = SLICE_BYTES / 4;
  for (let at = 0; at < total; at += SLICE_BYTES) {
    const slice = Buffer.allocUnsafe(Math.min(SLICE_BYTES, total - at));
    const length = await files.readChecksums(slice, (at / SLICE_BYTES) * chunksPerSlice * checksum.bytesPerChecksum);
    if (length < slice.length) throw new DfsError('Corrupt', `The meta file of ${blockName(block)} is too short`);
    hash.update(slice);
  }
  return { checksum, crcPerBlock: Math.ceil(visibleBytes / checksum.bytesPerChecksum), md5: hash.digest() };
}
