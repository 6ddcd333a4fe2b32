/**
 * The time by which answers in the retry cache grow old. The time of day would not do: where a clock is set ahead, all of them would be forgotten at
 * once, and a call that is repeated just then would be carried out twice, or refused. This one goes on where the last record left it, no faster than
 * the monotonic clock, and stands still while no NameNode runs.
 */
import type { Clock } from '../common/clock.js';
import type { Counters } from './storage/counters.js';

export class RetryTime {
  readonly #clock: Clock;
  /** By how much it is ahead of the monotonic clock in this life of the NameNode. */
  #aheadMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `counters`: of the namespace as it is now. In one that has no such time yet it begins with the time of day. */
  nowMs({ retryTimeMs }: Pick<Counters, 'retryTimeMs'>): number {
    const monotonicMs = this.#clock.monotonicMs();
    this.#aheadMs ??= (retryTimeMs > 0 ? retryTimeMs : this.#clock.now()) - monotonicMs;
    return Math.floor(monotonicMs + this.#aheadMs);
  }
}
