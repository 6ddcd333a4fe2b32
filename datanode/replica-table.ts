/**
 * The finalized replicas of a DataNode, up to some millions, at 32 bytes a slot: a hash table in typed arrays, of which
 * the garbage collector sees a few hundred objects instead of millions. The table is cut into shards by the hash of the
 * block id; each shard grows alone, so that no single insertion takes long.
 */
import type { Block } from '../common/block.js';

const SHARD_BITS = 10;
export const SHARD_COUNT = 2 ** SHARD_BITS;
const MIN_SLOTS = 8;
/** Numbers per slot: block id (0 means empty), generation stamp, length, volume. */
const STRIDE = 4;

export interface StoredReplica extends Block {
  readonly volume: number;
}

/** Spreads block ids, which count up, over 32 bits (the finalizer of MurmurHash3). */
function hash(blockId: number): number {
  let h = (blockId | 0) ^ Math.imul(Math.floor(blockId / 2 ** 32), 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

class Shard {
  size = 0;
  #slots = MIN_SLOTS;
  #cells = new Float64Array(MIN_SLOTS * STRIDE);

  get(blockId: number, hashed: number): StoredReplica | undefined {
    const at = this.#find(blockId, hashed);
    return this.#cells[at] === blockId ? this.#read(at) : undefined;
  }

  set(replica: StoredReplica, hashed: number): void {
    let at = this.#find(replica.blockId, hashed);
    if (this.#cells[at] === 0) {
      if ((this.size + 1) * 4 > this.#slots * 3) {
        this.#grow();
        at = this.#find(replica.blockId, hashed);
      }
      this.size++;
    }
    this.#write(at, replica);
  }

  /** Closes the gap by moving later entries of the same run back, so that no tombstones pile up. */
  delete(blockId: number, hashed: number): StoredReplica | undefined {
    let gap = this.#find(blockId, hashed);
    if (this.#cells[gap] !== blockId) return undefined;
    const removed = this.#read(gap);
    const end = this.#slots * STRIDE;
    for (let at = (gap + STRIDE) % end; this.#cells[at] !== 0; at = (at + STRIDE) % end) {
      const home = this.#home(hash(this.#cells[at] as number));
      const isBetween = gap < at ? home > gap && home <= at : home > gap || home <= at;
      if (isBetween) continue;
      this.#cells.copyWithin(gap, at, at + STRIDE);
      gap = at;
    }
    this.#cells.fill(0, gap, gap + STRIDE);
    this.size--;
    return removed;
  }

  *[Symbol.iterator](): Generator<StoredReplica> {
    for (let at = 0; at < this.#cells.length; at += STRIDE) {
      if (this.#cells[at] !== 0) yield this.#read(at);
    }
  }

  #home(hashed: number): number {
    return (hashed & (this.#slots - 1)) * STRIDE;
  }

  /** Index of the block's cell, or of the empty one where it would go. */
  #find(blockId: number, hashed: number): number {
    const end = this.#slots * STRIDE;
    let at = this.#home(hashed);
    while (this.#cells[at] !== 0 && this.#cells[at] !== blockId) at = (at + STRIDE) % end;
    return at;
  }

  #grow(): void {
    const old = [...this];
    this.#slots *= 2;
    this.#cells = new Float64Array(this.#slots * STRIDE);
    for (const replica of old) this.#write(this.#find(replica.blockId, hash(replica.blockId)), replica);
  }

  #read(at: number): StoredReplica {
    const cells = this.#cells;
    return {
      blockId: cells[at] as number,
      generationStamp: cells[at + 1] as number,
      numBytes: cells[at + 2] as number,
      volume: cells[at + 3] as number,
    };
  }

  #write(at: number, replica: StoredReplica): void {
    this.#cells[at] = replica.blockId;
    this.#cells[at + 1] = replica.generationStamp;
    this.#cells[at + 2] = replica.numBytes;
    this.#cells[at + 3] = replica.volume;
  }
}

/** Map from block id (at least 1) to the finalized replica of that block. */
export class ReplicaTable {
  readonly #shards: (Shard | undefined)[] = new Array<Shard | undefined>(SHARD_COUNT).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(blockId: number): StoredReplica | undefined {
    const hashed = hash(blockId);
    return this.#shards[shardOf(hashed)]?.get(blockId, hashed);
  }

  /** Adds the replica, or replaces the one of the same block. */
  set(replica: StoredReplica): void {
    const hashed = hash(replica.blockId);
    const index = shardOf(hashed);
    const shard = this.#shards[index] ?? new Shard();
    this.#shards[index] = shard;
    const before = shard.size;
    shard.set(replica, hashed);
    this.#size += shard.size - before;
  }

  /** Returns what was removed. */
  delete(blockId: number): StoredReplica | undefined {
    const hashed = hash(blockId);
    const removed = this.#shards[shardOf(hashed)]?.delete(blockId, hashed);
    if (removed !== undefined) this.#size--;
    return removed;
  }

  /**
   * The replicas of one of {@link SHARD_COUNT} shards, in no order: a slice of the whole that takes well under a
   * millisecond.
   */
  shard(index: number): Iterable<StoredReplica> {
    return this.#shards[index] ?? [];
  }
}

/** The shard comes from the upper bits of the hash, the slot within it from the lower ones. */
function shardOf(hashed: number): number {
  return hashed >>> (32 - SHARD_BITS);
}
