/** Runs one command line to its end, and turns what went wrong into a message and an exit code. */
import { CommanderError } from 'commander';
import { type Configuration, loadConfiguration } from '../../common/config/configuration.js';
import { formatHostPort } from '../../common/config/kinds.js';
import { commandFor, type GeneralOptions, parseInvocation, parseVerb } from './command-line.js';
import { describeError, OutputClosed, UsageError } from './errors.js';
import { Output } from './output.js';
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
  let verb = 'dfs';
  let usage: string | undefined;
  let session: Session | undefined;
  try {
    const { name, entry, args } = parseInvocation(argv);
    verb = name;
    const definition = await entry.load();
    const command = commandFor(name, definition);
    usage = `Usage: ${command.createHelp().commandUsage(command)}`;
    parseVerb(command, args);
    session = new Session({ verb, environment, ...settings(command.opts(), variables) });
    await definition.run(session, command);
    await session.out.flush();
    return session.exitCode;
  } catch (error) {
    if (environment.signal.aborted) throw environment.signal.reason;
    if (error instanceof OutputClosed) return EXIT.brokenPipe;
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok; // --help
    await session?.out.flush();
    const stderr = new Output(environment.stderr);
    if (error instanceof UsageError) {
      await stderr.line(verb === 'dfs' ? error.message : `${verb}: ${error.message}`);
      if (usage !== undefined) await stderr.line(usage);
      await stderr.flush();
      return EXIT.usage;
    }
    await stderr.line(`${verb}: ${describeError(error)}`);
    if (variables.DFS_DEBUG === '1') await stderr.line(String(error instanceof Error ? error.stack : error));
    await stderr.flush();
    return EXIT.error;
  } finally {
    await session?.close();
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
