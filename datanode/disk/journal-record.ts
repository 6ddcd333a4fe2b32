/** Records of a replica journal (replica-journal.ts): each a whole replica with its checksums. */
import type { Block } from '../../common/block.js';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec, checksumSpec, checksumsLength } from '../../common/checksum.js';
import { crc32c } from '../../common/crc32c.js';
import { readWideInteger, writeWideInteger } from '../../common/wide-integers.js';

/** A replica that is known as a whole. */
export interface WholeReplica {
  /** `numBytes` is the length of the data. */
  readonly block: Block;
  readonly checksum: ChecksumSpec;
  readonly checksums: Buffer;
  readonly data: readonly Uint8Array[];
}

const MAGIC = Buffer.from('mhRJ');
const HEADER_BYTES = 40;
/** Where what the CRC covers begins. */
const COVERED_FROM = 8;
/** Records begin at multiples of this, so that the next good one behind a damaged one is found quickly. */
const ALIGNMENT = 8;

export function recordBytes({ block, checksums }: WholeReplica): number {
  return aligned(HEADER_BYTES + checksums.length + block.numBytes);
}

/**
 * Writes a record at the offset `at`, and returns the replica with its bytes in `target`.
 *
 *     +-------------+---------+-------------+---------------+-------+----------+------------------+
 *     | magic, mhRJ | CRC32C  | length      | checksum type | zeros | block id | generation stamp |
 *     | 4 bytes     | 4 bytes | 4 bytes     | 1 byte        | 3     | 8 bytes  | 8 bytes          |
 *     +-------------+---------+-------------+---------------+-------+----------+------------------+
 *     +--------------------+-------------+-----------+------+- - - - - - - - - - - - - - - - - - -
 *     | bytes per checksum | data length | checksums | data | zeros, up to a multiple of 8
 *     | 4 bytes            | 4 bytes     |           |      |
 *     +--------------------+-------------+-----------+------+- - - - - - - - - - - - - - - - - - -
 *
 * Length: of the record without the zeros at its end. The CRC covers everything behind itself up to there.
 */
export function writeRecord(target: Buffer, replica: WholeReplica, at: number): WholeReplica {
  const { block, checksum, checksums, data } = replica;
  const dataAt = at + HEADER_BYTES + checksums.length;
  const end = dataAt + block.numBytes;
  MAGIC.copy(target, at);
  target.writeUInt32BE(end - at, at + 8);
  target.fill(0, at + 12, at + 16);
  target.writeUInt8(CHECKSUM_TYPE_NUMBERS[checksum.type], at + 12);
  writeWideInteger(target, block.blockId, at + 16);
  writeWideInteger(target, block.generationStamp, at + 24);
  target.writeUInt32BE(checksum.bytesPerChecksum, at + 32);
  target.writeUInt32BE(block.numBytes, at + 36);
  target.set(checksums, at + HEADER_BYTES);
  let next = dataAt;
  for (const piece of data) {
    target.set(piece, next);
    next += piece.length;
  }
  target.fill(0, end, at + aligned(end - at));
  target.writeUInt32BE(crc32c(target.subarray(at + COVERED_FROM, end)), at + 4);
  return {
    block,
    checksum,
    checksums: target.subarray(at + HEADER_BYTES, dataAt),
    data: [target.subarray(dataAt, end)],
  };
}

export interface JournalContents {
  readonly replicas: readonly WholeReplica[];
  /** Bytes that belong to no good record; those behind the last one are an append that a crash cut off. */
  readonly damagedBytes: number;
}

/** All good records, also those behind damaged ones. */
export function readRecords(bytes: Buffer): JournalContents {
  const replicas: WholeReplica[] = [];
  let damagedBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const replica = recordAt(bytes, at);
    if (replica === undefined) {
      damagedBytes += Math.min(ALIGNMENT, bytes.length - at);
      at += ALIGNMENT;
    } else {
      replicas.push(replica);
      at += recordBytes(replica);
    }
  }
  return { replicas, damagedBytes };
}

function recordAt(bytes: Buffer, at: number): WholeReplica | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0)
    return undefined;
  const end = at + bytes.readUInt32BE(at + 8);
  if (end > bytes.length || end < at + HEADER_BYTES) return undefined;
  if (crc32c(bytes.subarray(at + COVERED_FROM, end)) !== bytes.readUInt32BE(at + 4)) return undefined;
  const checksum = checksumSpec(bytes.readUInt8(at + 12), bytes.readUInt32BE(at + 32));
  const block = {
    blockId: readWideInteger(bytes, at + 16),
    generationStamp: readWideInteger(bytes, at + 24),
    numBytes: bytes.readUInt32BE(at + 36),
  };
  const dataAt = at + HEADER_BYTES + checksumsLength(checksum, block.numBytes);
  if (dataAt + block.numBytes !== end) return undefined;
  return { block, checksum, checksums: bytes.subarray(at + HEADER_BYTES, dataAt), data: [bytes.subarray(dataAt, end)] };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
