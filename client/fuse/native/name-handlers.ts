import { constants } from 'node:os';
import type { Attributes } from '../file-system-operations.js';
import type { NativeOperations, OperationName, Signal } from './binding.js';
import type { HandlerContext } from './handlers.js';
import { listDirectory } from './listing.js';

type NameOperations = Pick<
  NativeOperations,
  'readlink' | 'readdir' | 'mkdir' | 'mknod' | 'symlink' | 'link' | 'unlink' | 'rmdir' | 'rename'
>;

/** What libfuse renames a file to that is removed, or renamed over, while it is open. */
const LIBFUSE_NAME = /\/\.fuse_hidden[0-9a-f]{16}$/;

export function nameHandlers({ operations, paths, open, answers, caller }: HandlerContext): NameOperations {
  const make = (
    op: OperationName,
    signal: Signal,
    path: string,
    work: (parent: number, name: string) => Promise<Attributes>,
  ) =>
    answers.giveDone(op, signal, async () => {
      const { parent, name } = await paths.newEntry(path);
      paths.made(path, await work(parent, name));
    });
  const remove = async (path: string): Promise<void> => {
    const { parent, name } = await paths.entry(path);
    await operations.unlink(parent, name);
    paths.gone(path);
  };
  return {
    readlink: (signal, path) =>
      answers.give('readlink', signal, async () => [0, await operations.readlink(await paths.inode(path))]),
    readdir: (signal, path) =>
      answers.give('readdir', signal, async () => {
        const { names, records } = await listDirectory(operations, await paths.inode(path));
        return [0, names, records];
      }),
    mkdir: (signal, path, mode) =>
      make('mkdir', signal, path, (parent, name) => operations.mkdir(caller, parent, name, mode)),
    mknod: (signal, path, mode) =>
      make('mknod', signal, path, (parent, name) => operations.mknod(caller, parent, name, mode)),
    symlink: (signal, target, path) =>
      make('symlink', signal, path, (parent, name) =>
        operations.symlink(caller, parent, name, paths.requireText(target)),
      ),
    link: (signal) => signal(-constants.errno.EPERM),
    unlink: (signal, path) =>
      answers.giveDone('unlink', signal, async () => {
        // One that was removed while it was open has gone with its last handle.
        if (!paths.forgetRemoved(path)) await remove(path);
      }),
    rmdir: (signal, path) =>
      answers.giveDone('rmdir', signal, async () => {
        const { parent, name } = await paths.entry(path);
        await operations.rmdir(parent, name);
        paths.gone(path);
      }),
    rename: (signal, from, to) =>
      answers.giveDone('rename', signal, async () => {
        const inode = LIBFUSE_NAME.test(to) ? await paths.inode(from) : undefined;
        if (inode !== undefined && open.has(inode)) {
          // It means to remove an open file. The file system can do that itself, and then nobody sees the name.
          await remove(from);
          paths.removedAs(to, inode);
          return;
        }
        const { parent, name } = await paths.entry(from);
        await operations.rename(parent, name, { ...(await paths.newEntry(to)), mayReplace: true });
        paths.moved(from, to);
      }),
  };
}
