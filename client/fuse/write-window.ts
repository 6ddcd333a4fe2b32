/**
 * The newest bytes of a file that is being written, before they go to the cluster, where nothing can be taken back: what arrives out of order finds
 * its place here, and a small file can be changed at will until it is closed. Holes are zeros.
 */
import { ByteRanges } from './byte-ranges.js';

const NOTHING = Buffer.allocUnsafeSlow(0);
const SMALLEST_BYTES = 64 * 1024;
/** Of the windows of all files together; beyond it they are emptied as they fill. */
const ENOUGH_BYTES = 256 * 1024 * 1024;

/** What the windows of a mount take. */
export class WindowMemory {
  #bytes = 0;

  get isScarce(): boolean {
    return this.#bytes > ENOUGH_BYTES;
  }

  resized(change: number): void {
    this.#bytes += change;
  }
}

export class WriteWindow {
  readonly #capacityBytes: number;
  readonly #memory: WindowMemory;
  /** As large as is needed so far: most files are small. */
  #bytes = NOTHING;
  readonly #written = new ByteRanges();
  /** Position in the file of the window's first byte: all before it has been given away. */
  #start: number;
  /** End of the last written byte, or of a hole that was made by setting the length. */
  #end: number;

  constructor(start: number, capacityBytes: number, memory: WindowMemory) {
    this.#memory = memory;
    this.#start = start;
    this.#end = start;
    this.#capacityBytes = capacityBytes;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get isEmpty(): boolean {
    return this.#end === this.#start;
  }

  /** Whether the bytes would find room. */
  fits(position: number, length: number): boolean {
    return position >= this.#start && position + length <= this.#start + this.#capacityBytes;
  }

  put(position: number, data: Buffer): void {
    this.#reserve(position + data.length);
    data.copy(this.#bytes, position - this.#start);
    this.#written.add(position, position + data.length);
    this.#end = Math.max(this.#end, position + data.length);
  }

  /** Cuts the window's contents, or adds a hole at its end. The position must fit. */
  setEnd(position: number): void {
    this.#reserve(position);
    this.#written.cut(position);
    this.#end = position;
  }

  /** What there is from `position` up to `end`, both in the window. */
  read(position: number, end: number): Buffer {
    this.#fillHoles(position, end);
    return Buffer.from(this.#bytes.subarray(position - this.#start, end - this.#start));
  }

  /** Gives away what there is without a hole from the start on; `take` must be done with the bytes when it resolves. */
  async drainRun(take: (bytes: Buffer) => Promise<void>): Promise<void> {
    await this.#drain(this.#written.endOfRun(this.#start), take);
  }

  /** Gives away everything, holes as zeros. */
  async drainAll(take: (bytes: Buffer) => Promise<void>): Promise<void> {
    this.#fillHoles(this.#start, this.#end);
    await this.#drain(this.#end, take);
  }

  /** The window goes on behind bytes that were given away past it. It must be empty. */
  skipTo(position: number): void {
    this.free();
    this.#start = position;
    this.#end = position;
  }

  /** Gives up its memory, and what is in it. */
  free(): void {
    this.#written.clear();
    this.#memory.resized(-this.#bytes.length);
    this.#bytes = NOTHING;
  }

  #reserve(end: number): void {
    const needed = end - this.#start;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#capacityBytes, Math.max(SMALLEST_BYTES, needed * 2)));
    this.#bytes.copy(larger, 0, 0, this.#end - this.#start);
    this.#memory.resized(larger.length - this.#bytes.length);
    this.#bytes = larger;
  }

  async #drain(to: number, take: (bytes: Buffer) => Promise<void>): Promise<void> {
    const length = to - this.#start;
    if (length === 0) return;
    await take(this.#bytes.subarray(0, length));
    const rest = this.#written.within(to, this.#end);
    this.#bytes.copyWithin(0, length, this.#end - this.#start);
    this.#written.clear();
    for (const { start, end } of rest) this.#written.add(start, end);
    this.#start = to;
  }

  #fillHoles(from: number, to: number): void {
    for (const { start, end } of this.#written.gaps(from, to))
      this.#bytes.fill(0, start - this.#start, end - this.#start);
  }
}
