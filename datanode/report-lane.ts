import type { Clock } from '../common/clock.js';

/**
 * Lets one call at a time through, in the order of asking: so that reports and what is counted of them cannot cross on
 * the way.
 */
export class ReportLane {
  readonly #clock: Clock;
  #tail: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits for a turn; the caller gives it back with what it gets. */
  async enter(): Promise<() => void> {
    const before = this.#tail;
    let release = (): void => {};
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }

  /** The same, but undefined when the turn does not come within `timeoutMs`. */
  async enterWithin(timeoutMs: number): Promise<(() => void) | undefined> {
    const entered = this.enter();
    let isLate = false;
    const late = new Promise<undefined>((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => {
        isLate = true;
        resolve(undefined);
      });
      void entered.then((release) => {
        timer.cancel();
        if (isLate) release();
      });
    });
    return Promise.race([entered, late]);
  }
}
