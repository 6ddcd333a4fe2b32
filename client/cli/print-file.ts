import type { FileReader } from '../file-reader.js';
import type { ReadRange } from '../types.js';
import { PathError, PROBLEMS } from './errors.js';
import type { ExistingItem, Session } from './session.js';

/** Copies a file, or a part of it, to standard output. @throws PathError for a directory. */
export async function printFile(session: Session, item: ExistingItem, range: ReadRange = {}): Promise<void> {
  const print = async (buffers: readonly Buffer[]): Promise<void> => {
    for (const bytes of buffers) await session.out.bytes(bytes);
  };
  await copyFile(session, item, print, range);
}

/**
 * Gives the bytes of a file to `sink`, some buffers at a time, which are its own only until it resolves: that takes a fraction of the
 * processor time of {@link readFile}. @throws PathError for a directory.
 */
export async function copyFile(
  session: Session,
  item: ExistingItem,
  sink: (buffers: readonly Buffer[]) => Promise<void>,
  range: ReadRange = {},
): Promise<void> {
  const reader = await openFile(session, item);
  try {
    await reader.copyTo(sink, range, { signal: session.signal });
  } finally {
    await reader.close();
  }
}

/** The bytes of a file in pieces, as they arrive. @throws PathError for a directory. */
export async function* readFile(session: Session, item: ExistingItem, range: ReadRange = {}): AsyncGenerator<Buffer> {
  const reader = await openFile(session, item);
  try {
    yield* reader.stream(range, { signal: session.signal });
  } finally {
    await reader.close();
  }
}

/** @throws PathError for a directory. */
export async function openFile(session: Session, item: ExistingItem): Promise<FileReader> {
  if (item.status.type === 'DIRECTORY') throw new PathError(item.shown, PROBLEMS.isDirectory);
  return await (await session.fs(item)).open(item.absolute, { signal: session.signal });
}
