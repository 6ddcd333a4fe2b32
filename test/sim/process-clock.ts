/** The clock of one life of a simulated process: it may be wrong about the time of day, and run fast or slow. */
import type { Clock, Timer } from '../../common/clock.js';
import type { Random } from '../../common/random.js';
import type { Life } from './life.js';
import type { Scheduler } from './scheduler.js';

/** The time of day when a simulation begins. */
export const EPOCH_MS = Date.UTC(2024, 0, 1);

/** A timer fires up to so much late, as the event loop of a busy process does. */
const LATENESS_MAX_MS = 1;

export interface ClockError {
  /** By how much the time of day is wrong. */
  skewMs: number;
  /** How much faster than true time this clock runs: 0.001 is 86 seconds a day. */
  readonly drift: number;
}

export class ProcessClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #life: Life;
  readonly #random: Random;
  readonly #error: ClockError;
  readonly #bootMs: number;
  #pending = 0;

  /** `error` may be changed later, as an administrator sets a clock. */
  constructor(scheduler: Scheduler, life: Life, random: Random, error: ClockError) {
    this.#scheduler = scheduler;
    this.#life = life;
    this.#random = random;
    this.#error = error;
    this.#bootMs = scheduler.nowMs - random.int(1_000_000);
  }

  now(): number {
    return Math.floor(EPOCH_MS + this.#scheduler.nowMs * (1 + this.#error.drift) + this.#error.skewMs);
  }

  monotonicMs(): number {
    return (this.#scheduler.nowMs - this.#bootMs) * (1 + this.#error.drift);
  }

  after(delayMs: number, callback: () => void): Timer {
    const trueDelayMs = Math.max(0, delayMs) / (1 + this.#error.drift) + this.#random.fraction() * LATENESS_MAX_MS;
    let isPending = true;
    this.#pending++;
    const settle = (): void => {
      if (isPending) this.#pending--;
      isPending = false;
    };
    const timer = this.#scheduler.after(trueDelayMs, `timer ${this.#life.name}`, () => {
      settle();
      if (this.#life.alive) callback();
    });
    return {
      cancel: () => {
        settle();
        timer.cancel();
      },
    };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#pending;
  }
}
