/** What a DataNode answers to an operation (data-transfer.ts), and what a reader tells it in the end. */
import { z } from 'zod';
import type { ByteReader } from './byte-reader.js';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec } from './checksum.js';
import {
  checksumMessage,
  checksumSchema,
  decodeMessage,
  encodeDelimited,
  messageType,
  toChecksumSpec,
} from './data-transfer-proto.js';
import { DfsError } from './errors.js';
import { type Status, statusSchema } from './status.js';

export interface BlockOpResponse {
  readonly status: Status;
  /** While a pipeline is set up: `host:port` of the node that could not be reached; '' or missing for none. */
  readonly firstBadLink?: string | undefined;
  /** For people: why it failed. */
  readonly message?: string | undefined;
  /** The answer to a readBlock that succeeded. */
  readonly readOpChecksumInfo?: ReadOpChecksumInfo | undefined;
  /** The answer to a blockChecksum that succeeded. */
  readonly checksumResponse?: BlockChecksum | undefined;
}

export interface ReadOpChecksumInfo {
  /** How the replica is checksummed. */
  readonly checksum: ChecksumSpec;
  /** Where in the block the first packet begins: the offset asked for, moved back to the start of its chunk. */
  readonly chunkOffset: number;
}

export interface BlockChecksum {
  /** How the replica is checksummed. */
  readonly checksum: ChecksumSpec;
  /** Number of chunks in the block. */
  readonly crcPerBlock: number;
  /** MD5 of the block's checksums, 16 bytes. */
  readonly md5: Buffer;
}

const MAX_RESPONSE_BYTES = 64 * 1024;
const MAX_READ_STATUS_BYTES = 64;

const int = z.int().nonnegative();

const readOpChecksumInfoSchema = z.object({ checksum: checksumSchema, chunkOffset: int });

const checksumResponseSchema = z
  .object({ bytesPerCrc: z.int(), crcPerBlock: int, md5: z.instanceof(Buffer), crcType: z.int() })
  .transform(
    ({ bytesPerCrc, crcPerBlock, md5, crcType }, context): BlockChecksum => ({
      checksum: toChecksumSpec(crcType, bytesPerCrc, context),
      crcPerBlock,
      md5,
    }),
  );

const responseSchema = z.object({
  status: statusSchema,
  firstBadLink: z.string(),
  message: z.string(),
  readOpChecksumInfo: readOpChecksumInfoSchema.nullable().transform((info) => info ?? undefined),
  checksumResponse: checksumResponseSchema.nullable().transform((response) => response ?? undefined),
});

const readStatusSchema = z.object({ status: statusSchema });

const responseType = messageType('BlockOpResponseProto');
const readStatusType = messageType('ClientReadStatusProto');

/** BlockOpResponseProto after its length as a varint. */
export function encodeBlockOpResponse({ readOpChecksumInfo, checksumResponse, ...rest }: BlockOpResponse): Buffer {
  return encodeDelimited(responseType, {
    ...rest,
    ...(readOpChecksumInfo && {
      readOpChecksumInfo: { ...readOpChecksumInfo, checksum: checksumMessage(readOpChecksumInfo.checksum) },
    }),
    ...(checksumResponse && {
      checksumResponse: {
        bytesPerCrc: checksumResponse.checksum.bytesPerChecksum,
        crcPerBlock: checksumResponse.crcPerBlock,
        md5: checksumResponse.md5,
        crcType: CHECKSUM_TYPE_NUMBERS[checksumResponse.checksum.type],
      },
    }),
  });
}

/** @throws DfsError `ConnectionLost` when the connection ends before it, `ProtocolViolation`, `Timeout`. */
export async function readBlockOpResponse(reader: ByteReader, timeoutMs: number): Promise<BlockOpResponse> {
  const bytes = await reader.readVarintDelimited(MAX_RESPONSE_BYTES, timeoutMs);
  if (bytes === null) {
    throw new DfsError('ConnectionLost', `${reader.peer} closed the connection instead of answering`);
  }
  return decodeMessage(responseType, responseSchema, bytes, reader.peer);
}

/** ClientReadStatusProto after its length as a varint: a reader's last word, after which the connection may be used again. */
export function encodeClientReadStatus(status: Status): Buffer {
  return encodeDelimited(readStatusType, { status });
}

/**
 * Null when the reader closed the connection instead, as it may at any time.
 * @throws DfsError `ProtocolViolation`, `ConnectionLost`, `Timeout`.
 */
export async function readClientReadStatus(reader: ByteReader, timeoutMs: number): Promise<Status | null> {
  const bytes = await reader.readVarintDelimited(MAX_READ_STATUS_BYTES, timeoutMs);
  return bytes === null ? null : decodeMessage(readStatusType, readStatusSchema, bytes, reader.peer).status;
}
