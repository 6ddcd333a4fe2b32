/** A range of a replica as packets. */
import { blockName } from '../common/block.js';
import type { ChecksumSpec } from '../common/checksum.js';
import { CHECKSUM_SIZE_BYTES, checksumsLength, verifyChecksums } from '../common/checksum.js';
import { DfsError } from '../common/errors.js';
import type { Packet } from '../common/packet.js';
import type { ReadableReplica } from './replica-store.js';

/** What is sent for a request: whole chunks, so that the reader can verify them. */
export interface ChunkRange {
  readonly startOffset: number;
  readonly endOffset: number;
}

/**
 * Checksums are read ahead of the data, this many bytes of them at a time: they are read seldom then, and a short read
 * stays cheap.
 */
const CHECKSUM_WINDOW_BYTES = 32 * 1024;

const NO_CHECKSUMS = Buffer.alloc(0);

/** @throws DfsError `InvalidArgument` when the replica does not have that range. */
export function chunkRange(replica: ReadableReplica, offset: number, length: number): ChunkRange {
  const { bytesPerChecksum } = replica.files.checksum;
  const end = offset + length;
  if (end > replica.visibleBytes) {
    throw new DfsError(
      'InvalidArgument',
      `Offset ${offset} and length ${length} do not match replica ${blockName(replica.block)} of ${replica.visibleBytes} bytes`,
    );
  }
  return {
    startOffset: offset - (offset % bytesPerChecksum),
    endOffset: Math.min(Math.ceil(end / bytesPerChecksum) * bytesPerChecksum, replica.numBytes),
  };
}

export interface PacketSourceOptions {
  readonly packetBytes: number;
  readonly withChecksums: boolean;
  /** Verify each packet: for a reader that is not going to do it. */
  readonly verify: boolean;
}

export class PacketSource {
  readonly #replica: ReadableReplica;
  readonly #options: PacketSourceOptions;
  readonly #range: ChunkRange;
  readonly #packetBytes: number;
  #offset: number;
  #seqno = 0;
  #checksums: Buffer = NO_CHECKSUMS;

  constructor(replica: ReadableReplica, range: ChunkRange, options: PacketSourceOptions) {
    const { bytesPerChecksum } = replica.files.checksum;
    this.#replica = replica;
    this.#options = options;
    this.#range = range;
    this.#packetBytes = Math.max(1, Math.floor(options.packetBytes / bytesPerChecksum)) * bytesPerChecksum;
    this.#offset = range.startOffset;
  }

  /**
   * The next packet; the last one is empty. One call at a time.
   * @throws DfsError `Corrupt` when the files do not have what they should have.
   */
  async next(): Promise<Packet> {
    const offset = this.#offset;
    const length = Math.min(this.#packetBytes, this.#range.endOffset - offset);
    const [data, checksums] = await Promise.all([this.#readData(offset, length), this.#takeChecksums(offset, length)]);
    this.#offset += length;
    if (this.#options.verify) this.#verify(offset, data, checksums);
    return {
      offsetInBlock: offset,
      seqno: this.#seqno++,
      last: length === 0,
      sync: false,
      checksums: this.#options.withChecksums ? checksums : NO_CHECKSUMS,
      data: length === 0 ? [] : [data],
      dataLength: length,
    };
  }

  get #spec(): ChecksumSpec {
    return this.#replica.files.checksum;
  }

  async #readData(offset: number, length: number): Promise<Buffer> {
    // Not from the pool, and not used again: the connection may still be sending it when the next one is read.
    const data = Buffer.allocUnsafeSlow(length);
    if (length > 0 && (await this.#replica.files.readData(data, offset)) < length) {
      throw this.#corrupt(`has no data at offset ${offset} any more`);
    }
    return data;
  }

  async #takeChecksums(offset: number, dataLength: number): Promise<Buffer> {
    const length = checksumsLength(this.#spec, dataLength);
    if (length === 0 || !(this.#options.withChecksums || this.#options.verify)) return NO_CHECKSUMS;
    if (this.#checksums.length < length) this.#checksums = await this.#readChecksums(offset, length);
    const taken = this.#checksums.subarray(0, length);
    this.#checksums = this.#checksums.subarray(length);
    return taken;
  }

  /** The checksums from that at `offset` on: at least `length` bytes, and more of them for later. */
  async #readChecksums(offset: number, length: number): Promise<Buffer> {
    const { endOffset } = this.#range;
    const remaining = checksumsLength(this.#spec, endOffset - offset);
    const window = Buffer.allocUnsafe(Math.min(remaining, Math.max(length, CHECKSUM_WINDOW_BYTES)));
    if ((await this.#replica.files.readChecksums(window, offset)) < window.length) {
      throw this.#corrupt(`has no checksums at offset ${offset}`);
    }
    const { lastChecksum, numBytes } = this.#replica;
    const reachesEnd = window.length === remaining && endOffset === numBytes;
    if (lastChecksum !== undefined && reachesEnd) lastChecksum.copy(window, window.length - CHECKSUM_SIZE_BYTES);
    return window;
  }

  #verify(offset: number, data: Buffer, checksums: Buffer): void {
    const bad = verifyChecksums(this.#spec, [data], checksums);
    if (bad >= 0) throw this.#corrupt(`has a checksum error at offset ${offset + bad * this.#spec.bytesPerChecksum}`);
  }

  #corrupt(what: string): DfsError {
    return new DfsError('Corrupt', `Replica ${blockName(this.#replica.block)} ${what}`);
  }
}

/**
 * Gives every packet of the source to `send`, reading the next one meanwhile; ends after the empty last one.
 * @throws whatever the source or `send` throws.
 */
export async function sendAllPackets(source: PacketSource, send: (packet: Packet) => Promise<void>): Promise<void> {
  let next = source.next();
  for (;;) {
    const packet = await next;
    if (packet.last) {
      await send(packet);
      return;
    }
    next = source.next();
    try {
      await send(packet);
    } catch (error) {
      await next.catch(() => {}); // the files must not be closed while they are read
      throw error;
    }
  }
}
