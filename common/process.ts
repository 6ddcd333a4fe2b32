/** What every server process does at its start and at its end. */

import { isDfsError, messageOf } from './errors.js';
import type { Logger } from './logging.js';
import { createLogger } from './logging.js';

export interface RunningServer {
  /** Stops in order: takes no more work, ends what runs, makes everything durable. */
  stop(): Promise<void>;
}

/** How long an ordered stop may take before the process ends anyway; everything acknowledged is durable at any moment. */
const STOP_TIMEOUT_MS = 30_000;

/**
 * Starts a server and ends the process in order on SIGTERM or SIGINT; a second signal ends it at once. An error at the start is
 * told in one sentence on standard error (exit code 1). What nobody caught is logged and ends the process (exit code 1):
 * its state cannot be trusted any more, and what was acknowledged is on disk.
 *
 * `start` is given a signal that aborts when the process is told to stop while it is still starting.
 */
export async function runServer(name: string, start: (shutdown: AbortSignal) => Promise<RunningServer>): Promise<void> {
  const logger = createLogger({ name });
  const shutdown = new AbortController();
  const stopAsked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (shutdown.signal.aborted) process.exit(130);
        logger.info({ signal }, 'stopping');
        shutdown.abort();
        resolve();
      });
    }
  });
  endOnUnforeseenErrors(logger);

  let server: RunningServer;
  try {
    server = await start(shutdown.signal);
  } catch (error) {
    process.exit(shutdown.signal.aborted ? 0 : reportFailedStart(name, error, logger));
  }
  await stopAsked;
  setTimeout(() => {
    logger.error({ timeoutMs: STOP_TIMEOUT_MS }, 'could not stop in time');
    process.exit(1);
  }, STOP_TIMEOUT_MS).unref();
  await server.stop();
  logger.info('stopped');
  process.exit(0);
}

function reportFailedStart(name: string, error: unknown, logger: Logger): number {
  process.stderr.write(`${name}: ${messageOf(error)}\n`);
  if (!isDfsError(error)) logger.fatal({ err: error }, 'the start failed for an unforeseen reason');
  return 1;
}

function endOnUnforeseenErrors(logger: Logger): void {
  const end = (error: unknown): void => {
    logger.fatal({ err: error }, 'ending because of an error that nothing handles');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
