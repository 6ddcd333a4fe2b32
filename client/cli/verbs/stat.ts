import { UsageError } from '../errors.js';
import { octalMode, permissionText, utcSecond } from '../format.js';
import { JsonArray } from '../output.js';
import { nameOf } from '../remote-path.js';
import type { ExistingItem } from '../session.js';
import { statusJson } from '../status-json.js';
import { defineVerb, jsonOption } from '../verb.js';
import { walk } from '../walk.js';

interface Options {
  readonly recursive?: true;
  readonly json?: true;
}

const TYPES = { FILE: 'regular file', DIRECTORY: 'directory', SYMLINK: 'symlink' } as const;

/** What stands for each letter behind a `%`. */
const FIELDS: Readonly<Record<string, (item: ExistingItem) => string | number>> = {
  a: ({ status }) => octalMode(status.mode),
  A: ({ status }) => permissionText(status.mode),
  b: ({ status }) => status.length,
  F: ({ status }) => TYPES[status.type],
  g: ({ status }) => status.group,
  G: ({ status }) => status.group,
  n: nameOf,
  o: ({ status }) => status.blockSize,
  r: ({ status }) => status.replication,
  u: ({ status }) => status.owner,
  U: ({ status }) => status.owner,
  x: ({ status }) => utcSecond(status.accessTimeMs),
  X: ({ status }) => status.accessTimeMs,
  y: ({ status }) => utcSecond(status.modificationTimeMs),
  Y: ({ status }) => status.modificationTimeMs,
};

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Print what is known of files and directories. The format is a text with a % in it (default: %y):\n\n' +
          '  %a  permissions in octal           %o  block size in bytes\n' +
          '  %A  permissions as letters         %r  replicas wanted\n' +
          '  %b  size in bytes                  %u  owner (also %U)\n' +
          '  %F  type                           %x  last access, UTC (%X: milliseconds since 1970)\n' +
          '  %g  group (also %G)                %y  last change, UTC (%Y: milliseconds since 1970)\n' +
          '  %n  name                           %%  a percent sign',
      )
      .usage('[options] [format] <path...>')
      .argument('<path...>')
      .option('-R, --recursive', 'everything below directories, too')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const hasFormat = args[0]?.includes('%') === true;
    const format = hasFormat ? (args[0] as string) : '%y';
    const paths = hasFormat ? args.slice(1) : args;
    if (paths.length === 0) throw new UsageError('a path is missing.');
    const array = options.json ? new JsonArray(session.out) : undefined;
    const print = (item: ExistingItem): Promise<void> =>
      array === undefined ? session.out.line(formatted(format, item)) : array.item(statusJson(item));
    await session.forEach(paths, async (root) => {
      if (!options.recursive) return await print(root);
      for await (const item of walk(session, root)) await print(item);
    });
    await array?.end();
  },
});

/** An unknown letter stands for itself, as in HDFS, and so does a second `%`. */
function formatted(format: string, item: ExistingItem): string {
  return format.replace(/%(.?)/gsu, (_, letter: string) =>
    String((Object.hasOwn(FIELDS, letter) ? FIELDS[letter]?.(item) : undefined) ?? letter),
  );
}
