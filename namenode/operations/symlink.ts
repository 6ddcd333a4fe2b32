import { DfsError } from '../../common/errors.js';
import { fileNotFound, resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { inodeById } from '../storage/inode-rows.js';
import type { InodeRow } from '../storage/rows.js';
import { checkNewInodes, newOwner, type Ownership } from './new-inodes.js';

/** As Linux limits it: PATH_MAX with its closing zero. */
const TARGET_BYTES_MAX = 4095;

export interface SymlinkRequest extends Ownership {
  readonly path: DfsPath;
  /** Whatever it says: nobody but a mount's kernel follows it. */
  readonly target: string;
}

/**
 * Makes a symbolic link; answers with it. HDFS has the operation and keeps it switched off, because its clients would have to follow
 * links. Ours do not follow them either; the kernel above a mount does.
 * @throws DfsError `FileAlreadyExists`, `InvalidArgument` (the target), and those of new-inodes.ts.
 */
export async function createSymlink(ns: Namesystem, call: Call, request: SymlinkRequest): Promise<InodeRow> {
  const { path, target } = request;
  const bytes = Buffer.byteLength(target);
  if (bytes === 0 || bytes > TARGET_BYTES_MAX || target.includes('\0')) {
    throw new DfsError(
      'InvalidArgument',
      `The target of the symbolic link ${path.text} must have 1 to ${TARGET_BYTES_MAX} bytes, none of them 0`,
    );
  }
  const id = await change(ns, call, `create symlink ${path.text}`, (tx) => {
    const resolved = resolve(tx.db, call, path);
    if (resolved.inode !== undefined) throw new DfsError('FileAlreadyExists', `${path.text} already exists`);
    const { directory } = checkNewInodes(tx, call, resolved, false, ns.settings);
    const inodeId = tx.counters.nextInodeId;
    const name = resolved.path.components.at(-1) as string;
    const owner = newOwner(call, request, directory);
    return { answer: inodeId, record: { op: 'symlink', id: inodeId, parent: directory.id, name, ...owner, target } };
  });
  const inode = inodeById(ns.journal.committed, id);
  if (inode === undefined) throw fileNotFound(path.text);
  return inode;
}
