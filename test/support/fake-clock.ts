/** Time that stands still until a test moves it. */
import type { Clock, Timer } from '../../common/clock.js';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Rounds of the event loop after each timer, in which what it has set off may go on. */
const SETTLE_ROUNDS = 5;

export class FakeClock implements Clock {
  #elapsedMs = 0;
  #jumpedMs = 0;
  readonly #startMs: number;
  readonly #timers = new Set<PendingTimer>();

  /** `startMs`: the wall-clock time at the beginning. */
  constructor(startMs = Date.UTC(2024, 0, 1)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs + this.#jumpedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Sets the time of day forward (negative: back). No time passes. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  /**
   * Lets `ms` pass: runs the timers that come due, earliest first (those of one moment in the order in which they were set),
   * including those that are set meanwhile, and after each one what was waiting for it.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await settle();
    for (;;) {
      const next = this.#nextDue(endMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#elapsedMs = next.dueMs;
      next.callback();
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  #nextDue(endMs: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

/** Lets everything go on that waits for no time and no other process. */
async function settle(): Promise<void> {
  for (let i = 0; i < SETTLE_ROUNDS; i++) await new Promise((resolve) => setImmediate(resolve));
}
