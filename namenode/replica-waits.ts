/**
 * Who waits for a block to be reported. A writer has its acknowledgements a little earlier than the NameNode has the reports of the same DataNodes;
 * one that asks just then is kept waiting for these milliseconds, which costs less than an answer after which it has to ask again.
 */
import type { Clock } from '../common/clock.js';

/** After so long the writer is told, and pauses for longer and longer before it asks again: the reports may be lost. */
const PATIENCE_MS = 500;
/** More need not wait: they are told at once. */
const WAITING_MAX = 10_000;

interface Waiting {
  readonly isThere: () => boolean;
  readonly resolve: () => void;
}

export class ReplicaWaits {
  readonly #clock: Clock;
  readonly #byBlock = new Map<number, Set<Waiting>>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting;
  }

  /**
   * Resolves when `isThere` holds, which is asked after each report of the block; or when that takes too long, too many wait, or `signal` aborts.
   * `isThere` is asked for the first time within the call, so that no report is missed.
   */
  async until(block: number, isThere: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    if (isThere() || this.#waiting >= WAITING_MAX || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', end);
        this.#remove(block, waiting);
        resolve();
      };
      const waiting = { isThere, resolve: end };
      const timer = this.#clock.after(PATIENCE_MS, end);
      signal?.addEventListener('abort', end, { once: true });
      this.#add(block, waiting);
    });
  }

  /** A replica of the block was reported, and what it changes can be seen. */
  reported(block: number): void {
    for (const { isThere, resolve } of this.#byBlock.get(block) ?? []) if (isThere()) resolve();
  }

  #add(block: number, waiting: Waiting): void {
    const others = this.#byBlock.get(block);
    if (others === undefined) this.#byBlock.set(block, new Set([waiting]));
    else others.add(waiting);
    this.#waiting++;
  }

  #remove(block: number, waiting: Waiting): void {
    const all = this.#byBlock.get(block);
    if (all?.delete(waiting) !== true) return;
    if (all.size === 0) this.#byBlock.delete(block);
    this.#waiting--;
  }
}
