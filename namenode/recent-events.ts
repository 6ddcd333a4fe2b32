/**
 * Blocks of one storage that incremental reports spoke of lately. A full report describes a moment that is over when its parts
 * arrive; for these blocks the newer word stands. Kept for half a minute before a report begins, since its first part can be overtaken.
 */

const KEEP_MS = 30_000;
/** A report that has not ended by then never will. */
const REPORT_MAX_MS = 600_000;

export class RecentEvents {
  /** When a block was last spoken of; the oldest first. */
  readonly #events = new Map<number, number>();
  #reportSinceMs: number | undefined;

  note(block: number, nowMs: number): void {
    this.#events.delete(block); // so that it moves to the end
    this.#events.set(block, nowMs);
    this.#forget(nowMs);
  }

  has(block: number): boolean {
    return this.#events.has(block);
  }

  /** From now on nothing is forgotten, until {@link reportEnds}. */
  reportBegins(nowMs: number): void {
    this.#forget(nowMs);
    this.#reportSinceMs = nowMs;
  }

  reportEnds(): void {
    this.#reportSinceMs = undefined;
  }

  #forget(nowMs: number): void {
    const reportSinceMs = Math.max(this.#reportSinceMs ?? nowMs, nowMs - REPORT_MAX_MS);
    const keepFromMs = reportSinceMs - KEEP_MS;
    for (const [block, atMs] of this.#events) {
      if (atMs >= keepFromMs) return;
      this.#events.delete(block);
    }
  }
}
