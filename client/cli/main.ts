/** The process around {@link run}: descriptors, signals, exit codes. */
import { constants } from 'node:os';
import { systemClock } from '../../common/clock.js';
import type { Configuration } from '../../common/config/configuration.js';
import { OutputClosed } from './errors.js';
import { callingUser } from './local-users.js';
import { descriptorSink } from './output.js';
import { run } from './run.js';

/** How long a command that was stopped may take to clean up; stopping a cluster takes longest. */
const CLEAN_UP_MS = 45_000;

/** A signal that comes again this soon is the same one: npm passes on the Ctrl-C that the terminal has sent to us as well. */
const SAME_SIGNAL_MS = 500;

/** The user, or the system, wants the command to stop. */
class Stopped extends Error {
  readonly signal: NodeJS.Signals;
  readonly atMs = systemClock.monotonicMs();

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/**
 * The command `dfs`. Ends the process.
 * @param argv without the interpreter and the script.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => onSignal(stop, new Stopped(signal)));
  }
  process.exit(await exitCodeOf(argv, stop.signal));
}

function onSignal(stop: AbortController, reason: Stopped): void {
  if (stop.signal.aborted) {
    const first: Stopped = stop.signal.reason;
    if (reason.atMs - first.atMs < SAME_SIGNAL_MS) return;
    process.exit(reason.exitCode); // asked twice: at once
  }
  stop.abort(reason);
  systemClock.after(CLEAN_UP_MS, () => process.exit(reason.exitCode));
}

async function exitCodeOf(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const environment = {
    stdin: process.stdin,
    stdout: descriptorSink(1, systemClock),
    stderr: descriptorSink(2, systemClock),
    isTerminal: process.stderr.isTTY === true,
    clock: systemClock,
    user: callingUser(process.env),
    workingDirectory: process.cwd(),
    signal,
    connect: async (namenode: string, configuration: Configuration) => {
      const { FileSystem } = await import('../file-system.js'); // gRPC takes a while to load: not for `dfs help`
      return await FileSystem.connect({ namenode, configuration });
    },
  };
  try {
    return await run(argv, environment, process.env);
  } catch (error) {
    if (error instanceof Stopped) return error.exitCode;
    if (error instanceof OutputClosed) return 1; // stderr itself is closed
    throw error;
  }
}
