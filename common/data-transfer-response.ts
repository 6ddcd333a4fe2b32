/** What a DataNode answers to an operation (data-transfer.ts), and what a reader tells it in the end. */
import type { ByteReader } from './byte-reader.js';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec } from './checksum.js';
import { checksumMessage, MessageCodec, readChecksum, toChecksumSpec } from './data-transfer-proto.js';
import { DfsError } from './errors.js';
import type { MessageFields } from './message-fields.js';
import { isStatus, type Status } from './status.js';

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
  /** The answer to a visibleLength that succeeded: undefined when the DataNode has no replica of the block. */
  readonly visibleBytes?: number | undefined;
  /** The answer to a blockLocalPath that succeeded. */
  readonly localPath?: BlockLocalPath | undefined;
}

/** Where a finalized replica lies on the DataNode's machine. */
export interface BlockLocalPath {
  /** Absolute. */
  readonly dataPath: string;
  readonly metaPath: string;
  /** {@link DiskFile.identity} of the data file. */
  readonly dataFile: string;
  /** Length of the replica. */
  readonly numBytes: number;
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

const MD5_LENGTH = 16;

const responseCodec = new MessageCodec('BlockOpResponseProto');
const readStatusCodec = new MessageCodec('ClientReadStatusProto');

/** BlockOpResponseProto after its length as a varint. */
export function encodeBlockOpResponse({
  readOpChecksumInfo,
  checksumResponse,
  visibleBytes,
  ...rest
}: BlockOpResponse): Buffer {
  return responseCodec.encodeDelimited({
    ...rest,
    ...(readOpChecksumInfo && {
      readOpChecksumInfo: { ...readOpChecksumInfo, checksum: checksumMessage(readOpChecksumInfo.checksum) },
    }),
    ...(visibleBytes !== undefined && { visibleLength: { bytes: visibleBytes } }),
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
  const fields = responseCodec.decode(bytes, reader.peer);
  const readInfo = fields.optionalMessage('readOpChecksumInfo');
  const checksumResponse = fields.optionalMessage('checksumResponse');
  const localPath = fields.optionalMessage('localPath');
  return {
    status: fields.enumValue('status', isStatus),
    firstBadLink: fields.string('firstBadLink'),
    message: fields.string('message'),
    readOpChecksumInfo: readInfo && {
      checksum: readChecksum(readInfo, 'checksum'),
      chunkOffset: readInfo.integer('chunkOffset'),
    },
    checksumResponse: checksumResponse && toBlockChecksum(checksumResponse),
    visibleBytes: fields.optionalMessage('visibleLength')?.integer('bytes'),
    localPath: localPath && toLocalPath(localPath),
  };
}

function toLocalPath(fields: MessageFields): BlockLocalPath {
  return {
    dataPath: fields.nonEmptyString('dataPath'),
    metaPath: fields.nonEmptyString('metaPath'),
    dataFile: fields.nonEmptyString('dataFile'),
    numBytes: fields.integer('numBytes'),
  };
}

function toBlockChecksum(fields: MessageFields): BlockChecksum {
  const md5 = fields.bytes('md5');
  if (md5.length !== MD5_LENGTH) throw fields.refuse('md5', `has ${md5.length} bytes; it must have ${MD5_LENGTH}`);
  return {
    checksum: toChecksumSpec(fields, 'crcType', fields.integer('crcType'), fields.integer('bytesPerCrc')),
    crcPerBlock: fields.integer('crcPerBlock'),
    md5,
  };
}

/** ClientReadStatusProto after its length as a varint: a reader's last word, after which the connection may be used again. */
export function encodeClientReadStatus(status: Status): Buffer {
  return readStatusCodec.encodeDelimited({ status });
}

/**
 * Null when the reader closed the connection instead, as it may at any time.
 * @throws DfsError `ProtocolViolation`, `ConnectionLost`, `Timeout`.
 */
export async function readClientReadStatus(reader: ByteReader, timeoutMs: number): Promise<Status | null> {
  const bytes = await reader.readVarintDelimited(MAX_READ_STATUS_BYTES, timeoutMs);
  return bytes === null ? null : readStatusCodec.decode(bytes, reader.peer).enumValue('status', isStatus);
}
