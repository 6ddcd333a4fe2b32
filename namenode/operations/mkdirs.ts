import { DfsError } from '../../common/errors.js';
import { resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { InodeType } from '../storage/schema.js';
import { checkNewInodes, newDirectories, type Ownership } from './new-inodes.js';

export interface MkdirsRequest extends Ownership {
  readonly path: DfsPath;
  readonly mode: number;
  readonly createParent: boolean;
  /** The directory must not exist yet. */
  readonly exclusive: boolean;
}

/**
 * Makes a directory.
 * @throws DfsError `FileAlreadyExists`, `ParentNotDirectory`, `FileNotFound`, `AccessControl`, and those of new-inodes.ts.
 */
export async function mkdirs(ns: Namesystem, call: Call, request: MkdirsRequest): Promise<void> {
  const { path, mode, createParent, exclusive, owner, group } = request;
  await change(ns, call, `create directory ${path.text}`, (tx) => {
    const resolved = resolve(tx.db, call, path);
    if (resolved.inode !== undefined) {
      if (resolved.inode.type !== InodeType.DIRECTORY) {
        throw new DfsError('FileAlreadyExists', `Path is not a directory: ${path.text}`);
      }
      if (exclusive) throw new DfsError('FileAlreadyExists', `${path.text} already exists`);
      return { answer: null };
    }
    const ancestor = checkNewInodes(tx, call, resolved, createParent, ns.settings);
    const directories = newDirectories(tx, call, resolved, ancestor, {
      end: resolved.path.components.length,
      mode,
      owner,
      group,
    });
    return { answer: null, record: { op: 'mkdirs', directories } };
  });
}
