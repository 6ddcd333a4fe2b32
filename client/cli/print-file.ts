import type { ReadRange } from '../types.js';
import { PathError, PROBLEMS } from './errors.js';
import type { ExistingItem, Session } from './session.js';

/** Copies a file, or a part of it, to standard output. @throws PathError for a directory. */
export async function printFile(session: Session, item: ExistingItem, range: ReadRange = {}): Promise<void> {
  for await (const bytes of readFile(session, item, range)) await session.out.bytes(bytes);
}

/** The bytes of a file in pieces, as they arrive. @throws PathError for a directory. */
export async function* readFile(session: Session, item: ExistingItem, range: ReadRange = {}): AsyncGenerator<Buffer> {
  if (item.status.type === 'DIRECTORY') throw new PathError(item.shown, PROBLEMS.isDirectory);
  const reader = await (await session.fs(item)).open(item.absolute, { signal: session.signal });
  try {
    yield* reader.stream(range, { signal: session.signal });
  } finally {
    await reader.close();
  }
}
