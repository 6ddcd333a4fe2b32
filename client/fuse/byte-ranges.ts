/** A set of byte positions, as sorted ranges that neither touch nor overlap. */

export interface ByteRange {
  readonly start: number;
  /** First position behind it. */
  readonly end: number;
}

export class ByteRanges {
  #ranges: ByteRange[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  [Symbol.iterator](): Iterator<ByteRange> {
    return this.#ranges[Symbol.iterator]();
  }

  add(start: number, end: number): void {
    if (start >= end) return;
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    let merged = { start, end };
    for (let range = this.#ranges[last]; range !== undefined && range.start <= end; range = this.#ranges[++last]) {
      merged = { start: Math.min(merged.start, range.start), end: Math.max(merged.end, range.end) };
    }
    this.#ranges.splice(first, last - first, merged);
  }

  /** Takes out everything from `position` on. */
  cut(position: number): void {
    const first = this.#firstEndingAtOrAfter(position);
    const range = this.#ranges[first];
    const kept = range !== undefined && range.start < position ? [{ start: range.start, end: position }] : [];
    this.#ranges.splice(first, this.#ranges.length - first, ...kept);
  }

  clear(): void {
    this.#ranges = [];
  }

  intersects(start: number, end: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(start + 1)];
    return start < end && range !== undefined && range.start < end;
  }

  /** The parts of a range that are not in the set, in order. */
  gaps(start: number, end: number): ByteRange[] {
    const found: ByteRange[] = [];
    let at = start;
    for (let i = this.#firstEndingAtOrAfter(start); at < end; i++) {
      const range = this.#ranges[i] ?? { start: end, end };
      if (range.start > at) found.push({ start: at, end: Math.min(range.start, end) });
      at = Math.max(at, range.end);
    }
    return found;
  }

  /** The parts of a range that are in the set, in order. */
  within(start: number, end: number): ByteRange[] {
    const found: ByteRange[] = [];
    if (start >= end) return found;
    for (let i = this.#firstEndingAtOrAfter(start + 1); ; i++) {
      const range = this.#ranges[i];
      if (range === undefined || range.start >= end) return found;
      found.push({ start: Math.max(range.start, start), end: Math.min(range.end, end) });
    }
  }

  /** How far the set goes without a gap from `position` on; `position` itself when that is not in it. */
  endOfRun(position: number): number {
    const range = this.#ranges[this.#firstEndingAtOrAfter(position + 1)];
    return range !== undefined && range.start <= position ? range.end : position;
  }

  #firstEndingAtOrAfter(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as ByteRange).end < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
