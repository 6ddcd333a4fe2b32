/**
 * Blocks of one storage that incremental reports spoke of lately. A full report describes a moment that is over when its parts
 * arrive; for these blocks the newer word stands. Kept for a minute before a report begins, since its first part can be overtaken.
 */

const KEEP_MS = 60_000;

export class RecentEvents {
  /** When a block was last spoken of; the oldest first. */
  readonly #events = new Map<number, number>();
  #reportSinceMs: number | undefined;

  note(block: number, nowMs: number): void {
    this.#events.delete(block); // so that it moves to the end
    this.#events.set(block, nowMs);
    const keepFromMs = (this.#reportSinceMs ?? nowMs) - KEEP_MS;
    for (const [old, atMs] of this.#events) {
      if (atMs >= keepFromMs) return;
      this.#events.delete(old);
    }
  }

  has(block: number): boolean {
    return this.#events.has(block);
  }

  /** From now on nothing is forgotten, until {@link reportEnds}. */
  reportBegins(nowMs: number): void {
    this.#reportSinceMs = nowMs;
  }

  reportEnds(): void {
    this.#reportSinceMs = undefined;
  }
}
