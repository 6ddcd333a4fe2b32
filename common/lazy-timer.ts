/** A time-out that is armed and disarmed for each of many short waits, at the cost of reading a clock. */
import type { Clock, Timer } from './clock.js';

/**
 * Setting a timer for every packet costs more than the packet's header, and nearly none of them fires. So one timer of the
 * clock is left running while the deadline moves; when it fires too early it is set again for what remains.
 */
export class LazyTimer {
  readonly #clock: Clock;
  readonly #onTimeout: () => void;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #firesAtMs = 0;

  constructor(clock: Clock, onTimeout: () => void) {
    this.#clock = clock;
    this.#onTimeout = onTimeout;
  }

  /** From now on, the call comes after `timeoutMs`; with 0 it never comes. Replaces what was armed before. */
  arm(timeoutMs: number): void {
    if (timeoutMs <= 0) {
      this.disarm();
      return;
    }
    this.#deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    if (this.#timer !== undefined && this.#firesAtMs <= this.#deadlineMs) return;
    this.#timer?.cancel();
    this.#start(timeoutMs);
  }

  disarm(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Leaves nothing behind in the clock; for when the owner is done. */
  cancel(): void {
    this.disarm();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #start(delayMs: number): void {
    this.#firesAtMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => this.#onFired());
  }

  #onFired(): void {
    this.#timer = undefined;
    if (this.#deadlineMs === Number.POSITIVE_INFINITY) return;
    const remainingMs = this.#deadlineMs - this.#clock.monotonicMs();
    if (remainingMs > 0) {
      this.#start(remainingMs);
      return;
    }
    this.disarm();
    this.#onTimeout();
  }
}
