/** Limits on how long something may take. */
import type { Clock } from './clock.js';
import { DfsError } from './errors.js';

/**
 * The result of `work`, or a rejection once `timeoutMs` have passed or `signal` aborts, whatever comes first. `work` gets a
 * signal that aborts in both cases, so that it can stop; what it does after that is ignored. `what` names the work in the message:
 * `reading blk_1_2 from 10.0.0.7:9866`.
 * @throws DfsError `Timeout`; `Cancelled`, or the signal's reason if that is a DfsError; whatever `work` throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  what: string,
): Promise<T> {
  if (signal?.aborted) throw cancellation(signal, what);
  const controller = new AbortController();
  let stopWaiting: (error: DfsError) => void = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    stopWaiting = reject;
  });
  const interrupt = (error: DfsError): void => {
    stopWaiting(error);
    controller.abort(error);
  };
  const onAbort = (): void => interrupt(cancellation(signal, what));
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = clock.after(timeoutMs, () =>
    interrupt(new DfsError('Timeout', `${what} took longer than ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([work(controller.signal), interrupted]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** What an aborted signal means as an error. */
export function cancellation(signal: AbortSignal | undefined, what: string): DfsError {
  const reason: unknown = signal?.reason;
  return reason instanceof DfsError ? reason : new DfsError('Cancelled', `${what} was cancelled`, { cause: reason });
}
