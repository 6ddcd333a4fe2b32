/** Memory that a socket receives into. */

/** Room for a small file with all that belongs to it. Not more: V8 collects garbage by the memory that was taken, used or not. */
const FIRST_SLAB_BYTES = 16 * 1024;
const FULL_SLAB_BYTES = 1024 * 1024;

/** A slab is given up when less than this part of it, or less than this, is free: small reads would follow. */
const MIN_FREE_PART = 1 / 16;
const MIN_FREE_BYTES = 4 * 1024;

/** 32 MiB: what the pipelines of a busy DataNode have under way at one time. */
const MAX_FREE_SLABS = 32;

/** Slabs of full size that are free to be used again; shared by all connections of a network. */
export class SlabPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(FULL_SLAB_BYTES);
  }

  give(slab: Buffer): void {
    if (slab.length === FULL_SLAB_BYTES && this.#free.length < MAX_FREE_SLABS) this.#free.push(slab);
  }
}

interface Usage {
  readonly slab: Buffer;
  /** Bytes that were received and not given back. */
  heldBytes: number;
  /** Nothing more is received into it. */
  full: boolean;
}

/**
 * Hands out room for one read after the other from large pieces of memory (slabs), so that a packet lies in one or two buffers,
 * and so that its memory can be used again. With Node's own way, 64 KiB newly allocated for each read, neither is possible, and
 * collecting that garbage costs a receiving node more than all else it does with a packet (docs/decisions/0007).
 *
 * What was received stays as it is for as long as someone holds it, and is freed when nobody does, unless it is given back by
 * {@link recycle} before: then its slab is used again. Each slab is twice as large as the one before it, so connections with
 * little traffic take little memory.
 */
export class ReceiveSlab {
  readonly #pool: SlabPool;
  /** By the memory of the slab. Weak: a slab of which something is never given back must still go away. */
  readonly #usages = new WeakMap<ArrayBufferLike, Usage>();
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  /** Room for the next read. Repeated without {@link take}, it may be the same. */
  room(): Buffer {
    const minFree = Math.max(MIN_FREE_BYTES, this.#slab.length * MIN_FREE_PART);
    if (this.#slab.length - this.#used <= minFree) this.#nextSlab();
    return this.#slab.subarray(this.#used);
  }

  /** What a read has put at the beginning of the room. */
  take(length: number): Buffer {
    const start = this.#used;
    this.#used += length;
    const usage = this.#usages.get(this.#slab.buffer);
    if (usage !== undefined) usage.heldBytes += length;
    return this.#slab.subarray(start, this.#used);
  }

  /**
   * Takes back bytes that came from {@link take}, in whatever slices; others are ignored. Nobody may look at them any more, and
   * none may be given back twice.
   */
  recycle(buffers: readonly Uint8Array[]): void {
    for (const { buffer, length } of buffers) {
      const usage = this.#usages.get(buffer);
      if (usage === undefined) continue;
      usage.heldBytes -= length;
      this.#reuseIfFree(usage);
    }
  }

  #nextSlab(): void {
    const finished = this.#usages.get(this.#slab.buffer);
    if (finished !== undefined) {
      finished.full = true;
      this.#reuseIfFree(finished);
    }
    const size = Math.max(FIRST_SLAB_BYTES, this.#slab.length * 2);
    this.#slab = size < FULL_SLAB_BYTES ? Buffer.allocUnsafeSlow(size) : this.#pool.take();
    this.#usages.set(this.#slab.buffer, { slab: this.#slab, heldBytes: 0, full: false });
    this.#used = 0;
  }

  #reuseIfFree(usage: Usage): void {
    if (!usage.full || usage.heldBytes > 0) return;
    this.#usages.delete(usage.slab.buffer);
    this.#pool.give(usage.slab);
  }
}
