/** Records that change the directory tree. */
import { DfsError } from '../../common/errors.js';
import type { ApplyState } from './apply.js';
import { directoryCache } from './directory-cache.js';
import type {
  CreateEdit,
  MkdirsEdit,
  NewDirectory,
  RenameEdit,
  SetOwnerEdit,
  SetPermissionEdit,
  SetTimesEdit,
  SymlinkEdit,
} from './edit-records.js';
import { expectOneRow } from './rows.js';
import { DELETED_INODE_ID, InodeType } from './schema.js';
import { statement } from './statements.js';
import { addUsage, chargeTo, NEW_NAME, releaseFrom } from './usage.js';

const INSERT = `
  INSERT INTO inodes (id, parent, name, type, mode, owner, grp, mtime_ms, atime_ms, children, replication, block_size, length, lease_holder, opened_by)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?)`;

/** Links have no permissions of their own. */
const SYMLINK_MODE = 0o777;

export function mkdirs(state: ApplyState, edit: MkdirsEdit): void {
  for (const directory of edit.directories) addDirectory(state, directory, edit.timeMs);
}

export function create(state: ApplyState, edit: CreateEdit): void {
  if (edit.replaces !== undefined) detach(state, edit.replaces, edit.timeMs);
  for (const directory of edit.directories) addDirectory(state, directory, edit.timeMs);
  const { id, parent, name, mode, owner, group, timeMs, replication, blockSize, leaseHolder } = edit;
  statement(state.db, INSERT).run(
    id,
    parent,
    name,
    InodeType.FILE,
    mode,
    owner,
    group,
    timeMs,
    timeMs,
    replication,
    blockSize,
    leaseHolder,
    edit.call?.callId ?? 0,
  );
  link(state, parent, timeMs);
  takeInodeId(state, id);
  addUsage(state, parent, NEW_NAME);
  state.counters.files++;
}

export function symlink(state: ApplyState, edit: SymlinkEdit): void {
  const { id, parent, name, owner, group, target, timeMs } = edit;
  statement(state.db, INSERT).run(
    id,
    parent,
    name,
    InodeType.SYMLINK,
    SYMLINK_MODE,
    owner,
    group,
    timeMs,
    timeMs,
    0,
    0,
    null,
    0,
  );
  expectOneRow(
    statement(state.db, 'UPDATE inodes SET symlink = ? WHERE id = ?').run(target, id),
    `set target of inode ${id}`,
  );
  link(state, parent, timeMs);
  takeInodeId(state, id);
  addUsage(state, parent, NEW_NAME);
  state.counters.files++;
}

export function rename(state: ApplyState, edit: RenameEdit): void {
  if (edit.replaces !== undefined) {
    if (edit.keptAs === undefined) detach(state, edit.replaces, edit.timeMs);
    else move(state, edit.replaces, edit.keptAs, edit.timeMs);
  }
  move(state, edit.id, { parent: edit.toParent, name: edit.toName }, edit.timeMs);
}

function move(state: ApplyState, id: number, to: { parent: number; name: string }, timeMs: number): void {
  const from = parentOf(state, id);
  unlink(state, from, timeMs);
  if (from !== to.parent) releaseFrom(state, from, id);
  place(state, id, to.parent, to.name);
  link(state, to.parent, timeMs);
  if (from !== to.parent) chargeTo(state, to.parent, id);
}

/** Takes an inode, with all below it, out of the namespace: one row moves, whatever the size of the tree. */
export function detach(state: ApplyState, id: number, timeMs: number): void {
  const from = parentOf(state, id);
  unlink(state, from, timeMs);
  releaseFrom(state, from, id);
  place(state, id, DELETED_INODE_ID, String(id));
}

/** Removes a file that has no blocks, and does not count in what its directory holds any more. */
export function dropEntry(state: ApplyState, id: number, timeMs: number): void {
  unlink(state, parentOf(state, id), timeMs);
  statement(state.db, 'DELETE FROM xattrs WHERE inode = ?').run(id);
  expectOneRow(statement(state.db, 'DELETE FROM inodes WHERE id = ?').run(id), `remove inode ${id}`);
  directoryCache(state.db).forget(id);
  state.counters.files--;
}

export function setPermission(state: ApplyState, edit: Omit<SetPermissionEdit, 'op'>): void {
  const result = statement(state.db, 'UPDATE inodes SET mode = ? WHERE id = ?').run(edit.mode, edit.id);
  expectOneRow(result, `set permission of inode ${edit.id}`);
  directoryCache(state.db).forget(edit.id);
}

export function setOwner(state: ApplyState, edit: Omit<SetOwnerEdit, 'op'>): void {
  const result = statement(state.db, 'UPDATE inodes SET owner = ?, grp = ? WHERE id = ?').run(
    edit.owner,
    edit.group,
    edit.id,
  );
  expectOneRow(result, `set owner of inode ${edit.id}`);
  directoryCache(state.db).forget(edit.id);
}

export function setTimes(state: ApplyState, edit: Omit<SetTimesEdit, 'op'>): void {
  const sql = 'UPDATE inodes SET mtime_ms = ?, mtime_ns = ?, atime_ms = ?, atime_ns = ? WHERE id = ?';
  const { id, modificationTimeMs, modificationTimeNs = 0, accessTimeMs, accessTimeNs = 0 } = edit;
  const result = statement(state.db, sql).run(modificationTimeMs, modificationTimeNs, accessTimeMs, accessTimeNs, id);
  expectOneRow(result, `set times of inode ${edit.id}`);
}

function addDirectory(state: ApplyState, { id, parent, name, mode, owner, group }: NewDirectory, timeMs: number): void {
  statement(state.db, INSERT).run(id, parent, name, InodeType.DIRECTORY, mode, owner, group, timeMs, 0, 0, 0, null, 0);
  link(state, parent, timeMs);
  takeInodeId(state, id);
  addUsage(state, id, NEW_NAME);
  state.counters.directories++;
}

export function parentOf(state: ApplyState, id: number): number {
  const row = statement<{ parent: number }>(state.db, 'SELECT parent FROM inodes WHERE id = ?').get(id);
  if (row === undefined) throw new DfsError('DamagedMetadata', `there is no inode ${id}`);
  return row.parent;
}

function place(state: ApplyState, id: number, parent: number, name: string): void {
  const result = statement(state.db, 'UPDATE inodes SET parent = ?, name = ? WHERE id = ?').run(parent, name, id);
  expectOneRow(result, `move inode ${id}`);
  directoryCache(state.db).forget(id);
}

/** A directory gains an entry. */
function link(state: ApplyState, directory: number, timeMs: number): void {
  const sql = 'UPDATE inodes SET children = children + 1, mtime_ms = ?, mtime_ns = 0 WHERE id = ?';
  expectOneRow(statement(state.db, sql).run(timeMs, directory), `add an entry to inode ${directory}`);
}

/** A directory loses an entry. */
function unlink(state: ApplyState, directory: number, timeMs: number): void {
  const sql = 'UPDATE inodes SET children = children - 1, mtime_ms = ?, mtime_ns = 0 WHERE id = ?';
  expectOneRow(statement(state.db, sql).run(timeMs, directory), `remove an entry of inode ${directory}`);
}

function takeInodeId(state: ApplyState, id: number): void {
  state.counters.nextInodeId = Math.max(state.counters.nextInodeId, id + 1);
}
