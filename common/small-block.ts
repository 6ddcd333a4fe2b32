/**
 * Whole small blocks on the wire: after the operation WRITE_SMALL_BLOCKS a connection carries one request for each block, and its answers, in
 * no order. Not HDFS's, which sets up a pipeline of new connections for each block; for a block of a few KiB that is most of the work.
 *
 * Numbers are big-endian. A text is its length in bytes (1 byte) and UTF-8.
 */
import type { Block } from './block.js';
import type { ByteReader } from './byte-reader.js';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec, checksumSpec, checksumsLength } from './checksum.js';
import { DfsError } from './errors.js';
import { isStatus, Status } from './status.js';
import { readWideInteger, writeWideInteger } from './wide-integers.js';

/** The longest block that may be written in this way, and, with its checksums, the longest request. */
export const SMALL_BLOCK_MAX_BYTES = 1024 * 1024;
const MAX_REQUEST_BYTES = 2 * SMALL_BLOCK_MAX_BYTES;
const MAX_ANSWER_BYTES = 8 * 1024;
const MAX_TEXT_BYTES = 255;
const MAX_TARGETS = 255;

const LENGTH_BYTES = 4;
/** Of a request, from its id to before the storage id. */
const FIXED_BYTES = 29;

/** Where a block goes after the node that is addressed. */
export interface SmallBlockTarget {
  readonly host: string;
  readonly dataPort: number;
  /** The storage that the NameNode chose there; '' leaves it to the node. */
  readonly storageId: string;
}

export interface SmallBlock {
  /** `numBytes` is the length of the data. */
  readonly block: Block;
  readonly checksum: ChecksumSpec;
  /** As in {@link SmallBlockTarget}, of the node that is addressed. */
  readonly storageId: string;
  /** In pipeline order. */
  readonly targets: readonly SmallBlockTarget[];
  readonly checksums: Buffer;
  readonly data: readonly Uint8Array[];
}

export interface SmallBlockRequest {
  readonly requestId: number;
  readonly smallBlock: SmallBlock;
}

export interface SmallBlockAnswer {
  readonly requestId: number;
  /** In pipeline order, the sender's own first; as many as have been heard of. */
  readonly statuses: readonly Status[];
  /** Why it failed, for people; '' when it did not. */
  readonly message: string;
}

/**
 *     +---------------+------------+----------+------------------+-------------+---------------+--------------------+
 *     | rest's length | request id | block id | generation stamp | data length | checksum type | bytes per checksum |
 *     | 4 bytes       | 4 bytes    | 8 bytes  | 8 bytes          | 4 bytes     | 1 byte        | 4 bytes            |
 *     +---------------+------------+----------+------------------+-------------+---------------+--------------------+
 *     +------------+-------------------+ - - - - - - - - - - - - - - - - - - - - +-----------+------+
 *     | storage id | number of targets | each: port, 2 bytes; host; storage id   | checksums | data |
 *     | text       | 1 byte            |       (text)  (text)                    |           |      |
 *     +------------+-------------------+ - - - - - - - - - - - - - - - - - - - - +-----------+------+
 */
export function encodeSmallBlock(requestId: number, smallBlock: SmallBlock): Uint8Array[] {
  const { block, checksum, storageId, targets, checksums, data } = smallBlock;
  if (targets.length > MAX_TARGETS) throw new RangeError(`${targets.length} targets of a small block`);
  let headerBytes = LENGTH_BYTES + FIXED_BYTES + textBytes(storageId) + 1;
  for (const target of targets) headerBytes += 2 + textBytes(target.host) + textBytes(target.storageId);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(headerBytes - LENGTH_BYTES + checksums.length + block.numBytes, 0);
  header.writeUInt32BE(requestId, 4);
  writeWideInteger(header, block.blockId, 8);
  writeWideInteger(header, block.generationStamp, 16);
  header.writeUInt32BE(block.numBytes, 24);
  header.writeUInt8(CHECKSUM_TYPE_NUMBERS[checksum.type], 28);
  header.writeUInt32BE(checksum.bytesPerChecksum, 29);
  let at = writeText(header, storageId, 33);
  at = header.writeUInt8(targets.length, at);
  for (const target of targets) {
    at = header.writeUInt16BE(target.dataPort, at);
    at = writeText(header, target.host, at);
    at = writeText(header, target.storageId, at);
  }
  return [header, checksums, ...data];
}

/**
 * The next request; null when the other side ended the connection before it. `timeoutMs` limits each wait for more bytes.
 * @throws DfsError `ProtocolViolation`, `ConnectionLost`, `Timeout`.
 */
export async function readSmallBlock(reader: ByteReader, timeoutMs: number): Promise<SmallBlockRequest | null> {
  const frame = await readFrame(reader, MAX_REQUEST_BYTES, timeoutMs);
  if (frame === null) return null;
  try {
    return decodeSmallBlock(frame, reader.peer);
  } catch (error) {
    if (error instanceof DfsError) throw error;
    throw violation(reader.peer, 'a request that ends early');
  }
}

/** @throws RangeError when it ends early; DfsError `ProtocolViolation`. */
function decodeSmallBlock(bytes: Buffer, peer: string): SmallBlockRequest {
  const requestId = bytes.readUInt32BE(0);
  const block = {
    blockId: readWideInteger(bytes, 4),
    generationStamp: readWideInteger(bytes, 12),
    numBytes: bytes.readUInt32BE(20),
  };
  const checksum = checksumSpec(bytes.readUInt8(24), bytes.readUInt32BE(25));
  const storageId = readText(bytes, 29);
  let at = storageId.end + 1;
  const targets: SmallBlockTarget[] = [];
  for (let missing = bytes.readUInt8(storageId.end); missing > 0; missing--) {
    const host = readText(bytes, at + 2);
    const targetStorageId = readText(bytes, host.end);
    const dataPort = bytes.readUInt16BE(at);
    if (dataPort === 0 || host.text === '') throw violation(peer, 'a target without an address');
    targets.push({ host: host.text, dataPort, storageId: targetStorageId.text });
    at = targetStorageId.end;
  }
  const dataAt = at + checksumsLength(checksum, block.numBytes);
  const isWhole = dataAt + block.numBytes === bytes.length;
  if (!isWhole || block.numBytes === 0 || block.blockId === 0 || block.numBytes > SMALL_BLOCK_MAX_BYTES)
    throw violation(peer, `a request of ${bytes.length} bytes for a block of ${block.numBytes} bytes`);
  const content = { checksums: bytes.subarray(at, dataAt), data: [bytes.subarray(dataAt)] };
  return { requestId, smallBlock: { block, checksum, storageId: storageId.text, targets, ...content } };
}

/**
 *     +---------------+------------+-----------------+-------------+- - - - - - - - - -
 *     | rest's length | request id | number of nodes | status each | message, UTF-8
 *     | 4 bytes       | 4 bytes    | 1 byte          | 1 byte      |
 *     +---------------+------------+-----------------+-------------+- - - - - - - - - -
 */
export function encodeSmallBlockAnswer({ requestId, statuses, message }: SmallBlockAnswer): Buffer {
  const text = Buffer.from(message).subarray(0, MAX_ANSWER_BYTES / 2);
  const answer = Buffer.allocUnsafe(LENGTH_BYTES + 5 + statuses.length + text.length);
  answer.writeUInt32BE(answer.length - LENGTH_BYTES, 0);
  answer.writeUInt32BE(requestId, 4);
  answer.writeUInt8(statuses.length, 8);
  answer.set(statuses, 9);
  answer.set(text, 9 + statuses.length);
  return answer;
}

/** As {@link readSmallBlock}. */
export async function readSmallBlockAnswer(reader: ByteReader, timeoutMs: number): Promise<SmallBlockAnswer | null> {
  const frame = await readFrame(reader, MAX_ANSWER_BYTES, timeoutMs);
  if (frame === null) return null;
  const count = frame.length < 5 ? 0 : frame.readUInt8(4);
  const statuses = [...frame.subarray(5, 5 + count)].filter(isStatus);
  if (count === 0 || statuses.length !== count) throw violation(reader.peer, 'an answer without valid statuses');
  return { requestId: frame.readUInt32BE(0), statuses, message: frame.toString('utf8', 5 + count) };
}

/** The place of the first node that has failed, or from which nothing was heard; undefined when all `nodes` have the block. */
export function firstFailed({ statuses }: SmallBlockAnswer, nodes: number): number | undefined {
  const failed = statuses.findIndex((status) => status !== Status.SUCCESS);
  if (failed >= 0) return failed;
  return statuses.length < nodes ? statuses.length : undefined;
}

async function readFrame(reader: ByteReader, maxBytes: number, timeoutMs: number): Promise<Buffer | null> {
  if (reader.available < LENGTH_BYTES && !(await reader.fill(LENGTH_BYTES, timeoutMs))) return null;
  const length = reader.takeBuffer(LENGTH_BYTES).readUInt32BE(0);
  if (length < 5 || length > maxBytes) throw violation(reader.peer, `a message of ${length} bytes`);
  return await reader.readBuffer(length, timeoutMs);
}

function textBytes(text: string): number {
  return 1 + Buffer.byteLength(text);
}

function writeText(target: Buffer, text: string, at: number): number {
  const length = Buffer.byteLength(text);
  if (length > MAX_TEXT_BYTES) throw new RangeError(`a text of ${length} bytes in the request for a small block`);
  target.writeUInt8(length, at);
  target.write(text, at + 1);
  return at + 1 + length;
}

function readText(bytes: Buffer, at: number): { readonly text: string; readonly end: number } {
  const end = at + 1 + bytes.readUInt8(at);
  if (end > bytes.length) throw new RangeError('a text that ends early');
  return { text: bytes.toString('utf8', at + 1, end), end };
}

function violation(peer: string, what: string): DfsError {
  return new DfsError('ProtocolViolation', `${peer} sent ${what}`);
}
