/**
 * The journal of a file that is changed in place: one file of records, in which the bytes that programs have written stand themselves. A record says
 * what was done after all those before it, so that any beginning of a journal is a state that the file had.
 *
 *      0       4       8      12      16              24
 *     ┌───────┬───────┬───────┬───────┬───────────────┬──────────────────────┐
 *     │ CRC32C│ salt  │ kind  │ size  │ position      │ payload, size bytes  │    numbers are little endian
 *     └───────┴───────┴───────┴───────┴───────────────┴──────────────────────┘
 *
 * The CRC is over the record's place in the file and all that stands behind the CRC. All records of a journal have its salt, a random number: what a program
 * has written is never taken for a record, nor is what the disk had there before.
 *
 *     kind        position        payload
 *     1 base      0               the file before any change, as JSON; the first record, and only that
 *     2 write     in the file     the bytes
 *     3 length    the new one     none
 *     4 commit    0               the version that the file is about to get, as JSON
 */
import { crc32c } from '../../common/crc32c.js';
import type { ContentsVersion } from '../posix-namespace.js';

/** Of which file the journal tells, and what it was when it was opened. */
export interface StagingBase {
  readonly clusterId: string;
  readonly fileId: number;
  readonly version: ContentsVersion;
}

export type StagingRecord =
  | { readonly kind: 'base'; readonly base: StagingBase }
  | { readonly kind: 'write'; readonly position: number; readonly data: Buffer }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'commit'; readonly version: ContentsVersion };

export const RECORD_HEADER_BYTES = 24;
/** Longer writes become several records. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024;

const KINDS = { base: 1, write: 2, length: 3, commit: 4 } as const;
const NO_BYTES = Buffer.alloc(0);

/** The record's buffers, one behind the other, for the place `offset` in the journal. The payload of a write is not copied. */
export function encodeRecord(record: StagingRecord, salt: number, offset: number): Buffer[] {
  const payload = payloadOf(record);
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32LE(salt, 4);
  header.writeUInt32LE(KINDS[record.kind], 8);
  header.writeUInt32LE(payload.length, 12);
  header.writeBigUInt64LE(BigInt(positionOf(record)), 16);
  header.writeUInt32LE(checksum(header, payload, offset), 0);
  return payload.length === 0 ? [header] : [header, payload];
}

export interface DecodedRecord {
  readonly record: StagingRecord;
  readonly salt: number;
  /** Header and payload. */
  readonly bytes: number;
}

/**
 * The record that begins with `bytes`, at the place `offset` of the journal. A write's data are a part of `bytes`. `salt` is undefined for the first one.
 * Undefined where there is none, or one that a crash has torn.
 */
export function decodeRecord(bytes: Buffer, offset: number, salt: number | undefined): DecodedRecord | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined;
  const header = bytes.subarray(0, RECORD_HEADER_BYTES);
  const size = header.readUInt32LE(12);
  const ownSalt = header.readUInt32LE(4);
  if (size > PAYLOAD_BYTES_MAX || bytes.length < RECORD_HEADER_BYTES + size || ownSalt !== (salt ?? ownSalt))
    return undefined;
  const payload = bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + size);
  if (header.readUInt32LE(0) !== checksum(header, payload, offset)) return undefined;
  const record = toRecord(header.readUInt32LE(8), header.readBigUInt64LE(16), payload);
  if (record === undefined || (record.kind === 'base') !== (salt === undefined)) return undefined;
  return { record, salt: ownSalt, bytes: RECORD_HEADER_BYTES + size };
}

function checksum(header: Buffer, payload: Buffer, offset: number): number {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(offset));
  return crc32c(payload, crc32c(header.subarray(4), crc32c(place)));
}

function positionOf(record: StagingRecord): number {
  if (record.kind === 'write') return record.position;
  return record.kind === 'length' ? record.length : 0;
}

function payloadOf(record: StagingRecord): Buffer {
  if (record.kind === 'write') return record.data;
  if (record.kind === 'length') return NO_BYTES;
  return Buffer.from(JSON.stringify(record.kind === 'base' ? record.base : record.version));
}

function toRecord(kind: number, wirePosition: bigint, payload: Buffer): StagingRecord | undefined {
  const position = Number(wirePosition);
  if (!Number.isSafeInteger(position + payload.length)) return undefined;
  if (kind === KINDS.write) return { kind: 'write', position, data: payload };
  if (kind === KINDS.length) return { kind: 'length', length: position };
  const value = parsed(payload);
  if (kind === KINDS.base) return toBase(value);
  if (kind !== KINDS.commit || !isVersion(value)) return undefined;
  return { kind: 'commit', version: value };
}

function toBase(value: unknown): StagingRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { clusterId, fileId, version } = value as Partial<Record<keyof StagingBase, unknown>>;
  if (typeof clusterId !== 'string' || !isCount(fileId) || !isVersion(version)) return undefined;
  return { kind: 'base', base: { clusterId, fileId, version } };
}

function isVersion(value: unknown): value is ContentsVersion {
  if (typeof value !== 'object' || value === null) return false;
  const { length, blockIds, lastGenerationStamp } = value as Partial<Record<keyof ContentsVersion, unknown>>;
  return isCount(length) && isCount(lastGenerationStamp) && Array.isArray(blockIds) && blockIds.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}
