import type { Clock } from '../common/clock.js';

/** A pause that can be cut short. A ring during no pause cuts the next one short. For one sleeper. */
export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits until it rings, but at least `minMs`, at most `maxMs`, and not beyond the signal. */
  async wait(minMs: number, maxMs: number, signal: AbortSignal): Promise<void> {
    await this.#sleep(minMs, signal, false);
    if (!this.#rung) await this.#sleep(maxMs - minMs, signal, true);
    this.#rung = false;
  }

  #sleep(ms: number, signal: AbortSignal, wakesByRing: boolean): Promise<void> {
    if (signal.aborted || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
      if (wakesByRing) this.#wake = end;
    });
  }
}
