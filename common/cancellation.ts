/** What an aborted signal means. */
import { DfsError } from './errors.js';

/** As an error; `what` names the work: `reading blk_1_2 from 10.0.0.7:9866`. */
export function cancellation(signal: AbortSignal | undefined, what: string): DfsError {
  const reason: unknown = signal?.reason;
  return reason instanceof DfsError ? reason : new DfsError('Cancelled', `${what} was cancelled`, { cause: reason });
}
