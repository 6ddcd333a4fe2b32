/** Operations that change the attributes of one inode. */
import { DfsError } from '../../common/errors.js';
import { fileNotFound, requireInode } from '../inode-tree.js';
import { type Call, change, type Namesystem, type NamesystemSettings } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, type Caller, requireAccess, requireOwner } from '../permissions.js';
import { inodeById } from '../storage/inode-rows.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';

/** @throws DfsError `InvalidArgument` when files may not have so few or so many replicas. */
export function checkReplication(path: string, replication: number, settings: NamesystemSettings): void {
  const { minReplication, maxReplication } = settings;
  if (replication > maxReplication) {
    throw new DfsError(
      'InvalidArgument',
      `Requested replication factor of ${replication} exceeds maximum of ${maxReplication} for ${path}`,
    );
  }
  if (replication < minReplication) {
    throw new DfsError(
      'InvalidArgument',
      `Requested replication factor of ${replication} is less than the required minimum of ${minReplication} for ${path}`,
    );
  }
}

/**
 * False when the path is a directory, which has no replicas.
 * @throws DfsError `FileNotFound`, `AccessControl`, `InvalidArgument`.
 */
export async function setReplication(ns: Namesystem, call: Call, path: DfsPath, replication: number): Promise<boolean> {
  checkReplication(path.text, replication, ns.settings);
  return await change(ns, call, `set replication for ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    requireAccess(call, inode, Access.WRITE, () => path.text);
    if (inode.type !== InodeType.FILE) return { answer: false };
    return { answer: true, record: { op: 'setReplication', id: inode.id, replication } };
  });
}

/** @throws DfsError `FileNotFound`, `NotOwner`, `AccessControl` on the way. */
export async function setPermission(ns: Namesystem, call: Call, path: DfsPath, mode: number): Promise<void> {
  await change(ns, call, `set permission for ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    requireOwner(call, inode, () => path.text);
    return { answer: null, record: { op: 'setPermission', id: inode.id, mode } };
  });
}

export interface NewOwner {
  /** Undefined: unchanged. */
  readonly owner: string | undefined;
  readonly group: string | undefined;
}

/** Only the superuser gives files away; others may choose among their own groups. @throws DfsError as {@link setPermission}. */
export async function setOwner(ns: Namesystem, call: Call, path: DfsPath, { owner, group }: NewOwner): Promise<void> {
  await change(ns, call, `set owner for ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    requireOwner(call, inode, () => path.text);
    checkNewOwner(call, owner, group);
    const record = { op: 'setOwner', id: inode.id, owner: owner ?? inode.owner, group: group ?? inode.grp } as const;
    return { answer: null, record };
  });
}

function checkNewOwner(caller: Caller, owner: string | undefined, group: string | undefined): void {
  if (caller.superuser) return;
  if (owner !== undefined && owner !== caller.user) {
    throw new DfsError('NotOwner', `User ${caller.user} is not a super user (non-super user cannot change owner).`);
  }
  if (group !== undefined && !caller.groups.includes(group)) {
    throw new DfsError('NotOwner', `User ${caller.user} does not belong to ${group}`);
  }
}

export interface NewTimes {
  /** Undefined: unchanged. */
  readonly modificationTimeMs: number | undefined;
  readonly accessTimeMs: number | undefined;
  /** Nanoseconds within the millisecond of a time that is given. Default: 0. */
  readonly modificationTimeNs?: number;
  readonly accessTimeNs?: number;
}

/** @throws DfsError `FileNotFound`, `AccessControl`. */
export async function setTimes(ns: Namesystem, call: Call, path: DfsPath, times: NewTimes): Promise<void> {
  await change(ns, call, `set times ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    requireAccess(call, inode, Access.WRITE, () => path.text);
    return { answer: null, record: timesRecord(inode, times) };
  });
}

export function timesRecord(inode: InodeRow, times: NewTimes) {
  const { modificationTimeMs, modificationTimeNs = 0, accessTimeMs, accessTimeNs = 0 } = times;
  return {
    op: 'setTimes',
    id: inode.id,
    modificationTimeMs: modificationTimeMs ?? inode.mtime_ms,
    accessTimeMs: accessTimeMs ?? inode.atime_ms,
    modificationTimeNs: modificationTimeMs === undefined ? inode.mtime_ns : modificationTimeNs,
    accessTimeNs: accessTimeMs === undefined ? inode.atime_ns : accessTimeNs,
  } as const;
}

export interface NewAttributes extends NewOwner, NewTimes {
  /** Undefined: unchanged. */
  readonly mode: number | undefined;
}

/** In one step what {@link setOwner}, {@link setPermission} and {@link setTimes} do; answers with the inode. @throws DfsError as they do. */
export async function setAttributes(
  ns: Namesystem,
  call: Call,
  path: DfsPath,
  wanted: NewAttributes,
): Promise<InodeRow> {
  const id = await change(ns, call, `set attributes of ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    const { owner, group, mode } = wanted;
    if (mode !== undefined || owner !== undefined || group !== undefined) requireOwner(call, inode, () => path.text);
    checkNewOwner(call, owner, group);
    if (wanted.modificationTimeMs !== undefined || wanted.accessTimeMs !== undefined)
      requireAccess(call, inode, Access.WRITE, () => path.text);
    return {
      answer: inode.id,
      record: {
        ...timesRecord(inode, wanted),
        op: 'setAttributes',
        mode: mode ?? inode.mode,
        owner: owner ?? inode.owner,
        group: group ?? inode.grp,
      },
    };
  });
  const inode = inodeById(ns.journal.committed, id);
  if (inode === undefined) throw fileNotFound(path.text);
  return inode;
}
