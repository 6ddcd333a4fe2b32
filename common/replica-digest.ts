/**
 * A short digest of a set of replicas, which does not depend on their order. A DataNode sends the digest of what it holds, the
 * NameNode keeps the digest of what it believes the DataNode to hold; only where they differ is a full block report needed.
 *
 * The digest is the XOR of a 64-bit hash of each replica, so adding and removing are the same cheap step. It finds accidents,
 * not attacks: two different sets that happen to be equal are as likely as 1 in 2^64.
 */
import type { Block } from './block.js';

const DIGEST_LENGTH = 8;

const TWO_TO_32 = 2 ** 32;

export class ReplicaDigest {
  #high = 0;
  #low = 0;

  add(block: Block): void {
    this.#toggle(block);
  }

  /** The block must be in the set, with the same stamp and length. */
  remove(block: Block): void {
    this.#toggle(block);
  }

  /** 8 bytes; of the empty set all zero. */
  toBytes(): Buffer {
    const bytes = Buffer.allocUnsafe(DIGEST_LENGTH);
    bytes.writeInt32BE(this.#high, 0);
    bytes.writeInt32BE(this.#low, 4);
    return bytes;
  }

  /** @throws RangeError unless there are 8 bytes. */
  static fromBytes(bytes: Uint8Array): ReplicaDigest {
    if (bytes.length !== DIGEST_LENGTH) {
      throw new RangeError(`a replica digest has ${DIGEST_LENGTH} bytes, not ${bytes.length}`);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, DIGEST_LENGTH);
    const digest = new ReplicaDigest();
    digest.#high = view.getInt32(0);
    digest.#low = view.getInt32(4);
    return digest;
  }

  equals(other: ReplicaDigest): boolean {
    return this.#high === other.#high && this.#low === other.#low;
  }

  #toggle(block: Block): void {
    this.#high ^= hash(block, 0x9e3779b9);
    this.#low ^= hash(block, 0x85ebca6b);
  }
}

/** 32 bits of hash over the six 32-bit halves of the three numbers (53 bits each). */
function hash(block: Block, seed: number): number {
  let state = mixNumber(seed, block.blockId);
  state = mixNumber(state, block.generationStamp);
  return mixNumber(state, block.numBytes);
}

function mixNumber(state: number, value: number): number {
  return mix(mix(state, value % TWO_TO_32), Math.floor(value / TWO_TO_32));
}

/** MurmurHash3's finalizer: each bit of state and word reaches each bit of the result. The constant keeps 0 from staying 0. */
function mix(state: number, word: number): number {
  let bits = ((state ^ word) + 0x7ed55d16) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
