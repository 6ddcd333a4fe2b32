import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { namedPath, parentOf, type ResolvedPath, resolve } from '../inode-tree.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { checkNewNames, childPath, type DfsPath, isInside, prefixOf } from '../paths.js';
import { Access, requireAccess, requireNotSticky } from '../permissions.js';
import type { WalkedInode } from '../storage/directory-cache.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';
import { checkRoom } from './new-inodes.js';

export interface RenameRequest {
  readonly source: DfsPath;
  readonly destination: DfsPath;
  /** Replace a file, or an empty directory, that is in the way. */
  readonly overwrite: boolean;
  /** Never move into a destination that is a directory, but in its place. */
  readonly exact: boolean;
  /** Where that which is replaced goes, instead of being deleted; nothing may be there. */
  readonly keepReplacedAs?: DfsPath | undefined;
}

/** An inode with the directory that holds it. */
interface Entry {
  readonly parent: WalkedInode;
  readonly inode: InodeRow;
}

/**
 * Moves a file or a directory, in one step.
 * @throws DfsError `FileNotFound`, `FileAlreadyExists`, `InvalidPath` (the root, or into itself), `ParentNotDirectory`,
 *   `IsADirectory`, `NotADirectory`, `PathIsNotEmptyDirectory`, `AccessControl`, and those of new names.
 */
export async function rename(ns: Namesystem, call: Call, request: RenameRequest): Promise<void> {
  const replaced = await change(ns, call, `rename ${request.source.text}`, (tx) => {
    const { exact } = request;
    const source = namedPath(tx.db, request.source);
    const destination = namedPath(tx.db, request.destination);
    const from = requireSource(tx.db, call, source);
    if (exact && source.text === destination.text) return { answer: false };
    if (isInside(destination, source)) {
      throw new DfsError(
        'InvalidPath',
        `Rename destination ${destination.text} is a directory or file under source ${source.text}`,
      );
    }
    const to = findDestination(tx.db, call, { source, destination, exact }, from.inode);
    const parent = requireDestinationParent(to);
    const target = { parent, path: to.path };
    if (to.inode?.id === from.inode.id) throw sameFile(source, to.path);
    requireMovable(call, source, from);
    requireAccess(call, parent, Access.WRITE, () => prefixOf(to.path, to.path.components.length - 1));
    if (to.inode !== undefined) {
      requireReplaceable(request, from.inode, to.inode, to.path);
      requireNotSticky(call, parent, to.inode, () => to.path.text);
    }
    checkName(ns, tx, target, from, to.inode !== undefined);
    const record = {
      op: 'rename',
      id: from.inode.id,
      toParent: parent.id,
      toName: to.path.components.at(-1) as string,
      ...(to.inode === undefined ? {} : { replaces: to.inode.id, ...keptAs(ns, tx, call, request) }),
    } as const;
    return { answer: to.inode !== undefined, record };
  });
  if (replaced) ns.onDeleted();
}

function requireSource(db: Database, call: Call, source: DfsPath): Entry {
  const resolved = resolve(db, call, source);
  const parent = parentOf(resolved);
  if (resolved.path.components.length === 0) throw new DfsError('InvalidPath', 'rename source cannot be the root');
  if (resolved.inode === undefined || parent === undefined) {
    throw new DfsError('FileNotFound', `rename source ${source.text} is not found.`);
  }
  return { parent, inode: resolved.inode };
}

/** Where the source is to stand: the destination itself, or inside of it when it is a directory. */
function findDestination(
  db: Database,
  call: Call,
  { source, destination, exact }: Pick<RenameRequest, 'source' | 'destination' | 'exact'>,
  moved: InodeRow,
): ResolvedPath {
  const given = resolve(db, call, destination);
  if (exact || given.inode?.type !== InodeType.DIRECTORY || given.inode.id === moved.id) return given;
  return resolve(db, call, childPath(destination, source.components.at(-1) as string));
}

function requireDestinationParent(to: ResolvedPath): WalkedInode {
  const { path } = to;
  if (path.components.length === 0) throw new DfsError('InvalidPath', 'rename destination cannot be the root');
  const parent = parentOf(to);
  if (parent !== undefined) return parent;
  throw new DfsError(
    'FileNotFound',
    `rename destination parent ${prefixOf(path, path.components.length - 1)} not found.`,
  );
}

function requireMovable(call: Call, source: DfsPath, { parent, inode }: Entry): void {
  requireAccess(call, parent, Access.WRITE, () => prefixOf(source, source.components.length - 1));
  requireNotSticky(call, parent, inode, () => source.text);
}

/** What is in the way may be replaced by something of its kind only, and a directory only while it is empty. */
function requireReplaceable(
  { overwrite }: RenameRequest,
  moved: InodeRow,
  inTheWay: InodeRow,
  { text }: DfsPath,
): void {
  if (!overwrite) throw new DfsError('FileAlreadyExists', `rename destination ${text} already exists`);
  const movesDirectory = moved.type === InodeType.DIRECTORY;
  const replacesDirectory = inTheWay.type === InodeType.DIRECTORY;
  if (movesDirectory && !replacesDirectory) {
    throw new DfsError('NotADirectory', `Source is a directory, but destination ${text} is a file`);
  }
  if (!movesDirectory && replacesDirectory) {
    throw new DfsError('IsADirectory', `Source is a file, but destination ${text} is a directory`);
  }
  if (replacesDirectory && inTheWay.children > 0) {
    throw new DfsError('PathIsNotEmptyDirectory', `rename destination directory is not empty: ${text}`);
  }
}

function checkName(
  ns: Namesystem,
  tx: Transaction,
  { parent, path }: { parent: WalkedInode; path: DfsPath },
  from: Entry,
  replaces: boolean,
): void {
  const depth = path.components.length - 1;
  checkNewNames(path, depth, ns.settings.maxComponentBytes);
  if (!replaces && parent.id !== from.parent.id) checkRoom(tx, parent.id, () => prefixOf(path, depth), ns.settings);
}

/** Where the record says that the replaced inode goes. */
function keptAs(
  ns: Namesystem,
  tx: Transaction,
  call: Call,
  { keepReplacedAs }: RenameRequest,
): { keptAs?: { parent: number; name: string } } {
  if (keepReplacedAs === undefined) return {};
  const { path, inode, ...found } = resolve(tx.db, call, keepReplacedAs);
  const parent = requireDestinationParent({ path, inode, ...found });
  if (inode !== undefined) throw new DfsError('FileAlreadyExists', `${path.text} already exists`);
  const depth = path.components.length - 1;
  requireAccess(call, parent, Access.WRITE, () => prefixOf(path, depth));
  checkNewNames(path, depth, ns.settings.maxComponentBytes);
  checkRoom(tx, parent.id, () => prefixOf(path, depth), ns.settings);
  return { keptAs: { parent: parent.id, name: path.components[depth] as string } };
}

function sameFile(source: DfsPath, destination: DfsPath): DfsError {
  return new DfsError(
    'FileAlreadyExists',
    `The source ${source.text} and destination ${destination.text} are the same`,
  );
}
