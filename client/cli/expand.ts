/** Finds what the patterns of a command line stand for in the cluster. */
import type { FileStatus } from '../types.js';
import { compileName, expandBraces, hasGlob, splitPattern, withoutEscapes } from './glob.js';
import { childOf, type RemotePath } from './remote-path.js';
import type { RemoteItem, Session } from './session.js';

/**
 * What an argument names. Without a pattern: one item, whether it exists or not. With one: everything that matches, in order.
 *
 * A pattern that matches nothing is taken as a plain name at last, as shells do and HDFS does not: a file `a[1].txt` then needs no
 * backslash.
 */
export async function* expand(session: Session, arg: string): AsyncGenerator<RemoteItem> {
  let any = false;
  if (hasGlob(arg)) {
    for await (const item of matches(session, arg)) {
      any = true;
      yield item;
    }
  }
  if (!any) yield await session.stat(session.path(withoutEscapes(arg)));
}

async function* matches(session: Session, pattern: string): AsyncGenerator<RemoteItem> {
  const seen = new Set<string>();
  for (const alternative of expandBraces(pattern)) {
    const prefix = /^hdfs:(\/\/[^/]*)?\/|^\//.exec(alternative)?.[0] ?? '';
    const start = session.path(prefix === '' ? '.' : prefix);
    const components = splitPattern(alternative.slice(prefix.length));
    for await (const item of matchesBelow(session, start, components)) {
      if (!seen.has(item.absolute)) yield item;
      seen.add(item.absolute);
    }
  }
}

async function* matchesBelow(
  session: Session,
  parent: RemotePath,
  components: readonly string[],
): AsyncGenerator<RemoteItem> {
  const [component, ...rest] = components;
  if (component === undefined) {
    const item = await session.stat(parent);
    if (item.status !== undefined) yield item;
    return;
  }
  const pattern = compileName(component);
  if (pattern.kind === 'literal') {
    yield* matchesBelow(session, step(session, parent, pattern.name), rest);
    return;
  }
  for await (const status of listIfDirectory(session, parent)) {
    if (!pattern.matches(status.name)) continue;
    const child = childOf(parent, status.name);
    if (rest.length === 0) yield { ...child, status };
    else if (status.type === 'DIRECTORY') yield* matchesBelow(session, child, rest);
  }
}

function step(session: Session, parent: RemotePath, name: string): RemotePath {
  return name === '.' || name === '..' ? session.path(`${parent.shown}/${name}`) : childOf(parent, name);
}

async function* listIfDirectory(session: Session, path: RemotePath): AsyncGenerator<FileStatus> {
  const { status } = await session.stat(path);
  if (status?.type === 'DIRECTORY') yield* (await session.fs(path)).list(path.absolute);
}
