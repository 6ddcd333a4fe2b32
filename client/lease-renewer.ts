/**
 * Keeps the lease of a client that has files open for writing. One lease covers all of them; another writer may take a file over
 * 60 s after the last renewal (the soft limit), so it is renewed every 30 s, as HDFS does. Without open files there is no timer.
 */
import type { Clock, Timer } from '../common/clock.js';

const RENEWAL_INTERVAL_MS = 30_000;

export class LeaseRenewer {
  readonly #clock: Clock;
  readonly #renew: () => Promise<void>;
  #openFiles = 0;
  #timer: Timer | undefined;

  /** `renew` sends one renewal. When it fails the next one follows all the same: a lost lease shows itself to the writer. */
  constructor(clock: Clock, renew: () => Promise<void>) {
    this.#clock = clock;
    this.#renew = renew;
  }

  /** Renews until the returned function is called, which may happen more than once. */
  hold(): () => void {
    this.#openFiles++;
    this.#timer ??= this.#schedule();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#openFiles--;
      if (this.#openFiles > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  #schedule(): Timer {
    return this.#clock.after(RENEWAL_INTERVAL_MS, () => {
      this.#timer = this.#schedule();
      this.#renew().catch(() => {});
    });
  }
}
