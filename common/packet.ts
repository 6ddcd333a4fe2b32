/**
 * Packets: how block data travels between clients and DataNodes once an operation has been answered, and the acknowledgements
 * that come back along a write pipeline. HDFS's format; proto/data-transfer.md tells the whole story.
 */
import type { ByteReader } from './byte-reader.js';
import { MessageCodec } from './data-transfer-proto.js';
import { DfsError } from './errors.js';
import { isStatus, type Status } from './status.js';

export interface Packet {
  /** Where the data begins in the block, in bytes. */
  readonly offsetInBlock: number;
  /** Counts up from 0 within one operation; {@link HEARTBEAT_SEQNO} for a packet that only keeps the connection alive. */
  readonly seqno: number;
  /** The last packet of an operation; it has no data. */
  readonly last: boolean;
  /** The DataNodes sync data and checksums to disk before they acknowledge this packet. */
  readonly sync: boolean;
  /** One for each chunk of the data (checksum.ts); empty when none were asked for. */
  readonly checksums: Buffer;
  readonly data: readonly Buffer[];
  /** Sum of the lengths of {@link data}. */
  readonly dataLength: number;
}

export interface ReceivedPacket extends Packet {
  /** Exactly the bytes that were received, to be forwarded without being encoded again. */
  readonly wire: readonly Buffer[];
  /**
   * Gives the packet's memory back, to be received into again, which spares a busy receiver a third of its processor time. For
   * those who know that nobody will look at wire, checksums or data any more: what was handed to a channel or to the disk is
   * still looked at until the other side has acknowledged it, or the disk has answered. Whoever does not know leaves it to
   * the garbage collector.
   */
  release(): void;
}

export interface PacketLimits {
  /** Limit of checksums and data of one packet together. */
  readonly maxPayloadBytes: number;
}

export const DEFAULT_PACKET_LIMITS: PacketLimits = { maxPayloadBytes: 16 * 1024 * 1024 };

export const HEARTBEAT_SEQNO = -1;

/** An ack that belongs to no packet: a DataNode has something to tell in between ("out of band"). HDFS: UNKOWN_SEQNO. */
export const OUT_OF_BAND_SEQNO = -2;

/** Payload length and header length. */
const LENGTHS_LENGTH = 6;
const PAYLOAD_LENGTH_LENGTH = 4;
const HEADER_LENGTH = 25;
const HEADER_LENGTH_WITH_SYNC = 27;

/** Tags of PacketHeaderProto's fields: (field number << 3) | wire type. */
const TAG_OFFSET_IN_BLOCK = (1 << 3) | 1;
const TAG_SEQNO = (2 << 3) | 1;
const TAG_LAST = 3 << 3;
const TAG_DATA_LENGTH = (4 << 3) | 5;
const TAG_SYNC = 5 << 3;

const TWO_TO_32 = 2 ** 32;

/**
 * The packet as buffers to be written in this order; checksums and data are passed on, not copied.
 *
 *     +----------------+---------------+-------------------+------------------------+-----------------+
 *     | payload length | header length | PacketHeaderProto | checksums              | data            |
 *     | 4 bytes        | 2 bytes       | 25 or 27 bytes    | 4 bytes for each chunk | dataLen bytes   |
 *     +----------------+---------------+-------------------+------------------------+-----------------+
 *       = 4 + checksums + data (the 4 are these bytes themselves); all numbers here are big-endian
 *
 * PacketHeaderProto, fixed in size because its numbers are (protobuf's are little-endian):
 *
 *     +----+-----------------+----+-----------+----+------+----+----------+ - - - - - - +
 *     | 09 | offsetInBlock   | 11 | seqno     | 18 | last | 25 | dataLen  | 28 | sync=1 |
 *     |    | sfixed64        |    | sfixed64  |    | bool |    | sfixed32 |    | bool   |
 *     +----+-----------------+----+-----------+----+------+----+----------+ - - - - - - +
 *
 * The last field is there only when it is true, as HDFS does it for the sake of old receivers.
 */
export function encodePacket(packet: Packet): Buffer[] {
  const headerLength = packet.sync ? HEADER_LENGTH_WITH_SYNC : HEADER_LENGTH;
  const header = Buffer.allocUnsafe(LENGTHS_LENGTH + headerLength);
  header.writeUInt32BE(PAYLOAD_LENGTH_LENGTH + packet.checksums.length + packet.dataLength, 0);
  header.writeUInt16BE(headerLength, 4);
  header[6] = TAG_OFFSET_IN_BLOCK;
  writeInt64LE(header, packet.offsetInBlock, 7);
  header[15] = TAG_SEQNO;
  writeInt64LE(header, packet.seqno, 16);
  header[24] = TAG_LAST;
  header[25] = packet.last ? 1 : 0;
  header[26] = TAG_DATA_LENGTH;
  header.writeInt32LE(packet.dataLength, 27);
  if (packet.sync) {
    header[31] = TAG_SYNC;
    header[32] = 1;
  }
  return packet.checksums.length === 0 ? [header, ...packet.data] : [header, packet.checksums, ...packet.data];
}

/**
 * The next packet. `timeoutMs` limits each wait for more bytes. That there are as many checksums as chunks is for
 * verifyChecksums to say, which knows the chunk size.
 * @throws DfsError `ProtocolViolation` when what comes is no packet, or one beyond the limits; `ConnectionLost`, `Timeout`.
 */
export async function readPacket(reader: ByteReader, limits: PacketLimits, timeoutMs: number): Promise<ReceivedPacket> {
  if (reader.available < LENGTHS_LENGTH) await reader.fillOrThrow(LENGTHS_LENGTH, timeoutMs);
  const payloadLength = peekUInt(reader, 0, 4) - PAYLOAD_LENGTH_LENGTH;
  const headerLength = peekUInt(reader, 4, 2);
  if (payloadLength < 0 || payloadLength > limits.maxPayloadBytes) {
    throw violation(reader, `a payload of ${payloadLength} bytes (0 to ${limits.maxPayloadBytes} are allowed)`);
  }
  if (headerLength !== HEADER_LENGTH && headerLength !== HEADER_LENGTH_WITH_SYNC) {
    throw violation(reader, `a packet header of ${headerLength} bytes`);
  }
  const prefixLength = LENGTHS_LENGTH + headerLength;
  if (reader.available < prefixLength + payloadLength) {
    await reader.fillOrThrow(prefixLength + payloadLength, timeoutMs);
  }
  const prefix = reader.takeBuffer(prefixLength);
  const header = decodeHeader(reader, prefix.subarray(LENGTHS_LENGTH));
  if (header.dataLength < 0 || header.dataLength > payloadLength) {
    throw violation(reader, `${header.dataLength} bytes of data in a payload of ${payloadLength}`);
  }
  if (header.last && header.dataLength > 0) {
    throw violation(reader, `${header.dataLength} bytes of data in the last packet, which must be empty`);
  }
  const checksums = reader.takeBuffer(payloadLength - header.dataLength);
  const data = reader.take(header.dataLength);
  const wire = checksums.length === 0 ? [prefix, ...data] : [prefix, checksums, ...data];
  return { ...header, checksums, data, wire, release: once(() => reader.recycle(wire)) };
}

/** Memory that is given back twice would be used by two at a time. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

type Header = Omit<Packet, 'checksums' | 'data'>;

function decodeHeader(reader: ByteReader, bytes: Buffer): Header {
  const isPlain =
    bytes[0] === TAG_OFFSET_IN_BLOCK &&
    bytes[9] === TAG_SEQNO &&
    bytes[18] === TAG_LAST &&
    bytes[20] === TAG_DATA_LENGTH &&
    (bytes.length === HEADER_LENGTH || bytes[25] === TAG_SYNC);
  if (!isPlain) throw violation(reader, 'a packet header that is not one');
  const offsetInBlock = readInt64LE(bytes, 1);
  const seqno = readInt64LE(bytes, 10);
  if (!Number.isSafeInteger(offsetInBlock) || offsetInBlock < 0) {
    throw violation(reader, `a packet at offset ${offsetInBlock} of its block`);
  }
  if (!Number.isSafeInteger(seqno) || seqno < HEARTBEAT_SEQNO) {
    throw violation(reader, `a packet with sequence number ${seqno}`);
  }
  return {
    offsetInBlock,
    seqno,
    last: bytes[19] !== 0,
    sync: bytes.length > HEADER_LENGTH && bytes[26] !== 0,
    dataLength: bytes.readInt32LE(21),
  };
}

function violation(reader: ByteReader, what: string): DfsError {
  return new DfsError('ProtocolViolation', `${reader.peer} sent ${what}`);
}

function peekUInt(reader: ByteReader, from: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + reader.peekByte(from + i);
  return value;
}

function writeInt64LE(target: Buffer, value: number, at: number): void {
  target.writeInt32LE(value | 0, at);
  target.writeInt32LE(Math.floor(value / TWO_TO_32), at + 4);
}

function readInt64LE(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readInt32LE(at + 4) * TWO_TO_32;
}

/** How one packet fared at each DataNode of a pipeline. */
export interface PipelineAck {
  /** The packet's number, or {@link OUT_OF_BAND_SEQNO}. */
  readonly seqno: number;
  /** In pipeline order, the status of the DataNode that sends the ack first. */
  readonly reply: readonly Status[];
  /** Which of them took long over it; undefined when none did, or none tells. */
  readonly slow?: readonly boolean[];
}

const ackCodec = new MessageCodec('PipelineAckProto');

/** An ack has a few bytes for each DataNode; HDFS's replication limit is 512. */
const MAX_ACK_BYTES = 8 * 1024;

/** A flag has the status again, and whether the DataNode is slow: HDFS's PipelineAck.StatusFormat. */
const SLOW_SHIFT = 7;
const SLOW_MASK = 3;
const Speed = { NORMAL: 1, SLOW: 2 } as const;

export function encodeAck({ seqno, reply, slow }: PipelineAck): Buffer {
  if (slow === undefined) return ackCodec.encodeDelimited({ seqno, reply });
  const flag = reply.map((status, index) => status | ((slow[index] ? Speed.SLOW : Speed.NORMAL) << SLOW_SHIFT));
  return ackCodec.encodeDelimited({ seqno, reply, flag });
}

/**
 * The next ack; null when the stream ended before it.
 * @throws DfsError `ProtocolViolation`, `ConnectionLost`, `Timeout`.
 */
export async function readAck(reader: ByteReader, timeoutMs: number): Promise<PipelineAck | null> {
  const bytes = await reader.readVarintDelimited(MAX_ACK_BYTES, timeoutMs);
  if (bytes === null) return null;
  const fields = ackCodec.decode(bytes, reader.peer);
  const ack = { seqno: fields.integer('seqno', OUT_OF_BAND_SEQNO), reply: fields.enumValues('reply', isStatus) };
  const slow = fields.integers('flag').map((flag) => ((flag >> SLOW_SHIFT) & SLOW_MASK) === Speed.SLOW);
  return slow.length === ack.reply.length && slow.includes(true) ? { ...ack, slow } : ack;
}
