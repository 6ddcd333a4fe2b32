import type { Destination } from './destination.js';
import { PathError, UsageError } from './errors.js';
import { childOf, isBelow, looksLikeDirectory, parentOf } from './remote-path.js';
import type { ExistingItem, RemoteItem, Session } from './session.js';

/** A remote destination of copies and moves. */
export function remoteDestination(session: Session, item: RemoteItem): Destination {
  const { status } = item;
  return {
    shown: item.shown,
    kind: status === undefined ? 'missing' : status.type === 'DIRECTORY' ? 'directory' : 'file',
    looksLikeDirectory: looksLikeDirectory(item),
    parentExists: async () => (await session.fs(item)).exists(parentOf(item.absolute)),
  };
}

/** Where a source named `name` goes: into the destination when that is a directory, else it becomes the destination. */
export async function remoteTarget(session: Session, destination: RemoteItem, name: string): Promise<RemoteItem> {
  if (destination.status?.type !== 'DIRECTORY') return destination;
  return name === '' ? destination : await session.stat(childOf(destination, name));
}

export interface SplitArguments {
  readonly sources: readonly string[];
  readonly destination: string;
}

/** The last of several arguments is the destination; when there is only one, it is the directory that relative paths start from. */
export function splitOptionalDestination(args: readonly string[]): SplitArguments {
  return args.length < 2 ? { sources: args, destination: '.' } : splitDestination(args);
}

/** The last argument is the destination. @throws UsageError when it is the only one. */
export function splitDestination(args: readonly string[]): SplitArguments {
  const destination = args.at(-1);
  if (destination === undefined || args.length < 2) throw new UsageError('the destination is missing.');
  return { sources: args.slice(0, -1), destination };
}

/** @throws PathError when a directory would be copied or moved onto itself or below itself. */
export function refuseOverlap(source: ExistingItem, target: RemoteItem): void {
  if (source.status.type !== 'DIRECTORY' || source.namenode !== target.namenode) return;
  if (source.absolute === target.absolute) throw new PathError(source.shown, 'are identical', target.shown);
  if (isBelow(target, source)) throw new PathError(source.shown, 'is a subdirectory of itself', target.shown);
}
