/** Work that is done from time to time, one round after the other. */
import { type Clock, sleep } from '../common/clock.js';
import type { Logger } from '../common/logging.js';

export interface PeriodicOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Runs `round` every `intervalMs` until the signal aborts; then resolves, once the round that is running has ended. */
export async function repeat(
  { clock, logger, signal }: PeriodicOptions,
  what: string,
  intervalMs: number,
  round: () => Promise<void> | void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await round();
    } catch (error) {
      logger.error({ err: error }, `${what} failed`);
    }
    await sleep(clock, intervalMs, signal).catch(() => undefined);
  }
}
