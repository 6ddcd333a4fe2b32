import { nearestName } from '../../../common/config/nearest-name.js';
import { UsageError } from '../errors.js';
import { overview, verbHelp } from '../help.js';
import { defineVerb } from '../verb.js';
import { allVerbs, GROUPS, isGroup, resolveVerb, VERB_NAMES } from '../verbs.js';

export const verb = defineVerb<{ readonly all?: true }>({
  define(command) {
    command
      .description('List the commands, or explain one.')
      .argument('[command...]')
      .option('--all', 'explain all of them')
      .allowUnknownOption(); // dfs help -ls
  },
  async run(session, args, options) {
    const names = options.all ? allVerbs().map(({ name }) => name) : namesOf(args);
    if (names.length === 0) {
      await session.out.text(overview());
      return;
    }
    for (const [i, name] of names.entries()) await session.out.text((i === 0 ? '' : '\n') + (await verbHelp(name)));
  },
});

/** `ls`, `-ls`, `cluster start`; `cluster` alone is all of its commands. */
function namesOf(args: readonly string[]): string[] {
  const words = args.map((arg) => arg.replace(/^--?/, ''));
  const [group = '', member] = words;
  if (isGroup(group) && words.length <= 2) {
    const members = GROUPS[group] ?? {};
    if (member === undefined) return Object.values(members);
    return [
      known(Object.hasOwn(members, member) ? members[member] : undefined, `${group} ${member}`, Object.keys(members)),
    ];
  }
  return words.map((word) => known(resolveVerb(word)?.name, word, VERB_NAMES));
}

const SERVERS = ['namenode', 'datanode'];

function known(name: string | undefined, typed: string, candidates: readonly string[]): string {
  if (name !== undefined) return name;
  if (SERVERS.includes(typed)) throw new UsageError(`\`dfs ${typed} --help\` explains that one.`);
  const nearest = nearestName(typed, candidates);
  throw new UsageError(`there is no command ${typed}.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`);
}
