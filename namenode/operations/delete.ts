import { DfsError } from '../../common/errors.js';
import { parentOf, resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { type DfsPath, prefixOf } from '../paths.js';
import { Access, type Caller, requireAccess, requireNotSticky } from '../permissions.js';
import { InodeType } from '../storage/schema.js';
import { type VisitedRow, walkTree } from './walk-tree.js';

/**
 * Removes a file or a directory with all that is in it, in one step, however much that is; blocks go afterwards, bit by bit.
 * @returns false when there was nothing.
 * @throws DfsError `PathIsNotEmptyDirectory`, `InvalidPath` (the root), `AccessControl`, `ParentNotDirectory`.
 */
export async function deletePath(ns: Namesystem, call: Call, path: DfsPath, recursive: boolean): Promise<boolean> {
  if (path.components.length === 0) throw new DfsError('InvalidPath', 'The root directory cannot be deleted');
  if (recursive && !call.superuser) await requireAccessBelow(ns, call, path);
  const deleted = await change<boolean>(ns, call, `delete ${path.text}`, (tx) => {
    const resolved = resolve(tx.db, call, path);
    const { inode } = resolved;
    const parent = parentOf(resolved);
    if (inode === undefined || parent === undefined) return { answer: false };
    if (inode.children > 0 && !recursive) {
      throw new DfsError('PathIsNotEmptyDirectory', `\`${path.text} is non empty': Directory is not empty`);
    }
    requireAccess(call, parent, Access.WRITE, () => prefixOf(resolved.path, resolved.path.components.length - 1));
    requireNotSticky(call, parent, inode, () => path.text);
    return { answer: true, record: { op: 'delete', id: inode.id } };
  });
  if (deleted) ns.onDeleted();
  return deleted;
}

/**
 * HDFS wants full access to every directory of the tree that is not empty. They are looked at before the delete and not in it, because
 * a large tree takes longer than others should wait; a directory that is added in this moment escapes the check.
 */
async function requireAccessBelow(ns: Namesystem, caller: Caller, path: DfsPath): Promise<void> {
  const { inode } = resolve(ns.journal.committed, caller, path);
  if (inode?.type !== InodeType.DIRECTORY) return;
  const check = (row: VisitedRow, pathOfRow: () => string) => {
    if (row.type === InodeType.DIRECTORY && row.children > 0) requireAccess(caller, row, Access.ALL, pathOfRow);
  };
  check(inode, () => path.text);
  for await (const { directory, rows } of walkTree(ns.journal, inode.id)) {
    for (const row of rows) check(row, () => `${path.text}${directory}/${row.name}`);
  }
}
