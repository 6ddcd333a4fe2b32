/** What making a file and making a directory have in common. */
import { DfsError } from '../../common/errors.js';
import type { ResolvedPath } from '../inode-tree.js';
import type { Transaction } from '../journal.js';
import type { NamesystemSettings } from '../namesystem.js';
import { checkNewNames, prefixOf } from '../paths.js';
import { Access, type Caller, requireAccess, requireSuperuser } from '../permissions.js';
import type { WalkedInode } from '../storage/directory-cache.js';
import type { NewDirectory } from '../storage/edit-records.js';
import { inodeById } from '../storage/inode-rows.js';

/** Directories that are made on the way are searchable and writable by their owner, as in HDFS. */
const IMPLICIT_BITS = 0o300;

export interface Ancestor {
  /** The deepest directory of the path that exists. */
  readonly directory: WalkedInode;
  /** Index of the first component that is missing. */
  readonly missingFrom: number;
}

/**
 * Checks that the missing components of a path may be made: permission, names, room, parents.
 * @throws DfsError `AccessControl`, `FileNotFound` (a parent is missing), `PathTooLong`, `InvalidPath`, `TooManyChildren`.
 */
export function checkNewInodes(
  tx: Transaction,
  caller: Caller,
  resolved: ResolvedPath,
  createParent: boolean,
  settings: NamesystemSettings,
): Ancestor {
  const { path, directories } = resolved;
  const missingFrom = directories.length - 1;
  const directory = directories.at(-1) as WalkedInode;
  const isParent = directories.length === path.components.length;
  if (!isParent && !createParent) {
    throw new DfsError('FileNotFound', `Parent directory doesn't exist: ${prefixOf(path, path.components.length - 1)}`);
  }
  requireAccess(caller, directory, Access.WRITE, () => prefixOf(path, missingFrom));
  checkNewNames(path, missingFrom, settings.maxComponentBytes);
  checkRoom(tx, directory.id, () => prefixOf(path, missingFrom), settings);
  return { directory, missingFrom };
}

/** @throws DfsError `TooManyChildren` when the directory cannot take another entry. */
export function checkRoom(tx: Transaction, directory: number, path: () => string, settings: NamesystemSettings): void {
  const children = inodeById(tx.db, directory)?.children ?? 0;
  if (children < settings.maxDirectoryItems) return;
  throw new DfsError(
    'TooManyChildren',
    `The directory item limit of ${path()} is exceeded: limit=${settings.maxDirectoryItems} items=${children}`,
  );
}

/** Whom new inodes shall belong to, if not to the caller and the group of the directory above. */
export interface Ownership {
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
}

const SETGID = 0o2000;

/**
 * Owner and group of a new inode. The group is inherited from above, as in HDFS and BSD; a superuser who acts for somebody else
 * names both, and then the setgid bit of the directory decides about the group, as on Linux.
 * @throws DfsError `AccessControl` when somebody else than the superuser names them.
 */
export function newOwner(
  caller: Caller,
  { owner, group }: Ownership,
  above: Pick<WalkedInode, 'mode' | 'grp'>,
): { owner: string; group: string } {
  if (owner !== undefined || group !== undefined) requireSuperuser(caller);
  const inherits = group === undefined || (above.mode & SETGID) !== 0;
  return { owner: owner ?? caller.user, group: inherits ? above.grp : group };
}

/**
 * The directories for the components from `ancestor.missingFrom` up to, not including, `end`. Ids follow the next free one. The
 * setgid bit is inherited.
 */
export function newDirectories(
  tx: Transaction,
  caller: Caller,
  { path }: ResolvedPath,
  { directory, missingFrom }: Ancestor,
  { end, mode, ...ownership }: Ownership & { readonly end: number; readonly mode: number },
): NewDirectory[] {
  const firstId = tx.counters.nextInodeId;
  const owner = newOwner(caller, ownership, directory);
  return path.components.slice(missingFrom, end).map((name, i) => ({
    id: firstId + i,
    parent: i === 0 ? directory.id : firstId + i - 1,
    name,
    mode: (missingFrom + i === path.components.length - 1 ? mode : mode | IMPLICIT_BITS) | (directory.mode & SETGID),
    ...owner,
  }));
}
