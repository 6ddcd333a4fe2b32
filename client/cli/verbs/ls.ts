import { humanSize } from '../../../common/units.js';
import { localMinute, permissionText } from '../format.js';
import { JsonArray } from '../output.js';
import { childOf } from '../remote-path.js';
import type { ExistingItem, Session } from '../session.js';
import { statusJson } from '../status-json.js';
import { Table } from '../table.js';
import { defineVerb, jsonOption } from '../verb.js';
import { walk } from '../walk.js';

interface Options {
  readonly pathsOnly?: true;
  readonly directory?: true;
  readonly humanReadable?: true;
  readonly hideUnprintable?: true;
  readonly recursive?: true;
  readonly reverse?: true;
  readonly time?: true;
  readonly size?: true;
  readonly accessTime?: true;
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'List files, and what is in directories. Without a path: your home directory /user/<name>.\n\n' +
          'Columns: permissions, replicas, owner, group, size in bytes, time of the last change, path.',
      )
      .argument('[path...]')
      .option('-C, --paths-only', 'only the paths')
      .option('-d, --directory', 'directories themselves, not what is in them')
      .option('-h, --human-readable', 'sizes as 1.5 K, 128 M')
      .option('-q, --hide-unprintable', 'print ? for characters that cannot be printed')
      .option('-R, --recursive', 'what is below directories, too')
      .option('-t, --time', 'newest first')
      .option('-S, --size', 'largest first')
      .option('-r, --reverse', 'the other way round')
      .option('-u, --access-time', 'show and sort by the time of the last access')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const printer = options.json ? jsonPrinter(session) : linePrinter(session, options);
    await session.forEach(args.length === 0 ? ['.'] : args, async (item) => {
      if (options.directory || item.status.type !== 'DIRECTORY') await printer.item(item);
      else if (options.recursive) await listTree(session, item, printer, options);
      else await listDirectory(session, item, printer, options);
      await printer.flush();
    });
    await printer.end();
  },
});

interface Printer {
  /** Before the entries of one directory. */
  heading(count: number): Promise<void>;
  item(item: ExistingItem): Promise<void>;
  flush(): Promise<void>;
  end(): Promise<void>;
}

function jsonPrinter(session: Session): Printer {
  const array = new JsonArray(session.out);
  return {
    heading: async () => {},
    item: (item) => array.item(statusJson(item)),
    flush: async () => {},
    end: () => array.end(),
  };
}

function linePrinter(session: Session, options: Options): Printer {
  // HDFS's columns: three characters for the replication, ten for the size, more when that does not do.
  const table = new Table(
    session.out,
    [
      { align: 'left' },
      { align: 'right', minWidth: 3 },
      { align: 'left' },
      { align: 'left' },
      { align: 'right', minWidth: 10 },
      { align: 'left' },
      { align: 'left' },
    ],
    ' ',
  );
  const shown = (item: ExistingItem): string =>
    options.hideUnprintable ? item.shown.replace(/\p{C}/gu, '?') : item.shown;
  return {
    heading: async (count) => {
      if (!options.pathsOnly) await session.out.line(`Found ${count} items`);
    },
    item: async (item) => {
      if (options.pathsOnly) await session.out.line(shown(item));
      else await table.row(cells(item, shown(item), options));
    },
    flush: () => table.print(),
    end: async () => {},
  };
}

function cells({ status }: ExistingItem, shown: string, options: Options): string[] {
  const isFile = status.type === 'FILE';
  return [
    (isFile ? '-' : status.type === 'DIRECTORY' ? 'd' : 'l') + permissionText(status.mode),
    isFile ? String(status.replication) : '-',
    status.owner,
    status.group,
    options.humanReadable ? humanSize(status.length) : String(status.length),
    localMinute(options.accessTime ? status.accessTimeMs : status.modificationTimeMs),
    shown,
  ];
}

async function listTree(session: Session, root: ExistingItem, printer: Printer, options: Options): Promise<void> {
  for await (const item of sortedWalk(session, root, options)) await printer.item(item);
}

async function* sortedWalk(session: Session, root: ExistingItem, options: Options): AsyncGenerator<ExistingItem> {
  if (isInOrder(options)) {
    let isRoot = true;
    for await (const item of walk(session, root)) {
      if (!isRoot) yield item;
      isRoot = false;
    }
    return;
  }
  for (const item of await sortedEntries(session, root, options)) {
    yield item;
    if (item.status.type === 'DIRECTORY') yield* sortedWalk(session, item, options);
  }
}

async function listDirectory(
  session: Session,
  directory: ExistingItem,
  printer: Printer,
  options: Options,
): Promise<void> {
  if (!isInOrder(options)) {
    const items = await sortedEntries(session, directory, options);
    if (items.length > 0) await printer.heading(items.length);
    for (const item of items) await printer.item(item);
    return;
  }
  // The count comes before the entries, which are not all held in memory: it is the NameNode's, from a moment before.
  if (directory.status.children > 0) await printer.heading(directory.status.children);
  for await (const item of entriesOf(session, directory)) await printer.item(item);
}

async function* entriesOf(session: Session, directory: ExistingItem): AsyncGenerator<ExistingItem> {
  for await (const status of (await session.fs(directory)).list(directory.absolute)) {
    yield { ...childOf(directory, status.name), status };
  }
}

function isInOrder(options: Options): boolean {
  return !options.time && !options.size && !options.reverse;
}

async function sortedEntries(session: Session, directory: ExistingItem, options: Options): Promise<ExistingItem[]> {
  const items: ExistingItem[] = [];
  await session.attempt(directory.shown, async () => {
    for await (const item of entriesOf(session, directory)) items.push(item);
  });
  const direction = options.reverse ? -1 : 1;
  const order = orderOf(options);
  // A stable sort keeps equal ones in the order of their names, in which they came.
  return order === undefined ? items.reverse() : items.sort((a, b) => direction * order(a, b));
}

function orderOf(options: Options): ((a: ExistingItem, b: ExistingItem) => number) | undefined {
  const time = options.accessTime ? ('accessTimeMs' as const) : ('modificationTimeMs' as const);
  if (options.time) return (a, b) => b.status[time] - a.status[time];
  if (options.size) return (a, b) => b.status.length - a.status.length;
  return undefined;
}
