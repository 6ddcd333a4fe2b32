/** Keeps work that is done in several places, all of it together, to so many bytes a second. */
import { type Clock, sleep } from '../common/clock.js';
import { Throttle } from './throttle.js';

/** Nothing is saved up: a pause would be followed by a burst. */
const BURST_BYTES = 0;

export class Pace {
  readonly #clock: Clock;
  #bytesPerSecond: number;
  #throttle: Throttle;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#throttle = new Throttle(bytesPerSecond, BURST_BYTES, clock.monotonicMs());
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** Holds from the next piece of work on; what is owed at the old rate is forgiven. */
  change(bytesPerSecond: number): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.#bytesPerSecond = bytesPerSecond;
    this.#throttle = new Throttle(bytesPerSecond, BURST_BYTES, this.#clock.monotonicMs());
  }

  /** Counts `bytes` that have been sent, and rests as long as it takes. @throws the signal's reason. */
  async rest(bytes: number, signal: AbortSignal): Promise<void> {
    const restMs = this.#throttle.take(bytes, this.#clock.monotonicMs());
    if (restMs > 0) await sleep(this.#clock, restMs, signal);
  }
}
