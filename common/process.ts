/** What every server process does at its start and at its end. */
import { systemClock } from './clock.js';

import { isDfsError, messageOf } from './errors.js';
import type { Logger } from './logging.js';
import { createLogger } from './logging.js';

export interface RunningServer {
  /** Stops in order: takes no more work, ends what runs, makes everything durable. */
  stop(): Promise<void>;
}

/** How long an ordered stop may take before the process ends anyway; everything acknowledged is durable at any moment. */
const STOP_TIMEOUT_MS = 30_000;

/** A signal that comes again this soon is the same one: npm passes on the Ctrl-C that the terminal has sent to all anyway. */
const SAME_SIGNAL_MS = 500;

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
    let askedAtMs = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (shutdown.signal.aborted) {
        if (systemClock.monotonicMs() - askedAtMs > SAME_SIGNAL_MS) process.exit(130);
        return;
      }
      askedAtMs = systemClock.monotonicMs();
      logger.info({ signal }, 'stopping');
      shutdown.abort();
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  endOnUnforeseenErrors(logger);

  let server: RunningServer;
  try {
    server = await start(shutdown.signal);
  } catch (error) {
    process.exit(shutdown.signal.aborted ? 0 : reportFailedStart(name, error, logger));
  }
  await stopAsked;
  systemClock.after(STOP_TIMEOUT_MS, () => {
    logger.error({ timeoutMs: STOP_TIMEOUT_MS }, 'could not stop in time');
    process.exit(1);
  });
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
