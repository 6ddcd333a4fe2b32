/** POSIX permissions as HDFS has them: owner, group, others, and the sticky bit of directories. Messages are HDFS's. */
import { DfsError } from '../common/errors.js';
import { InodeType } from './storage/schema.js';

/** Who calls, as far as permissions go. */
export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
  /** May do everything: the user who runs the NameNode, members of the supergroup; everybody when permissions are off. */
  readonly superuser: boolean;
}

/** The part of an inode that permissions depend on. */
export interface Guarded {
  readonly type: number;
  readonly mode: number;
  readonly owner: string;
  readonly grp: string;
}

/** Bits of what is asked for, as in a mode's digit. */
export const Access = { EXECUTE: 1, WRITE: 2, READ: 4, READ_EXECUTE: 5, ALL: 7 } as const;
export type AccessBits = (typeof Access)[keyof typeof Access];

const STICKY = 0o1000;

const ACCESS_NAMES = ['NONE', 'EXECUTE', 'WRITE', 'WRITE_EXECUTE', 'READ', 'READ_EXECUTE', 'READ_WRITE', 'ALL'];

export function mayAccess(caller: Caller, inode: Guarded, access: AccessBits): boolean {
  if (caller.superuser) return true;
  return (bitsFor(caller, inode) & access) === access;
}

/** @throws DfsError `AccessControl`. `path` is called only for the message. */
export function requireAccess(caller: Caller, inode: Guarded, access: AccessBits, path: () => string): void {
  if (mayAccess(caller, inode, access)) return;
  throw new DfsError(
    'AccessControl',
    `Permission denied: user=${caller.user}, access=${ACCESS_NAMES[access]}, inode="${path()}":${description(inode)}`,
  );
}

/** In a sticky directory only the owner of an entry, or of the directory, may remove it. @throws DfsError `AccessControl`. */
export function requireNotSticky(caller: Caller, parent: Guarded, inode: Guarded, path: () => string): void {
  if (caller.superuser || (parent.mode & STICKY) === 0) return;
  if (caller.user === parent.owner || caller.user === inode.owner) return;
  throw new DfsError(
    'AccessControl',
    `Permission denied by sticky bit: user=${caller.user}, path="${path()}":${description(inode)}, parent:${description(parent)}`,
  );
}

/** @throws DfsError `NotOwner`. */
export function requireOwner(caller: Caller, inode: Guarded, path: () => string): void {
  if (caller.superuser || caller.user === inode.owner) return;
  throw new DfsError('NotOwner', `Permission denied. user=${caller.user} is not the owner of inode=${path()}`);
}

/** @throws DfsError `AccessControl`. */
export function requireSuperuser(caller: Caller): void {
  if (caller.superuser) return;
  throw new DfsError('AccessControl', `Access denied for user ${caller.user}. Superuser privilege is required`);
}

/** `alice:users:drwxr-xr-t` */
function description({ owner, grp, mode, type }: Guarded): string {
  return `${owner}:${grp}:${type === InodeType.DIRECTORY ? 'd' : '-'}${symbolicMode(mode)}`;
}

function symbolicMode(mode: number): string {
  let text = '';
  for (const shift of [6, 3, 0]) {
    const bits = mode >> shift;
    text += `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`;
  }
  if ((mode & STICKY) === 0) return text;
  return text.slice(0, -1) + (mode & 1 ? 't' : 'T');
}

function bitsFor(caller: Caller, { mode, owner, grp }: Guarded): number {
  if (caller.user === owner) return (mode >> 6) & 7;
  if (caller.groups.includes(grp)) return (mode >> 3) & 7;
  return mode & 7;
}
