import type { FileStatus } from '../types.js';
import { childOf } from './remote-path.js';
import type { ExistingItem, Session } from './session.js';

/**
 * `root` and everything below it, a directory before what is in it, names in order. A directory that cannot be listed is told about
 * and left out.
 */
export async function* walk(session: Session, root: ExistingItem): AsyncGenerator<ExistingItem> {
  const fs = await session.fs(root);
  yield root;
  if (root.status.type !== 'DIRECTORY') return;
  const open = [{ directory: root, entries: fs.list(root.absolute)[Symbol.asyncIterator]() }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const status = await nextEntry(session, top.directory, top.entries);
    if (status === undefined) {
      open.pop();
      continue;
    }
    const item = { ...childOf(top.directory, status.name), status };
    yield item;
    if (status.type === 'DIRECTORY') {
      open.push({ directory: item, entries: fs.list(item.absolute)[Symbol.asyncIterator]() });
    }
  }
}

async function nextEntry(
  session: Session,
  directory: ExistingItem,
  entries: AsyncIterator<FileStatus>,
): Promise<FileStatus | undefined> {
  session.signal.throwIfAborted();
  try {
    const next = await entries.next();
    return next.done ? undefined : next.value;
  } catch (error) {
    await session.fail(error, directory.shown);
    return undefined;
  }
}
