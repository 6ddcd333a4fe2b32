import type { Clock } from '../common/clock.js';

/** Lets one side wait until the other has changed something; the waiting side looks for itself what it was. */
export class Wakeup {
  #waiting: (() => void)[] = [];

  wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Resolves at the next {@link wake}. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Resolves at the next {@link wake}, but after `timeoutMs` at the latest. */
  async waitFor(clock: Clock, timeoutMs: number): Promise<void> {
    const timer = clock.after(timeoutMs, () => this.wake());
    await this.wait();
    timer.cancel();
  }
}
