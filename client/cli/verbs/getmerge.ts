import { open, rename, unlink } from 'node:fs/promises';
import { statIfExists } from '../download.js';
import { asPathError, PathError, PROBLEMS } from '../errors.js';
import { expandAll } from '../get.js';
import { localPath } from '../local-files.js';
import { readFile } from '../print-file.js';
import { splitDestination } from '../remote-destination.js';
import { childOf } from '../remote-path.js';
import type { ExistingItem, Session } from '../session.js';
import { temporaryPath } from '../temporary-name.js';
import { COPY_CLEAN_UP_MS, defineVerb, WordOption } from '../verb.js';

interface Options {
  readonly nl?: true;
  readonly skipEmptyFile?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Copy files into one local file, one after the other. Of a directory: the files in it, by name, without those further below. ' +
          '- as the destination is standard output.',
      )
      .usage('[options] <path...> <local destination>')
      .argument('<path...>')
      .addOption(new WordOption('-nl', 'a newline behind each file'))
      .addOption(new WordOption('-skip-empty-file', 'with -nl: none behind empty files'));
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    const { sources, destination } = splitDestination(args);
    const files = await filesOf(session, await expandAll(session, sources));
    if (session.exitCode !== 0) return; // a part of what was asked for is not what was asked for
    const pieces = merged(session, files, options);
    if (destination === '-') for await (const bytes of pieces) await session.out.bytes(bytes);
    else await writeLocally(pieces, destination, localPath(session, destination));
  },
});

async function filesOf(session: Session, items: readonly ExistingItem[]): Promise<ExistingItem[]> {
  const files: ExistingItem[] = [];
  for (const item of items) {
    if (item.status.type !== 'DIRECTORY') files.push(item);
    else {
      for await (const status of (await session.fs(item)).list(item.absolute)) {
        if (status.type === 'FILE') files.push({ ...childOf(item, status.name), status });
      }
    }
  }
  return files;
}

async function* merged(session: Session, files: readonly ExistingItem[], options: Options): AsyncGenerator<Buffer> {
  for (const file of files) {
    yield* readFile(session, file);
    if (options.nl && !(options.skipEmptyFile && file.status.length === 0)) yield Buffer.from('\n');
  }
}

async function writeLocally(pieces: AsyncIterable<Buffer>, shown: string, path: string): Promise<void> {
  if ((await statIfExists(path))?.isDirectory()) throw new PathError(shown, PROBLEMS.isDirectory);
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const bytes of pieces) await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined); // the first error is the one to tell
    throw asPathError(error, shown);
  }
}
