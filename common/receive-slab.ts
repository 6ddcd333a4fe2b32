/** Memory that a socket receives into. */

const FIRST_SLAB_BYTES = 64 * 1024;
const MAX_SLAB_BYTES = 1024 * 1024;

/** A slab is given up when less than this part of it is free: small reads would follow. */
const MIN_FREE_PART = 1 / 16;

/**
 * Hands out room for one read after the other from large pieces of memory (slabs). Node's own way, 64 KiB newly allocated for
 * each read, takes half as much processor time again on the receiving side of the data plane (bench/wire.ts): more system
 * calls, more memory to be faulted in, more garbage, more pieces of a packet to write on.
 *
 * Nothing is ever overwritten, so slices stay valid as long as someone holds them; a slab is freed when nobody does. Each slab
 * is twice as large as the one before it, so connections with little traffic take little memory.
 */
export class ReceiveSlab {
  #slab = Buffer.alloc(0);
  #used = 0;

  /** Room for the next read. Repeated without {@link take}, it may be the same. */
  room(): Buffer {
    if (this.#slab.length - this.#used <= this.#slab.length * MIN_FREE_PART) {
      const size = Math.min(MAX_SLAB_BYTES, Math.max(FIRST_SLAB_BYTES, this.#slab.length * 2));
      this.#slab = Buffer.allocUnsafeSlow(size);
      this.#used = 0;
    }
    return this.#slab.subarray(this.#used);
  }

  /** What a read has put at the beginning of the room. */
  take(length: number): Buffer {
    const start = this.#used;
    this.#used += length;
    return this.#slab.subarray(start, this.#used);
  }
}
