import type { ChecksumSpec } from '../common/checksum.js';
import { computeChecksums } from '../common/checksum.js';
import type { Packet } from '../common/packet.js';

const NO_CHECKSUMS = Buffer.alloc(0);

/** Cuts the bytes of one block, as they come, into packets of whole chunks. */
export class Packetizer {
  readonly #checksum: ChecksumSpec;
  readonly #packetBytes: number;
  #data: Buffer[] = [];
  #dataLength = 0;
  #offset = 0;
  #seqno = 0;

  /** `packetBytes` is rounded down to whole chunks. */
  constructor(checksum: ChecksumSpec, packetBytes: number) {
    this.#checksum = checksum;
    this.#packetBytes = Math.max(1, Math.floor(packetBytes / checksum.bytesPerChecksum)) * checksum.bytesPerChecksum;
  }

  /** Takes bytes, which must not be changed afterwards; gives the packets that are full now. */
  *add(bytes: Buffer): Generator<Packet> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#packetBytes - this.#dataLength);
      this.#data.push(piece);
      this.#dataLength += piece.length;
      at += piece.length;
      if (this.#dataLength === this.#packetBytes) yield this.#packet(false);
    }
  }

  /** What is left, and the empty packet that ends the block. */
  *end(): Generator<Packet> {
    if (this.#dataLength > 0) yield this.#packet(false);
    yield this.#packet(true);
  }

  /** Bytes of the block that are in packets. */
  get offset(): number {
    return this.#offset;
  }

  #packet(last: boolean): Packet {
    const [data, dataLength] = [this.#data, this.#dataLength];
    const packet = {
      offsetInBlock: this.#offset,
      seqno: this.#seqno++,
      last,
      sync: false,
      checksums: last ? NO_CHECKSUMS : computeChecksums(this.#checksum, data),
      data,
      dataLength,
    };
    this.#offset += dataLength;
    this.#data = [];
    this.#dataLength = 0;
    return packet;
  }
}
