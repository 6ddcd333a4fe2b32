/** Reads a whole replica against its checksums, in slices so small that others who use the disk hardly notice. */
import { CHECKSUM_SIZE_BYTES, checksumsLength, verifyChecksums } from '../../common/checksum.js';
import { DfsError } from '../../common/errors.js';
import type { ReplicaFiles } from './replica-files.js';

const SLICE_BYTES = 128 * 1024;

/**
 * Verifies the replica of `numBytes`; yields the number of bytes of each slice that was read and is good.
 * @throws DfsError `Corrupt` at the first thing that is wrong; the operating system's error when the disk does not give the bytes.
 */
export async function* verifySlices(files: ReplicaFiles, numBytes: number): AsyncGenerator<number> {
  await requireLengths(files, numBytes);
  const { checksum } = files;
  const sliceBytes = Math.max(1, Math.floor(SLICE_BYTES / checksum.bytesPerChecksum)) * checksum.bytesPerChecksum;
  const dataBuffer = Buffer.allocUnsafeSlow(Math.min(sliceBytes, numBytes));
  const checksumBuffer = Buffer.allocUnsafeSlow(checksumsLength(checksum, dataBuffer.length));
  for (let offset = 0; offset < numBytes; offset += sliceBytes) {
    const data = dataBuffer.subarray(0, Math.min(sliceBytes, numBytes - offset));
    const checksums = checksumBuffer.subarray(0, checksumsLength(checksum, data.length));
    const [dataRead, checksumsRead] = await Promise.all([
      files.readData(data, offset),
      files.readChecksums(checksums, offset),
    ]);
    if (dataRead < data.length) throw new DfsError('Corrupt', `the data file ends at ${offset + dataRead}`);
    if (checksumsRead < checksums.length) throw new DfsError('Corrupt', `the checksums end before offset ${offset}`);
    const bad = verifyChecksums(checksum, [data], checksums);
    if (bad >= 0) throw new DfsError('Corrupt', `wrong checksum at offset ${offset + bad * checksum.bytesPerChecksum}`);
    yield data.length;
  }
}

async function requireLengths(files: ReplicaFiles, numBytes: number): Promise<void> {
  const [dataSize, checksumCount] = await Promise.all([files.dataSize(), files.checksumCount()]);
  if (dataSize !== numBytes) {
    throw new DfsError('Corrupt', `the data file has ${dataSize} bytes instead of ${numBytes}`);
  }
  const expected = checksumsLength(files.checksum, numBytes) / CHECKSUM_SIZE_BYTES;
  if (checksumCount !== expected) {
    throw new DfsError('Corrupt', `the meta file has ${checksumCount} checksums instead of ${expected}`);
  }
}
