import { createReadStream } from 'node:fs';
import type { FileWriter } from '../../file-writer.js';
import { asPathError, PathError, PROBLEMS, UsageError } from '../errors.js';
import { type LocalItem, localItem } from '../local-files.js';
import { copyStream } from '../put.js';
import { remoteDestination, splitDestination } from '../remote-destination.js';
import type { RemoteItem, Session } from '../session.js';
import { COPY_CLEAN_UP_MS, defineVerb } from '../verb.js';
import { clusterPathError } from '../write-remote.js';

const READ_SIZE = 1024 ** 2;

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Add local files, or standard input (-), to the end of a file. The file is made when it does not exist.',
      )
      .usage('[options] <local...> <destination>')
      .argument('<local...>');
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args) {
    const { sources, destination: destinationArg } = splitDestination(args);
    if (sources.includes('-') && sources.length > 1) throw new UsageError('- must be the only source.');
    // All are looked at before the first byte is written: half an append cannot be taken back.
    const items = sources[0] === '-' ? [] : await localFiles(session, sources);
    const destination = await session.destination(destinationArg);
    const writer = await openForAppend(session, destination);
    try {
      if (sources[0] === '-') await copyStream(session.environment.stdin, writer, session.signal);
      for (const item of items) await appendFile(session, item, writer);
    } catch (error) {
      await writer.close().catch(() => undefined); // what has arrived stays: the file must not be left open for writing
      throw error;
    }
    await writer.close();
  },
});

async function localFiles(session: Session, sources: readonly string[]): Promise<LocalItem[]> {
  const items: LocalItem[] = [];
  for (const arg of sources) {
    try {
      const item = await localItem(session, arg);
      if (item.stats.isDirectory()) throw new PathError(arg, PROBLEMS.isDirectory);
      items.push(item);
    } catch (error) {
      throw asPathError(error, arg);
    }
  }
  return items;
}

async function openForAppend(session: Session, destination: RemoteItem): Promise<FileWriter> {
  const fs = await session.fs(destination);
  if (destination.status?.type === 'DIRECTORY') throw new PathError(destination.shown, PROBLEMS.isDirectory);
  if (destination.status === undefined) {
    const parentExists = await remoteDestination(session, destination).parentExists();
    if (!parentExists) throw new PathError(destination.shown, PROBLEMS.notFound);
    return await fs
      .create(destination.absolute, { createParent: false, signal: session.signal })
      .catch(clusterPathError(destination));
  }
  return await fs.append(destination.absolute, { signal: session.signal }).catch(clusterPathError(destination));
}

async function appendFile(session: Session, item: LocalItem, writer: FileWriter): Promise<void> {
  try {
    await copyStream(createReadStream(item.path, { highWaterMark: READ_SIZE }), writer, session.signal);
  } catch (error) {
    throw asPathError(error, item.shown);
  }
}
