/** What `get` and the verbs like it share. */
import { dirname, join } from 'node:path';
import { checkDestination, type Destination } from './destination.js';
import { Download, type DownloadOptions, type LocalTarget, statIfExists } from './download.js';
import { PathError, PROBLEMS } from './errors.js';
import { expand } from './expand.js';
import { localPath } from './local-files.js';
import { printFile } from './print-file.js';
import { startProgress } from './progress.js';
import { splitOptionalDestination } from './remote-destination.js';
import { nameOf } from './remote-path.js';
import type { ExistingItem, RemoteItem, Session } from './session.js';

export type GetOptions = Omit<DownloadOptions, 'progress'>;

/** Copies all but the last of `args` to the last one. */
export async function runGet(session: Session, args: readonly string[], options: GetOptions): Promise<void> {
  const { sources, destination: destinationArg } = splitOptionalDestination(args);
  if (destinationArg === '-') {
    await session.forEach(sources, (item) => printFile(session, item));
    return;
  }
  const items = await expandAll(session, sources);
  const destination = await localDestination(session, destinationArg);
  if (items.length > 0) await checkDestination(destination, items.length, options.overwrite);
  const progress = await startProgress(session);
  const download = new Download(session, { ...options, progress });
  try {
    await download.run(async () => {
      for (const item of items) {
        await session.attempt(item.shown, () => download.add(item, targetOf(destination, nameOf(item))));
      }
    });
  } finally {
    progress.stop();
  }
}

/** All that the arguments name; what does not exist is told about. How many there are decides where they may go. */
export async function expandAll(session: Session, args: readonly string[]): Promise<ExistingItem[]> {
  const items: ExistingItem[] = [];
  for (const arg of args) {
    await session.attempt(arg, async () => {
      for await (const item of expand(session, arg)) items.push(existing(item));
    });
  }
  return items;
}

function existing({ status, ...path }: RemoteItem): ExistingItem {
  if (status === undefined) throw new PathError(path.shown, PROBLEMS.notFound);
  return { ...path, status };
}

interface LocalDestination extends Destination, LocalTarget {}

async function localDestination(session: Session, arg: string): Promise<LocalDestination> {
  const path = localPath(session, arg);
  const stats = await statIfExists(path);
  return {
    shown: arg,
    path,
    // A device or a pipe takes what it is given: it is as good as a new name.
    kind:
      stats === undefined || !(stats.isFile() || stats.isDirectory())
        ? 'missing'
        : stats.isDirectory()
          ? 'directory'
          : 'file',
    looksLikeDirectory: /(^|\/)\.{0,2}$/.test(arg),
    parentExists: async () => (await statIfExists(dirname(path)))?.isDirectory() === true,
  };
}

/** Where a source goes: into the destination when that is a directory, else it becomes the destination. */
function targetOf(destination: LocalDestination, name: string): LocalTarget {
  if (destination.kind !== 'directory') return destination;
  return { shown: join(destination.shown, name), path: join(destination.path, name) };
}
