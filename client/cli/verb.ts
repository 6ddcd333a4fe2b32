/** What a verb of `dfs` is: how its part of the command line looks, and what it does. One file a verb in verbs/. */
import { type Command, Option } from 'commander';
import type { Session } from './session.js';

export interface Verb {
  /** Adds description, arguments and flags. */
  define(command: Command): void;
  /** `command` has parsed its part of the command line. */
  run(session: Session, command: Command): Promise<void>;
  /** How long it may take to leave things in order when the user stops it. */
  readonly cleanUpMs: number;
}

export interface VerbDefinition<Options> {
  define(command: Command): void;
  /**
   * Does the work. Errors about one path go to `session.fail`, so that the others are still worked on; an error that is thrown ends
   * the command.
   */
  run(session: Session, args: readonly string[], options: Options): Promise<void>;
  /** Default: 0, there is nothing to clean up. */
  readonly cleanUpMs?: number;
}

export function defineVerb<Options = Record<never, never>>(definition: VerbDefinition<Options>): Verb {
  return {
    define: (command) => definition.define(command),
    run: (session, command) => definition.run(session, command.args, command.opts() as Options),
    cleanUpMs: definition.cleanUpMs ?? 0,
  };
}

/** For verbs that copy: time to remove what is half copied, if the cluster answers. */
export const COPY_CLEAN_UP_MS = 10_000;

/** A flag that HDFS spells as a word behind a single dash: `-skipTrash`, `-name <pattern>`. Two dashes are taken too. */
export class WordOption extends Option {
  constructor(flags: string, description: string) {
    super(`-${flags}`, description);
  }

  /** As help shows it. */
  get shownFlags(): string {
    return this.flags.slice(1);
  }
}

/** `--json`, for verbs that list something. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON instead of text');
}

/** For flags that may be given more than once. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
