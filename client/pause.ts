import { cancellation } from '../common/cancellation.js';
import type { Clock } from '../common/clock.js';
import { sleep } from '../common/clock.js';

/** Waits; `what` names what is waited for. @throws DfsError `Cancelled` as soon as the signal aborts. */
export async function pause(
  clock: Clock,
  delayMs: number,
  signal: AbortSignal | undefined,
  what: string,
): Promise<void> {
  try {
    await sleep(clock, delayMs, signal);
  } catch {
    throw cancellation(signal, what);
  }
}
