/** Runs one command line to its end, and turns what went wrong into a message and an exit code. */
import { setMaxListeners } from 'node:events';
import type { Timer } from '../../common/clock.js';
import { type Configuration, loadConfiguration } from '../../common/config/configuration.js';
import { formatHostPort } from '../../common/config/kinds.js';
import { commandFor, type GeneralOptions, parseInvocation, parseVerb } from './command-line.js';
import { describeError, OutputClosed, UsageError } from './errors.js';
import { verbHelp } from './help.js';
import type { Sink } from './output.js';
import { type Environment, Session } from './session.js';

/** Exit codes. HDFS's shell ends with 1 for errors and with -1 for a wrong command line. */
export const EXIT = { ok: 0, error: 1, brokenPipe: 141, usage: 255 } as const;

/** Variables of the process's environment that the command looks at. */
export interface Variables {
  readonly DFS_NAMENODE?: string | undefined;
  readonly DFS_CONFIG?: string | undefined;
  /** `1`: stack traces of unexpected errors are printed. */
  readonly DFS_DEBUG?: string | undefined;
}

/**
 * Runs `argv` (without the interpreter and the script) and returns the exit code. Rejects only when the user stopped it: with the
 * reason of `environment.signal`.
 */
export async function run(argv: readonly string[], environment: Environment, variables: Variables): Promise<number> {
  setMaxListeners(Number.POSITIVE_INFINITY, environment.signal); // every open file listens to it
  const run = new Run(environment, variables);
  try {
    return await run.execute(argv);
  } catch (error) {
    if (environment.signal.aborted) throw environment.signal.reason;
    return await run.explain(error);
  } finally {
    await run.close();
  }
}

class Run {
  readonly #environment: Environment;
  readonly #variables: Variables;
  /** As far as it is known: the start of error messages, and how it is used. */
  #verb: string | undefined;
  #usage: string | undefined;
  #session: Session | undefined;

  constructor(environment: Environment, variables: Variables) {
    this.#environment = environment;
    this.#variables = variables;
  }

  async execute(argv: readonly string[]): Promise<number> {
    const { name, entry, args } = parseInvocation(argv);
    this.#verb = name;
    const verb = await entry.load();
    const command = commandFor(entry.name, verb);
    this.#usage = `Usage: ${command.createHelp().commandUsage(command)}`;
    if (parseVerb(command, args) === 'help') {
      await this.#print(this.#environment.stdout, await verbHelp(entry.name));
      return EXIT.ok;
    }
    const session = new Session({
      verb: name,
      environment: this.#environment,
      ...settings(command.opts(), this.#variables),
    });
    this.#session = session;
    await stoppable(this.#environment, verb.cleanUpMs, verb.run(session, command));
    await session.out.flush();
    return session.exitCode;
  }

  /** Prints what went wrong; returns the exit code. */
  async explain(error: unknown): Promise<number> {
    if (error instanceof OutputClosed) return EXIT.brokenPipe;
    await this.#session?.out.flush();
    const prefix = this.#verb === undefined ? '' : `${this.#verb}: `;
    if (error instanceof UsageError) {
      const usage = this.#usage === undefined ? '' : `${this.#usage}\n`;
      await this.#print(this.#environment.stderr, `${prefix}${error.message}\n${usage}`);
      return EXIT.usage;
    }
    const stack = this.#variables.DFS_DEBUG === '1' && error instanceof Error ? `${error.stack}\n` : '';
    await this.#print(this.#environment.stderr, `${prefix}${describeError(error)}\n${stack}`);
    return EXIT.error;
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  async #print(sink: Sink, text: string): Promise<void> {
    await sink.write(Buffer.from(text));
  }
}

/** `work`, or a rejection when the user has stopped it and its time to clean up is over: a cluster that hangs must not hold him. */
async function stoppable({ signal, clock }: Environment, cleanUpMs: number, work: Promise<void>): Promise<void> {
  let timer: Timer | undefined;
  let onAbort = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = clock.after(cleanUpMs, () => reject(signal.reason));
    };
  });
  signal.addEventListener('abort', onAbort);
  try {
    await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer?.cancel();
  }
}

function settings(options: GeneralOptions, variables: Variables): { configuration: Configuration; namenode: string } {
  const overrides: Record<string, string> = {};
  for (const text of options.D ?? []) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new UsageError(`-D takes name=value, not '${text}'.`);
    overrides[name] = value;
  }
  const file = options.config ?? (variables.DFS_CONFIG || undefined);
  const configuration = loadConfiguration({ file, overrides });
  const configured = formatHostPort(configuration.get('dfs.namenode.rpc-address'));
  return { configuration, namenode: options.namenode ?? (variables.DFS_NAMENODE || configured) };
}
