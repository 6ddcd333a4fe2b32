import { Errno } from '../errno.js';
import type { AttributeChange } from '../file-system-operations.js';
import { xattrMode } from '../flags.js';
import type { Answer } from './answers.js';
import type { NativeOperations } from './binding.js';
import type { HandlerContext } from './handlers.js';
import { recordedTimes } from './request-record.js';
import { fromParts, statfsRecord, statRecord } from './stat-record.js';

/** uid_t and gid_t of -1: to be left as they are. */
const UNCHANGED = 0xffff_ffff;

type AttributeOperations = Pick<
  NativeOperations,
  | 'getattr'
  | 'fgetattr'
  | 'chmod'
  | 'chown'
  | 'truncate'
  | 'ftruncate'
  | 'utimens'
  | 'statfs'
  | 'setxattr'
  | 'getxattr'
  | 'listxattr'
  | 'removexattr'
>;

export function attributeHandlers({ operations, paths, open, answers, record }: HandlerContext): AttributeOperations {
  const change = async (inode: number, path: string, wanted: Partial<AttributeChange>) =>
    paths.expect(path, await operations.setattr(inode, { ...wanted, dropsPrivileges: false }));
  return {
    getattr: (signal, path) =>
      answers.give('getattr', signal, async () => [0, statRecord(await paths.attributes(path))]),
    fgetattr: (signal, path, handle) =>
      answers.give('fgetattr', signal, async () => [
        0,
        statRecord(paths.expected(path) ?? (await operations.getattr(open.inode(handle), 0))),
      ]),
    chmod: (signal, path, mode) =>
      answers.giveDone('chmod', signal, async () => change(await paths.inode(path), path, { mode })),
    chown: (signal, path, uid, gid) =>
      answers.giveDone('chown', signal, async () =>
        change(await paths.inode(path), path, {
          ...(uid === UNCHANGED ? {} : { uid }),
          ...(gid === UNCHANGED ? {} : { gid }),
        }),
      ),
    truncate: (signal, path, low, high) =>
      answers.giveDone('truncate', signal, async () =>
        change(await paths.inode(path), path, { size: fromParts(low, high) }),
      ),
    ftruncate: (signal, path, handle, low, high) =>
      answers.giveDone('ftruncate', signal, async () =>
        change(open.inode(handle), path, { size: fromParts(low, high) }),
      ),
    utimens(signal, path) {
      const current = record();
      answers.giveDone('utimens', signal, async () =>
        change(await paths.inode(path), path, { times: recordedTimes(current) }),
      );
    },
    statfs: (signal) => answers.give('statfs', signal, async () => [0, statfsRecord(await operations.statfs())]),
    setxattr(signal, path, name, value, _position, flags) {
      const copy = Buffer.from(value);
      const work = async (): Promise<Answer> => {
        await operations.setxattr(await paths.inode(path), name, copy, xattrMode(flags));
        return [0, value.buffer];
      };
      answers.give('setxattr', signal, work, [value.buffer]);
    },
    getxattr(signal, path, name, target) {
      const work = async (): Promise<Answer> => {
        // The kernel asks for others before each write: these are not worth a look at the path.
        if (!name.startsWith('user.')) throw new Errno('ENODATA');
        return sized(await operations.getxattr(await paths.inode(path), name), target);
      };
      answers.give('getxattr', signal, work, [target.buffer]);
    },
    listxattr(signal, path, target) {
      const work = async (): Promise<Answer> => {
        const names = await operations.listxattr(await paths.inode(path));
        return sized(Buffer.from(names.map((name) => `${name}\0`).join('')), target);
      };
      answers.give('listxattr', signal, work, [target.buffer]);
    },
    removexattr: (signal, path, name) =>
      answers.giveDone('removexattr', signal, async () => operations.removexattr(await paths.inode(path), name)),
  };
}

/** As getxattr(2) has it: without room it asks for the size, too little room is an error. fuse-native would write beyond its end. */
function sized(bytes: Buffer, target: Buffer): Answer {
  if (target.length > 0 && bytes.copy(target) < bytes.length) throw new Errno('ERANGE');
  return [bytes.length, target.buffer];
}
