/** Where the newest bytes of a file stand in a journal to which they were appended: extents that do not overlap, sorted by their place in the file. */

export interface Extent {
  /** In the file. */
  readonly start: number;
  /** First position behind it. */
  readonly end: number;
  /** Of its first byte, in the journal. */
  readonly offset: number;
}

export class ExtentMap {
  #extents: Extent[] = [];

  get count(): number {
    return this.#extents.length;
  }

  /** What was there before is covered. */
  put(start: number, end: number, offset: number): void {
    if (start >= end) return;
    const first = this.#firstEndingAfter(start);
    const fresh: Extent[] = [{ start, end, offset }];
    let last = first;
    for (let old = this.#extents[last]; old !== undefined && old.start < end; old = this.#extents[++last]) {
      if (old.start < start) fresh.unshift({ ...old, end: start });
      if (old.end > end) fresh.push(from(old, end));
    }
    this.#extents.splice(first, last - first, ...fresh);
  }

  /** Takes out everything from `position` on. */
  cut(position: number): void {
    const first = this.#firstEndingAfter(position);
    const extent = this.#extents[first];
    const kept = extent !== undefined && extent.start < position ? [{ ...extent, end: position }] : [];
    this.#extents.splice(first, this.#extents.length - first, ...kept);
  }

  /** The parts of a range that are in the map, in order. */
  within(start: number, end: number): Extent[] {
    const found: Extent[] = [];
    if (start >= end) return found;
    for (let i = this.#firstEndingAfter(start); ; i++) {
      const extent = this.#extents[i];
      if (extent === undefined || extent.start >= end) return found;
      found.push({ ...from(extent, Math.max(extent.start, start)), end: Math.min(extent.end, end) });
    }
  }

  #firstEndingAfter(position: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#extents[middle] as Extent).end <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function from(extent: Extent, start: number): Extent {
  return { start, end: extent.end, offset: extent.offset + start - extent.start };
}
