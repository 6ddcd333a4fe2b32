/** What all operations on inodes and their entries share. */
import { DfsError, isDfsError } from '../../common/errors.js';
import type { FileSystem } from '../file-system.js';
import { inodePath } from '../posix-namespace.js';
import type { FileStatus } from '../types.js';
import { HIDDEN_NAME } from './hidden-directory.js';
import { ROOT_NODE } from './nodes.js';

export const NAME_BYTES_MAX = 255;
export const PERMISSION_BITS = 0o7777;

/** The path of a directory's entry. @throws DfsError `PathTooLong`, `FileNotFound` for what mounts do not show. */
export function entryPath(parent: number, name: string): string {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new DfsError('PathTooLong', `a name has at most ${NAME_BYTES_MAX} bytes`);
  }
  if (parent === ROOT_NODE && name === HIDDEN_NAME)
    throw new DfsError('FileNotFound', `${name} is not shown by mounts`);
  return inodePath(parent, name);
}

/** What the kernel knows by its inode has no name that could be missing: it was removed by somebody else. */
export async function onInode<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isDfsError(error, 'FileNotFound')) throw error;
    throw new DfsError('FileChanged', 'the file was removed by another client', { cause: error });
  }
}

export async function statInode(fs: FileSystem, node: number): Promise<FileStatus> {
  return await onInode(fs.stat(inodePath(node)));
}
