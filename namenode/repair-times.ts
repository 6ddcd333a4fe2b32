/**
 * How long damage lasts: from the report of a corrupt replica until its block has all its good replicas again. Only what is under repair is
 * held, and no more of it than is worth a line each in the log.
 */
const MAX_UNDER_REPAIR = 1000;

export class RepairTimes {
  /** When the first corrupt replica of a block was reported, on the monotonic clock; those that were looked at last are last. */
  readonly #reportedMs = new Map<number, number>();

  get underRepair(): number {
    return this.#reportedMs.size;
  }

  /** A replica of the block is corrupt. The first report counts until the block is whole again. */
  reported(blockId: number, nowMs: number): void {
    if (this.#reportedMs.has(blockId) || this.#reportedMs.size >= MAX_UNDER_REPAIR) return;
    this.#reportedMs.set(blockId, nowMs);
  }

  /** Up to `count` blocks under repair, in turn. */
  next(count: number): number[] {
    const blocks = [...this.#reportedMs].slice(0, count);
    for (const [blockId, reportedMs] of blocks) {
      this.#reportedMs.delete(blockId);
      this.#reportedMs.set(blockId, reportedMs);
    }
    return blocks.map(([blockId]) => blockId);
  }

  /** The block is whole, or gone. Returns the milliseconds since the report. */
  ended(blockId: number, nowMs: number): number {
    const reportedMs = this.#reportedMs.get(blockId) ?? nowMs;
    this.#reportedMs.delete(blockId);
    return nowMs - reportedMs;
  }
}
