import { newAbortController } from '../../on-abort.js';
import { createRequest, openRequest } from '../flags.js';
import type { Answer } from './answers.js';
import type { NativeOperations } from './binding.js';
import type { HandlerContext } from './handlers.js';
import { CreateFlags } from './request-record.js';
import { fromParts } from './stat-record.js';

type FileOperations = Pick<
  NativeOperations,
  'open' | 'create' | 'read' | 'write' | 'flush' | 'fsync' | 'fsyncdir' | 'release'
>;

/** libfuse does not pass on that a program does not want to wait any more. */
const NEVER = newAbortController().signal;

export function fileHandlers({ operations, paths, open, answers, caller, record }: HandlerContext): FileOperations {
  const createFlags = new CreateFlags();
  return {
    open: (signal, path, flags) =>
      answers.give('open', signal, async () => {
        const inode = await paths.inode(path);
        const { handle } = await operations.open(inode, openRequest(flags, false));
        open.opened(handle, inode);
        return [0, handle];
      }),
    create(signal, path, mode) {
      const current = record();
      answers.give('create', signal, async () => {
        const request = createRequest(createFlags.of(current));
        const { parent, name } = await paths.newEntry(path);
        const { handle, attributes } = await operations.create(caller, parent, name, mode, request);
        paths.made(path, attributes);
        open.opened(handle, attributes.inode);
        return [0, handle];
      });
    },
    read(signal, _path, handle, target, size, low, high) {
      const work = async (): Promise<Answer> => {
        const { buffers, release } = await operations.read(handle, fromParts(low, high), size, NEVER);
        let bytes = 0;
        for (const buffer of buffers) bytes += buffer.copy(target, bytes);
        release();
        return [bytes, 0, target.buffer];
      };
      answers.give('read', signal, work, [0, target.buffer]);
    },
    write(signal, _path, handle, data, size, low, high) {
      const work = async (): Promise<Answer> => {
        await operations.write(handle, fromParts(low, high), data, false);
        return [size, 0, data.buffer];
      };
      answers.give('write', signal, work, [0, data.buffer]);
    },
    flush: (signal, _path, handle) => answers.giveDone('flush', signal, () => operations.flush(handle)),
    fsync: (signal, _path, _datasync, handle) => answers.giveDone('fsync', signal, () => operations.fsync(handle)),
    /** Every change of a directory is durable when it is answered. */
    fsyncdir: (signal) => signal(0),
    release(signal, _path, handle) {
      open.released(handle);
      answers.giveDone('release', signal, () => operations.release(handle));
    },
  };
}
