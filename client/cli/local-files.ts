/** Local files as sources of copies. */
import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { PathError, UsageError } from './errors.js';
import type { Session } from './session.js';

export interface LocalItem {
  /** As the user wrote it, or below what the user wrote. */
  readonly shown: string;
  /** For the operating system. */
  readonly path: string;
  readonly stats: Stats;
}

/** A local name as it is given on the command line; `file:` in front is taken off. */
export function localPath(session: Session, text: string): string {
  if (text === '') throw new UsageError('a path must not be empty.');
  const path = text.replace(/^file:(\/\/)?(?=\/)/, '');
  return isAbsolute(path) ? path : join(session.environment.workingDirectory, path);
}

/** @throws PathError when the name is not valid UTF-8: names in the cluster are. Operating system errors (ENOENT, …) otherwise. */
export async function localItem(session: Session, text: string): Promise<LocalItem> {
  const path = localPath(session, text);
  try {
    return { shown: text, path, stats: await stat(path) };
  } catch (error) {
    if (text.includes('\uFFFD')) throw new PathError(text, NOT_UTF8); // how Node gives us bytes that are no UTF-8
    throw error;
  }
}

const NOT_UTF8 = 'the name is not valid UTF-8, as names in the cluster must be';

/** Last name of a local path, `.` and `..` resolved. */
export function localName(item: LocalItem): string {
  return basename(join(item.path));
}

/**
 * The entries of a local directory, links followed. What cannot be copied is told about and left out: names that are not UTF-8,
 * broken links, sockets, devices and pipes.
 */
export async function* localEntries(session: Session, directory: LocalItem): AsyncGenerator<LocalItem> {
  // The types of Node's functions know no names as bytes here, though the functions do.
  const entries = await opendir(directory.path, { encoding: 'buffer' as BufferEncoding });
  for await (const entry of entries) {
    const bytes = entry.name as unknown as Buffer;
    const name = bytes.toString();
    const shown = join(directory.shown, name);
    try {
      if (!isUtf8(bytes)) throw new PathError(shown, NOT_UTF8);
      const path = join(directory.path, name);
      const stats = await stat(path);
      if (!stats.isDirectory() && !stats.isFile()) throw new PathError(shown, 'Not a regular file');
      yield { shown, path, stats };
    } catch (error) {
      await session.fail(error, shown);
    }
  }
}

/** The same directory, seen through whatever links. */
export function isSameFile(a: LocalItem, b: LocalItem): boolean {
  return a.stats.dev === b.stats.dev && a.stats.ino === b.stats.ino;
}

export const LINK_LOOP = 'Too many levels of symbolic links';
