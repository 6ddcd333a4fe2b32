/**
 * Time enters the cluster only through here, so that the same code runs on the machine's clock and on a simulated one.
 */

/** A pending call of {@link Clock.after}. */
export interface Timer {
  /** Does nothing once the timer has fired. */
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in milliseconds since 1970. May jump; only for times that people see or that are stored. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For deadlines, ages and durations. */
  monotonicMs(): number;
  /** Calls `callback` once, `delayMs` from now. */
  after(delayMs: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The longest that a timer can wait: Node fires one that is longer at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
