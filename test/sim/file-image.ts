/**
 * The bytes of one file as the page cache has them, and what of them the disk itself holds: the last synced state, plus, sector by
 * sector, whatever the kernel has written on its own. That part is decided only when a crash makes it matter.
 */
import type { Random } from '../../common/random.js';

/** Written as a whole or not at all. */
export const SECTOR_BYTES = 512;

export class FileImage {
  /** Room for more than `#size` bytes; what lies beyond is zero. */
  #content = Buffer.alloc(0);
  #size = 0;
  #durableSize = 0;
  /** What the disk surely holds of the sectors that differ from it, by number; zero beyond its end. */
  readonly #old = new Map<number, Buffer>();
  /** Sectors of {@link #old} that the kernel believes to be written, after a sync that failed. */
  readonly #forgotten = new Set<number>();

  get size(): number {
    return this.#size;
  }

  /** How many differ from what the disk surely holds. */
  get unsyncedSectors(): number {
    return this.#old.size;
  }

  get isDurable(): boolean {
    return this.#old.size === 0 && this.#size === this.#durableSize;
  }

  read(target: Uint8Array, position: number): number {
    const end = Math.min(position + target.length, this.#size);
    if (position >= end) return 0;
    target.set(this.#content.subarray(position, end));
    return end - position;
  }

  /** The bytes as any reader sees them now; not to be changed. */
  get bytes(): Buffer {
    return this.#content.subarray(0, this.#size);
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#remember(position, position + bytes.length);
    this.#reserve(position + bytes.length);
    this.#content.set(bytes, position);
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  truncate(length: number): void {
    if (length < this.#size) {
      this.#remember(length, this.#size);
      this.#content.fill(0, length, this.#size);
    }
    this.#reserve(length);
    this.#size = length;
  }

  sync(): void {
    for (const sector of this.#old.keys()) {
      if (!this.#forgotten.has(sector)) this.#old.delete(sector);
    }
    this.#durableSize = this.#size;
  }

  /**
   * A sync that failed, as on Linux: what could not be written is marked as clean all the same, and a later sync that succeeds does
   * not write it again.
   */
  failSync(random: Random): void {
    for (const sector of this.#old.keys()) {
      if (random.int(2) === 0) this.#forgotten.add(sector);
    }
  }

  /**
   * The power goes: un-synced sectors are kept or lost, each on its own, and the length is that before, after, or in between. `isToTear`: one is
   * lost and the others are kept. True when some were kept and some were lost.
   */
  crash(random: Random, isToTear = false): boolean {
    const currentSize = this.#size;
    const keptShare = random.int(3) / 2;
    const lost = isToTear ? [...this.#old.keys()][random.int(Math.max(1, this.#old.size))] : undefined;
    let kept = 0;
    const unsynced = this.#old.size;
    const size = isToTear ? currentSize : survivingSize(this.#durableSize, currentSize, random);
    this.#reserve(Math.max(size, currentSize));
    for (const [sector, old] of this.#old) {
      const start = sector * SECTOR_BYTES;
      const isLost = isToTear ? sector === lost : random.fraction() >= keptShare;
      const isOld = this.#forgotten.has(sector) || isLost;
      if (!isOld) kept++;
      // What lies beyond the present end was there before a truncation: if the length is back, so is the content.
      const from = isOld ? start : Math.max(start, currentSize);
      const end = Math.min(start + SECTOR_BYTES, this.#content.length);
      if (from < end) this.#content.set(old.subarray(from - start, end - start), from);
    }
    this.#content.fill(0, Math.min(size, this.#content.length));
    this.#size = size;
    this.settle();
    return kept > 0 && kept < unsynced;
  }

  /** Everything as it is now is on the disk. */
  settle(): void {
    this.#old.clear();
    this.#forgotten.clear();
    this.#durableSize = this.#size;
  }

  /** What is sure to be there after a crash; the same memory as `bytes` when nothing is un-synced. */
  durableBytes(): Buffer {
    if (this.isDurable) return this.bytes;
    const bytes = Buffer.alloc(this.#durableSize);
    bytes.set(this.#content.subarray(0, Math.min(this.#durableSize, this.#size)));
    for (const [sector, old] of this.#old) {
      const start = sector * SECTOR_BYTES;
      if (start < bytes.length) bytes.set(old.subarray(0, Math.min(SECTOR_BYTES, bytes.length - start)), start);
    }
    return bytes;
  }

  /** Changes what the disk holds, behind everybody's back. `change` gets the bytes from `position` on. */
  damage(position: number, length: number, change: (bytes: Buffer) => void): void {
    change(this.#content.subarray(position, Math.min(position + length, this.#size)));
  }

  /** Keeps the durable content of the sectors from `start` to `end` before they change for the first time since the last sync. */
  #remember(start: number, end: number): void {
    const last = Math.floor((end - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(start / SECTOR_BYTES); sector <= last; sector++) {
      this.#forgotten.delete(sector);
      if (this.#old.has(sector)) continue;
      const old = Buffer.alloc(SECTOR_BYTES);
      const from = sector * SECTOR_BYTES;
      old.set(this.#content.subarray(from, Math.min(from + SECTOR_BYTES, this.#content.length)));
      this.#old.set(sector, old);
    }
  }

  #reserve(length: number): void {
    if (length <= this.#content.length) return;
    const grown = Buffer.alloc(Math.max(length, this.#content.length * 2, SECTOR_BYTES));
    grown.set(this.#content);
    this.#content = grown;
  }
}

function survivingSize(durable: number, current: number, random: Random): number {
  switch (random.int(3)) {
    case 0:
      return durable;
    case 1:
      return current;
    default:
      return Math.min(durable, current) + random.int(Math.abs(durable - current) + 1);
  }
}
