import { humanSize } from '../../../common/units.js';
import { JsonArray } from '../output.js';
import { childOf } from '../remote-path.js';
import type { ExistingItem, Session } from '../session.js';
import { Table } from '../table.js';
import { defineVerb, jsonOption } from '../verb.js';

interface Options {
  readonly summary?: true;
  readonly humanReadable?: true;
  readonly header?: true;
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Show the space that files take, and of a directory that of each entry in it. Without a path: of your home directory.\n\n' +
          'Columns: size, size with all replicas, path.',
      )
      .argument('[path...]')
      .option('-s, --summary', 'one line per path that is given')
      .option('-h, --human-readable', 'sizes as 1.5 K, 128 M')
      .option('-v, --header', 'a line with the names of the columns')
      .option('-x, --exclude-snapshots', 'accepted for HDFS; there are no snapshots')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const array = options.json ? new JsonArray(session.out) : undefined;
    const table = new Table(session.out, [{ align: 'left' }, { align: 'left' }, { align: 'left' }]);
    const size = (bytes: number): string => (options.humanReadable ? humanSize(bytes) : String(bytes));
    if (options.header && array === undefined) {
      await table.row(['SIZE', 'DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS', 'FULL_PATH_NAME']);
    }
    await session.forEach(args.length === 0 ? ['.'] : args, async (item) => {
      for await (const shown of options.summary ? [item] : lines(session, item)) {
        await session.attempt(shown.shown, async () => {
          const { length, spaceConsumed } = await space(session, shown);
          if (array === undefined) await table.row([size(length), size(spaceConsumed), shown.shown]);
          else await array.item({ path: shown.absolute, length, spaceConsumed });
        });
      }
    });
    await table.print();
    await array?.end();
  },
});

async function* lines(session: Session, item: ExistingItem): AsyncGenerator<ExistingItem> {
  if (item.status.type !== 'DIRECTORY') {
    yield item;
    return;
  }
  for await (const status of (await session.fs(item)).list(item.absolute))
    yield { ...childOf(item, status.name), status };
}

/** Of a file it follows from its status; of a directory the NameNode adds it up. */
async function space(
  session: Session,
  { status, ...path }: ExistingItem,
): Promise<{ length: number; spaceConsumed: number }> {
  if (status.type === 'FILE') return { length: status.length, spaceConsumed: status.length * status.replication };
  return await (await session.fs(path)).contentSummary(path.absolute);
}
