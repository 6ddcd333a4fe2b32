/**
 * The command line around the verbs: `dfs [general options] [-]verb [options] [arguments]`. General options may stand before or
 * after the verb; flags that HDFS spells as words may have one dash or two.
 */
import { Command, CommanderError, Option } from 'commander';
import { nearestName } from '../../common/config/nearest-name.js';
import { UsageError } from './errors.js';
import { collect, type Verb, WordOption } from './verb.js';
import { ELSEWHERE, GROUPS, isGroup, resolveVerb, VERB_NAMES, type VerbEntry } from './verbs.js';

/** What every verb takes. */
export interface GeneralOptions {
  readonly namenode?: string;
  readonly config?: string;
  readonly D?: readonly string[];
}

export function generalOptions(): Option[] {
  return [
    new Option('--namenode <host:port>', 'the cluster to use (default: $DFS_NAMENODE, or 127.0.0.1:8020)'),
    new Option('--config <file>', 'a YAML file with settings (default: $DFS_CONFIG)'),
    new Option('-D <name=value>', 'a setting; may be given more than once').argParser(collect),
  ];
}

export interface Invocation {
  /** As it was typed, without dash: the start of error messages. */
  readonly name: string;
  readonly entry: VerbEntry;
  /** All that belongs to the verb, general options that stood before it included. */
  readonly args: readonly string[];
}

/**
 * Finds the verb.
 * @throws UsageError when there is none of that name; the message has the nearest one.
 */
export function parseInvocation(argv: readonly string[]): Invocation {
  const { before, rest } = takeGeneralOptions(argv);
  const [first, ...others] = rest;
  if (first === undefined) return { name: 'help', entry: found('help'), args: before };
  if (first === '-h' || first === '--help') return { name: 'help', entry: found('help'), args: [...before, ...others] };
  const name = first.replace(/^--?/, '');
  if (isGroup(name)) return parseGroup(name, before, others);
  const entry = resolveVerb(name);
  if (entry === undefined) throw new UsageError(unknown(first, name, VERB_NAMES));
  return { name, entry, args: [...entry.presetArgs, ...before, ...others] };
}

function parseGroup(group: string, before: readonly string[], rest: readonly string[]): Invocation {
  const {
    before: more,
    rest: [first, ...others],
  } = takeGeneralOptions(rest);
  const members = GROUPS[group] ?? {};
  const member = first?.replace(/^--?/, '');
  if (member === undefined || member === 'help' || first === '-h') {
    return { name: 'help', entry: found('help'), args: [...before, ...more, group] };
  }
  const verb = Object.hasOwn(members, member) ? members[member] : undefined;
  const entry = verb === undefined ? undefined : resolveVerb(verb);
  if (entry === undefined && Object.hasOwn(ELSEWHERE, member))
    throw new UsageError(`${group} ${first}: ${ELSEWHERE[member]}`);
  if (entry === undefined) throw new UsageError(unknown(`${group} ${first}`, member, Object.keys(members)));
  return { name: entry.name, entry, args: [...before, ...more, ...others] };
}

function found(name: string): VerbEntry {
  return resolveVerb(name) as VerbEntry;
}

function unknown(typed: string, name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  const hint = nearest === undefined ? '`dfs help` lists all commands.' : `Did you mean ${nearest}?`;
  return `${typed}: Unknown command. ${hint}`;
}

function takeGeneralOptions(argv: readonly string[]): { before: string[]; rest: string[] } {
  const before: string[] = [];
  let i = 0;
  for (; i < argv.length; i++) {
    const arg = argv[i] as string;
    if (arg === '--json' || /^(--(namenode|config)=|-D.)/.test(arg)) before.push(arg);
    else if (/^(-D|--?namenode|--?config)$/.test(arg)) before.push(arg, ...argv.slice(++i, i + 1));
    else break;
  }
  return { before, rest: argv.slice(i) };
}

/** A commander command for the verb, with HDFS's spelling of flags in its help, and errors that are thrown. */
export function commandFor(name: string, verb: Verb): Command {
  const command = new Command(`dfs ${name}`);
  command.exitOverride().helpOption('--help', 'print this help').showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, getOutHelpWidth: () => HELP_WIDTH });
  command.configureHelp({
    optionTerm: (option) => (option instanceof WordOption ? option.shownFlags : option.flags),
    visibleOptions: (shown) => shown.options.filter((option) => !option.hidden),
  });
  verb.define(command);
  for (const option of generalOptions()) command.addOption(option.hideHelp());
  return command;
}

const HELP_WIDTH = 100;

/**
 * Parses the verb's arguments; 'help' when the user asks how it is used.
 * @throws UsageError, with the flag that was meant where one is near.
 */
export function parseVerb(command: Command, args: readonly string[]): 'run' | 'help' {
  try {
    command.parse(withDoubleDashes(command, args), { from: 'user' });
    return 'run';
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 'help';
    throw new UsageError(usageProblem(command, error));
  }
}

function longFlags(command: Command): string[] {
  return command.options.flatMap((option) => (option.long === undefined ? [] : [option.long]));
}

/** `-skipTrash` as commander has it, `--skipTrash`, where the verb has such a flag. */
function withDoubleDashes(command: Command, args: readonly string[]): string[] {
  const known = new Set(longFlags(command));
  const end = args.indexOf('--');
  return args.map((arg, i) => {
    const isWord = /^-[A-Za-z][A-Za-z0-9-]+(=|$)/.test(arg) && (end < 0 || i < end);
    return isWord && known.has(`-${arg.replace(/=.*/s, '')}`) ? `-${arg}` : arg;
  });
}

function usageProblem(command: Command, error: CommanderError): string {
  const text = error.message.replace(/^error: /, '');
  const flag = /unknown option '(-[^']*)'/.exec(text)?.[1];
  if (flag === undefined) return `${text}.`;
  const meant = nearestName(
    flag.replace(/^-+/, ''),
    longFlags(command).map((long) => long.slice(2)),
  );
  const shown = command.options.find((option) => option.long === `--${meant}`);
  const hint = shown instanceof WordOption ? `-${meant}` : `--${meant}`;
  return meant === undefined ? `${text}.` : `${text}. Did you mean ${hint}?`;
}
