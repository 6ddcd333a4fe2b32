/**
 * Cuts the bytes of one block into packets.
 *
 * A packet begins at the start of a chunk, always. When a flush sends the beginning of a chunk, the next packet repeats these bytes,
 * so that every packet's checksums are those that belong on disk, and a DataNode only ever replaces the last checksum it has.
 */
import type { ChecksumSpec } from '../common/checksum.js';
import { computeChecksums } from '../common/checksum.js';
import type { Packet } from '../common/packet.js';
import type { BufferPool } from './buffer-pool.js';

export interface OutgoingPacket extends Packet {
  /** The buffer that holds all of its data and nothing else, to be used again once the packet is acknowledged. */
  readonly copiedInto?: Buffer | undefined;
}

export interface PacketBuilderOptions {
  readonly checksum: ChecksumSpec;
  /** Data bytes of a full packet; rounded down to whole chunks, but at least one. */
  readonly packetSize: number;
  /** The block is full at this length. */
  readonly blockSize: number;
  /** Where full packets are copied to. */
  readonly buffers: BufferPool;
  /** For append: the bytes that the block has in its last, partly filled chunk. */
  readonly tail?: Buffer;
  /** For append: the block's length so far. */
  readonly length?: number;
}

/** Handed-over pieces smaller than this are copied: a packet of many tiny buffers costs more than the copy. */
const KEEP_FROM_BYTES = 8 * 1024;
/** The least that is allocated for copies. Small files do not need as much as a full packet has. */
const COPY_BUFFER_BYTES = 64 * 1024;

const NO_BYTES = Buffer.alloc(0);

export class PacketBuilder {
  readonly #checksum: ChecksumSpec;
  readonly #packetBytes: number;
  readonly #blockSize: number;
  #nextSeqno = 0;
  /** The packet that is being filled: where it begins, its bytes, how many, and how many of them no packet has carried yet. */
  #offset: number;
  #data: Buffer[] = [];
  #dataLength = 0;
  #freshLength = 0;
  readonly #buffers: BufferPool;
  #copyBuffer: Buffer = NO_BYTES;
  /** The part of it that is not used yet. */
  #copyRoom: Buffer = NO_BYTES;

  constructor(options: PacketBuilderOptions) {
    const { bytesPerChecksum } = options.checksum;
    const { tail = NO_BYTES, length = 0 } = options;
    this.#checksum = options.checksum;
    this.#packetBytes = Math.max(1, Math.floor(options.packetSize / bytesPerChecksum)) * bytesPerChecksum;
    this.#blockSize = options.blockSize;
    this.#buffers = options.buffers;
    this.#offset = length - tail.length;
    if (tail.length > 0) {
      this.#data.push(tail);
      this.#dataLength = tail.length;
    }
  }

  /** Bytes of the block so far. */
  get length(): number {
    return this.#offset + this.#dataLength;
  }

  /** Bytes that fit into the block yet. */
  get room(): number {
    return this.#blockSize - this.length;
  }

  /** Number of the last packet so far; -1 before the first. */
  get lastSeqno(): number {
    return this.#nextSeqno - 1;
  }

  /**
   * Adds `bytes`, at most {@link room}; returns the packets that are full now. `owned`: the bytes will not be changed by anyone,
   * so that the packets may refer to them.
   */
  append(bytes: Uint8Array, owned: boolean): OutgoingPacket[] {
    const full: OutgoingPacket[] = [];
    for (let at = 0; at < bytes.length; ) {
      const take = Math.min(bytes.length - at, this.#packetBytes - this.#dataLength);
      this.#take(bytes.subarray(at, at + take), owned);
      at += take;
      if (this.#dataLength === this.#packetBytes) full.push(this.#buildFull());
    }
    return full;
  }

  /** What no packet has carried yet, as a packet; undefined when there is nothing and no sync is asked for. */
  flush(sync: boolean): OutgoingPacket | undefined {
    return this.#freshLength === 0 && !sync ? undefined : this.#build(sync);
  }

  /** The empty packet that ends the block; everything else must have been flushed. */
  end(): OutgoingPacket {
    return {
      offsetInBlock: this.length,
      seqno: this.#nextSeqno++,
      last: true,
      sync: false,
      checksums: NO_BYTES,
      data: [],
      dataLength: 0,
    };
  }

  #take(piece: Uint8Array, owned: boolean): void {
    if (owned && piece.length >= KEEP_FROM_BYTES) {
      this.#data.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    } else {
      this.#copy(piece);
    }
    this.#dataLength += piece.length;
    this.#freshLength += piece.length;
  }

  #copy(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#copyRoom.length === 0) this.#copyRoom = this.#copyBuffer = this.#newCopyBuffer(piece.length - at);
      const part = piece.subarray(at, at + this.#copyRoom.length);
      this.#copyRoom.set(part);
      this.#addCopied(this.#copyRoom.subarray(0, part.length));
      this.#copyRoom = this.#copyRoom.subarray(part.length);
      at += part.length;
    }
  }

  #newCopyBuffer(wantedBytes: number): Buffer {
    const isFirstPacket = this.#offset < this.#packetBytes;
    if (!isFirstPacket && this.#packetBytes <= this.#buffers.bufferBytes) {
      return this.#buffers.take().subarray(0, this.#packetBytes);
    }
    return Buffer.allocUnsafeSlow(Math.min(Math.max(wantedBytes, COPY_BUFFER_BYTES), this.#packetBytes));
  }

  /** Joins a copied piece to the one before it when both lie side by side in one buffer. */
  #addCopied(piece: Buffer): void {
    const before = this.#data.at(-1);
    if (
      before !== undefined &&
      before.buffer === piece.buffer &&
      before.byteOffset + before.length === piece.byteOffset
    ) {
      this.#data[this.#data.length - 1] = Buffer.from(piece.buffer, before.byteOffset, before.length + piece.length);
    } else {
      this.#data.push(piece);
    }
  }

  #buildFull(): OutgoingPacket {
    const [only] = this.#data;
    const isOneCopy = this.#data.length === 1 && only?.buffer === this.#copyBuffer.buffer;
    const copiedInto = isOneCopy ? Buffer.from(only.buffer) : undefined;
    // The next packet begins with a buffer of its own, so that it can be used again as a whole.
    this.#copyRoom = NO_BYTES;
    return { ...this.#build(false), copiedInto };
  }

  #build(sync: boolean): OutgoingPacket {
    const packet: OutgoingPacket = {
      offsetInBlock: this.#offset,
      seqno: this.#nextSeqno++,
      last: false,
      sync,
      checksums: computeChecksums(this.#checksum, this.#data),
      data: this.#data,
      dataLength: this.#dataLength,
    };
    const tailLength = this.#dataLength % this.#checksum.bytesPerChecksum;
    this.#data = tailLength === 0 ? [] : lastBytes(this.#data, tailLength);
    this.#offset += this.#dataLength - tailLength;
    this.#dataLength = tailLength;
    this.#freshLength = 0;
    return packet;
  }
}

function lastBytes(buffers: readonly Buffer[], length: number): Buffer[] {
  const found: Buffer[] = [];
  let missing = length;
  for (let i = buffers.length - 1; missing > 0; i--) {
    const buffer = buffers[i] as Buffer;
    const part = buffer.subarray(Math.max(0, buffer.length - missing));
    found.unshift(part);
    missing -= part.length;
  }
  return found;
}
