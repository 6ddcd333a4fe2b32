/**
 * Checksums of block data: one 4-byte CRC, big-endian, for each chunk of `bytesPerChecksum` bytes (the last chunk may be
 * shorter). The writer chooses type and chunk size; they are stored with the replica in the header of its .meta file.
 */
import { crc32 } from 'node:zlib';
import { totalLength } from './buffers.js';
import { crc32c } from './crc32c.js';
import { DfsError } from './errors.js';

export type ChecksumType = 'CRC32C' | 'CRC32' | 'NULL';

export interface ChecksumSpec {
  /** `NULL`: no checksums at all. */
  readonly type: ChecksumType;
  /** Size of a chunk, in bytes. */
  readonly bytesPerChecksum: number;
}

export const CHECKSUM_SIZE_BYTES = 4;

/** Chunks larger than this are refused: the smallest unit that can be read and verified has to fit in memory many times. */
export const MAX_BYTES_PER_CHECKSUM = 1024 * 1024;

type CrcFunction = (bytes: Uint8Array, previous: number) => number;

function crcFunction(type: Exclude<ChecksumType, 'NULL'>): CrcFunction {
  return type === 'CRC32C' ? crc32c : crc32;
}

/** Length in bytes of the checksums of `dataLength` bytes of data. */
export function checksumsLength(spec: ChecksumSpec, dataLength: number): number {
  return spec.type === 'NULL' ? 0 : Math.ceil(dataLength / spec.bytesPerChecksum) * CHECKSUM_SIZE_BYTES;
}

/** The checksums of `data`, which begins at a chunk's start. Chunks may reach over the edges of buffers. */
export function computeChecksums(spec: ChecksumSpec, data: readonly Uint8Array[]): Buffer {
  const checksums = Buffer.allocUnsafe(checksumsLength(spec, totalLength(data)));
  forEachChecksum(spec, data, (crc, index) => {
    checksums.writeUInt32BE(crc, index * CHECKSUM_SIZE_BYTES);
    return true;
  });
  return checksums;
}

/**
 * Compares `data`, which begins at a chunk's start, with its checksums: -1 when all are good, else the index of the first bad
 * chunk. With type NULL everything is good.
 * @throws DfsError `ProtocolViolation` when there are not as many checksums as chunks.
 */
export function verifyChecksums(spec: ChecksumSpec, data: readonly Uint8Array[], checksums: Buffer): number {
  const expectedLength = checksumsLength(spec, totalLength(data));
  if (checksums.length !== expectedLength) {
    throw new DfsError(
      'ProtocolViolation',
      `${checksums.length} bytes of checksums came with ${totalLength(data)} bytes of data in chunks of ` +
        `${spec.bytesPerChecksum}; they must be ${expectedLength}`,
    );
  }
  let bad = -1;
  forEachChecksum(spec, data, (crc, index) => {
    if (crc === checksums.readUInt32BE(index * CHECKSUM_SIZE_BYTES)) return true;
    bad = index;
    return false;
  });
  return bad;
}

/** Calls `visit` with the CRC and index of one chunk after the other until it returns false. */
function forEachChecksum(
  spec: ChecksumSpec,
  data: readonly Uint8Array[],
  visit: (crc: number, index: number) => boolean,
): void {
  if (spec.type === 'NULL') return;
  const crcOf = crcFunction(spec.type);
  let crc = 0;
  let missing = spec.bytesPerChecksum;
  let index = 0;
  for (const buffer of data) {
    let at = 0;
    while (at < buffer.length) {
      const end = Math.min(at + missing, buffer.length);
      crc = crcOf(buffer.subarray(at, end), crc);
      missing -= end - at;
      at = end;
      if (missing > 0) continue;
      if (!visit(crc, index++)) return;
      crc = 0;
      missing = spec.bytesPerChecksum;
    }
  }
  if (missing < spec.bytesPerChecksum) visit(crc, index);
}

/** Numbers of the types in .meta files and in protobuf messages (HDFS's). */
export const CHECKSUM_TYPE_NUMBERS = { NULL: 0, CRC32: 1, CRC32C: 2 } as const satisfies Record<ChecksumType, number>;

/** @throws DfsError `ProtocolViolation` for a type or a chunk size that this version does not know or refuses. */
export function checksumSpec(typeNumber: number, bytesPerChecksum: number): ChecksumSpec {
  const type = (['NULL', 'CRC32', 'CRC32C'] as const)[typeNumber];
  if (type === undefined) throw new DfsError('ProtocolViolation', `checksum type ${typeNumber} is not known`);
  if (!Number.isInteger(bytesPerChecksum) || bytesPerChecksum < 1 || bytesPerChecksum > MAX_BYTES_PER_CHECKSUM) {
    throw new DfsError(
      'ProtocolViolation',
      `a chunk of ${bytesPerChecksum} bytes per checksum is out of range: 1 to ${MAX_BYTES_PER_CHECKSUM}`,
    );
  }
  return { type, bytesPerChecksum };
}

const META_VERSION = 1;

export const META_HEADER_LENGTH = 7;

/**
 * The header of a replica's .meta file; the checksums follow it.
 *
 *     +---------------+------------+-----------------------------+- - - - - - - - - - -
 *     | version = 1   | type       | bytesPerChecksum            | checksums, 4 bytes each
 *     | 2 bytes       | 1 byte     | 4 bytes, big-endian         |
 *     +---------------+------------+-----------------------------+- - - - - - - - - - -
 */
export function encodeMetaHeader(spec: ChecksumSpec): Buffer {
  const header = Buffer.allocUnsafe(META_HEADER_LENGTH);
  header.writeUInt16BE(META_VERSION, 0);
  header.writeUInt8(CHECKSUM_TYPE_NUMBERS[spec.type], 2);
  header.writeUInt32BE(spec.bytesPerChecksum, 3);
  return header;
}

/** @throws DfsError `Corrupt` when the first bytes of a .meta file are not a header that this version can read. */
export function decodeMetaHeader(bytes: Buffer): ChecksumSpec {
  if (bytes.length < META_HEADER_LENGTH) {
    throw new DfsError('Corrupt', `a meta file of ${bytes.length} bytes has no complete header`);
  }
  const version = bytes.readUInt16BE(0);
  if (version !== META_VERSION) throw new DfsError('Corrupt', `meta file version ${version} is not known`);
  try {
    return checksumSpec(bytes.readUInt8(2), bytes.readUInt32BE(3));
  } catch (error) {
    throw new DfsError('Corrupt', 'the header of the meta file is damaged', { cause: error });
  }
}
