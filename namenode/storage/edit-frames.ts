/**
 * The bytes of an edit log's segment: a header, then one frame for each batch. All numbers are little-endian.
 *
 *     segment header                                        0         8        12        20           28       32
 *                                                           | magic   | layout | epoch   | first txid | crc32c |
 *
 *     frame       0        4        8            16      20
 *                 | length | crc32c | first txid | count | payload: JSON array of `count` edit records, `length` bytes
 *
 * The CRC of a frame covers all of it but the CRC. A frame is a whole batch, not a record: what one sync makes durable is valid or
 * torn as one, in whatever order the disk wrote its pages. So behind a torn frame there can be no valid one, and a valid one there
 * proves that the bytes before it were damaged later.
 */
import { crc32c } from '../../common/crc32c.js';
import { DfsError } from '../../common/errors.js';
import type { EditBatch } from './edit-log.js';
import type { EditRecord } from './edit-records.js';

export const SEGMENT_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 20;
/** More is never written at once, and a length beyond it is not believed. */
export const FRAME_PAYLOAD_BYTES_MAX = 256 * 2 ** 20;

const MAGIC = Buffer.from('DFSEDITS', 'latin1');
const EDITS_LAYOUT = 1;

export interface SegmentHeader {
  readonly epoch: number;
  readonly firstTxid: number;
}

export function encodeSegmentHeader({ epoch, firstTxid }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(EDITS_LAYOUT, 8);
  bytes.writeBigUInt64LE(BigInt(epoch), 12);
  bytes.writeBigUInt64LE(BigInt(firstTxid), 20);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** Undefined when the bytes are no header of this layout, or damaged. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(28) !== crc32c(bytes.subarray(0, 28))) return undefined;
  if (bytes.readUInt32LE(8) !== EDITS_LAYOUT) return undefined;
  return { epoch: Number(bytes.readBigUInt64LE(12)), firstTxid: Number(bytes.readBigUInt64LE(20)) };
}

/**
 * Header and payload of a frame, to be written one behind the other.
 * @throws DfsError `MessageTooLarge` when the batch is larger than a reader would believe.
 */
export function encodeFrame({ firstTxid, records }: EditBatch): Buffer[] {
  const payload = Buffer.from(JSON.stringify(records), 'utf8');
  if (payload.length > FRAME_PAYLOAD_BYTES_MAX) {
    throw new DfsError('MessageTooLarge', `a batch of ${records.length} edits takes ${payload.length} bytes`);
  }
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeBigUInt64LE(BigInt(firstTxid), 8);
  header.writeUInt32LE(records.length, 16);
  header.writeUInt32LE(frameCrc(header, payload), 4);
  return [header, payload];
}

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly crc: number;
  readonly firstTxid: number;
  readonly count: number;
}

/** Whatever 20 bytes say, true or not; {@link frameIsIntact} tells. */
export function decodeFrameHeader(bytes: Buffer): FrameHeader {
  return {
    payloadBytes: bytes.readUInt32LE(0),
    crc: bytes.readUInt32LE(4),
    firstTxid: Number(bytes.readBigUInt64LE(8)),
    count: bytes.readUInt32LE(16),
  };
}

/** `header` has {@link FRAME_HEADER_BYTES}, `payload` as many as the header says. */
export function frameIsIntact(header: Buffer, payload: Buffer): boolean {
  return header.readUInt32LE(4) === frameCrc(header, payload);
}

/** @throws DfsError `DamagedMetadata` when the payload, though intact, is not what its header says. */
export function decodeRecords(payload: Buffer, count: number): EditRecord[] {
  let records: unknown;
  try {
    records = JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new DfsError('DamagedMetadata', 'the records are not JSON', { cause });
  }
  if (!Array.isArray(records) || records.length !== count) {
    throw new DfsError('DamagedMetadata', `there are not ${count} records, as the header of the frame says`);
  }
  return records as EditRecord[];
}

function frameCrc(header: Buffer, payload: Buffer): number {
  return crc32c(payload, crc32c(header.subarray(8, FRAME_HEADER_BYTES), crc32c(header.subarray(0, 4))));
}
