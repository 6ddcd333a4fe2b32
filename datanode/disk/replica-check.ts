/** How much of a replica's data its checksums vouch for. */
import { CHECKSUM_SIZE_BYTES, verifyChecksums } from '../../common/checksum.js';
import { coveredPrefix } from './covered-prefix.js';
import type { ReplicaFiles } from './replica-files.js';

/** Read and verified in one go; short enough not to hold up anything else. */
const SLICE_BYTES = 512 * 1024;

export interface VerifiedLength {
  readonly numBytes: number;
  /** All of the data file is covered by all of the meta file. */
  readonly complete: boolean;
}

/**
 * Reads a replica from its start until data and checksums do not fit any more. A process or a machine that died while
 * it wrote leaves a chunk of which the data file has more than the checksum covers (behind it, the meta file may have
 * been lengthened with nothing in it); then the length is sought that the checksum is for, because these bytes may have
 * been acknowledged.
 */
export async function verifiedLength(files: ReplicaFiles): Promise<VerifiedLength> {
  const { bytesPerChecksum, type } = files.checksum;
  const [dataSize, checksumCount] = await Promise.all([files.dataSize(), files.checksumCount()]);
  if (type === 'NULL') return { numBytes: dataSize, complete: true };
  const chunksPerSlice = Math.max(1, Math.floor(SLICE_BYTES / bytesPerChecksum));
  const chunkCount = Math.min(checksumCount, Math.ceil(dataSize / bytesPerChecksum));
  for (let first = 0; first < chunkCount; first += chunksPerSlice) {
    const offset = first * bytesPerChecksum;
    const count = Math.min(chunksPerSlice, chunkCount - first);
    const { data, checksums } = await readChunks(files, offset, count);
    const bad = verifyChecksums(files.checksum, [data], checksums);
    if (bad < 0) continue;
    const badOffset = bad * bytesPerChecksum;
    const chunk = data.subarray(badOffset, badOffset + bytesPerChecksum);
    const covered = coveredPrefix(files.checksum, chunk, checksums.readUInt32BE(bad * CHECKSUM_SIZE_BYTES));
    return { numBytes: offset + badOffset + covered, complete: false };
  }
  const numBytes = Math.min(dataSize, chunkCount * bytesPerChecksum);
  return { numBytes, complete: numBytes === dataSize && chunkCount === checksumCount };
}

async function readChunks(
  files: ReplicaFiles,
  offset: number,
  count: number,
): Promise<{ data: Buffer; checksums: Buffer }> {
  const data = Buffer.allocUnsafe(count * files.checksum.bytesPerChecksum);
  const checksums = Buffer.allocUnsafe(count * CHECKSUM_SIZE_BYTES);
  const [length] = await Promise.all([files.readData(data, offset), files.readChecksums(checksums, offset)]);
  return { data: data.subarray(0, length), checksums };
}
