/**
 * Keeps work to so many bytes a second: a token bucket that may go into debt. Work is counted once it is done, and what is owed
 * is waited for before the next.
 */
export class Throttle {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  #tokens = 0;
  #lastMs: number;

  /** `burstBytes`: what may be saved up while nothing was done. `nowMs`: from the same clock as in {@link take}. */
  constructor(bytesPerSecond: number, burstBytes: number, nowMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#burstBytes = burstBytes;
    this.#lastMs = nowMs;
  }

  /** Counts `bytes`; returns for how many milliseconds the work has to rest now. */
  take(bytes: number, nowMs: number): number {
    const earned = Math.max(0, nowMs - this.#lastMs) * this.#bytesPerMs;
    this.#lastMs = nowMs;
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + earned) - bytes;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#bytesPerMs;
  }
}
