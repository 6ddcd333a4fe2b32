import { Option } from 'commander';
import { compileName, expandBraces, type NamePattern } from '../glob.js';
import { JsonArray } from '../output.js';
import { nameOf } from '../remote-path.js';
import { statusJson } from '../status-json.js';
import { collect, defineVerb, jsonOption, WordOption } from '../verb.js';
import { walk } from '../walk.js';

interface Options {
  readonly name?: readonly string[];
  readonly iname?: readonly string[];
  readonly print0?: true;
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'List everything below the paths that fits all of the conditions. Without a path: below your home directory.',
      )
      .argument('[path...]')
      .addOption(new WordOption('-name <pattern>', 'the last name of the path fits the pattern').argParser(collect))
      .addOption(new WordOption('-iname <pattern>', 'the same, capital letters or not').argParser(collect))
      .addOption(new WordOption('-print', 'print each path on a line (default)'))
      .addOption(new WordOption('-print0', 'print a NUL character behind each path instead'))
      .addOption(new Option('-a, --and', 'between two conditions; may be left out'))
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const conditions = [
      ...(options.name ?? []).map((pattern) => nameCondition(pattern)),
      ...(options.iname ?? []).map((pattern) => nameCondition(pattern.toLowerCase(), (name) => name.toLowerCase())),
    ];
    const array = options.json ? new JsonArray(session.out) : undefined;
    const end = options.print0 ? '\0' : '\n';
    await session.forEach(args.length === 0 ? ['.'] : args, async (root) => {
      for await (const item of walk(session, root)) {
        if (!conditions.every((fits) => fits(nameOf(item)))) continue;
        await (array === undefined ? session.out.text(item.shown + end) : array.item(statusJson(item)));
      }
    });
    await array?.end();
  },
});

function nameCondition(pattern: string, fold = (name: string): string => name): (name: string) => boolean {
  const alternatives = expandBraces(pattern).map(compileName);
  const matches = (alternative: NamePattern, name: string): boolean =>
    alternative.kind === 'literal' ? alternative.name === name : alternative.matches(name);
  return (name) => alternatives.some((alternative) => matches(alternative, fold(name)));
}
