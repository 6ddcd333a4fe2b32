/**
 * Blocks of which a replica was reported in the last few seconds. A block counts as complete with its first replica; the others are
 * reported within moments, and it would be a waste to copy it meanwhile.
 */
export class RecentArrivals {
  readonly #windowMs: number;
  /** When a replica last arrived, by block id; the oldest first. */
  readonly #arrivals = new Map<number, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  note(block: number, nowMs: number): void {
    this.#arrivals.delete(block); // so that it moves to the end
    this.#arrivals.set(block, nowMs);
    this.#expire(nowMs);
  }

  has(block: number, nowMs: number): boolean {
    const arrivedMs = this.#arrivals.get(block);
    return arrivedMs !== undefined && nowMs - arrivedMs < this.#windowMs;
  }

  #expire(nowMs: number): void {
    for (const [block, arrivedMs] of this.#arrivals) {
      if (nowMs - arrivedMs < this.#windowMs) return;
      this.#arrivals.delete(block);
    }
  }
}
