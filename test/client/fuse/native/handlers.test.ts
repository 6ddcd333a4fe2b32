import { constants } from 'node:os';
import test from 'ava';
import type { FileSystemOperations } from '../../../../client/fuse/file-system-operations.js';
import { Answers } from '../../../../client/fuse/native/answers.js';
import { handlers } from '../../../../client/fuse/native/handlers.js';
import { OpenInodes } from '../../../../client/fuse/native/open-inodes.js';
import { Paths } from '../../../../client/fuse/native/paths.js';
import { CreateFlags, recordedTimes } from '../../../../client/fuse/native/request-record.js';
import { DfsError } from '../../../../common/errors.js';
import { createLogger } from '../../../../common/logging.js';
import { FakeClock } from '../../../support/fake-clock.js';

const RECORD_BYTES = 360;

function setUp(parts: Partial<FileSystemOperations>) {
  const operations = {
    lookup: async (_: number, name: string) => ({ inode: name.length, mode: 0, size: 0, links: 1 }),
    forget: () => {},
    ...parts,
  } as unknown as FileSystemOperations;
  return handlers({
    operations,
    paths: new Paths(operations, new FakeClock()),
    open: new OpenInodes(),
    answers: new Answers(createLogger({ name: 'test', level: 'silent' })),
    caller: { uid: 1, gid: 2 },
    record: () => Buffer.alloc(RECORD_BYTES),
  });
}

/** What a handler answered with; a second answer would be an error. */
function answer(call: (signal: (...values: readonly unknown[]) => void) => void): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    call((...values) => {
      if (isAnswered) reject(new Error('answered twice'));
      isAnswered = true;
      setImmediate(() => resolve(values));
    });
  });
}

test('an attribute is measured, given, or too large for the room that the caller has', async (t) => {
  const { getxattr } = setUp({ getxattr: async () => Buffer.from('value') });
  const ask = async (target: Buffer, name = 'user.a') =>
    (await answer((signal) => getxattr(signal, '/f', name, target)))[0];
  t.is(await ask(Buffer.alloc(0)), 5);
  t.is(await ask(Buffer.alloc(4)), -constants.errno.ERANGE);
  const target = Buffer.alloc(8);
  t.is(await ask(target), 5);
  t.is(target.toString('latin1', 0, 5), 'value');
  t.is(await ask(target, 'security.capability'), -constants.errno.ENODATA);
});

test('what fails is answered with an errno, and with the buffers that the addon takes back', async (t) => {
  const failure = async () => {
    throw new DfsError('NoSpace', 'full');
  };
  const { write, read } = setUp({ write: failure, read: failure });
  const data = Buffer.alloc(10);
  t.deepEqual(await answer((signal) => write(signal, '/f', 1, data, 10, 0, 0)), [
    -constants.errno.ENOSPC,
    0,
    data.buffer,
  ]);
  t.deepEqual(await answer((signal) => read(signal, '/f', 1, data, 10, 0, 0)), [
    -constants.errno.ENOSPC,
    0,
    data.buffer,
  ]);
});

test('what is read comes together in the caller’s buffer', async (t) => {
  let released = 0;
  const { read } = setUp({
    read: async (_handle, position) => ({
      buffers: [Buffer.from(`${position}`), Buffer.from('abc')],
      release: () => void released++,
    }),
  });
  const target = Buffer.alloc(20);
  const [bytes] = await answer((signal) => read(signal, '/f', 1, target, 20, 7, 1));
  t.is(target.toString('latin1', 0, Number(bytes)), `${2 ** 32 + 7}abc`);
  t.is(released, 1);
});

test('libfuse’s renaming of an open file to a hidden name removes the file; any other one renames', async (t) => {
  const done: string[] = [];
  const { open, rename, unlink, release } = setUp({
    open: async () => ({ handle: 1, keepsCache: false }),
    release: async () => {},
    unlink: async (parent, name) => void done.push(`unlink ${parent}/${name}`),
    rename: async (parent, name, to) => void done.push(`rename ${parent}/${name} ${to.parent}/${to.name}`),
  });
  const hidden = '/.fuse_hidden0123456789abcdef';
  await answer((signal) => rename(signal, '/file', hidden));
  t.deepEqual(done.splice(0), [`rename 1/file 1${hidden}`], 'it is not open');
  await answer((signal) => open(signal, '/file', 0));
  await answer((signal) => rename(signal, '/file', '/other'));
  await answer((signal) => rename(signal, '/file', hidden));
  await answer((signal) => release(signal, hidden, 1));
  await answer((signal) => unlink(signal, hidden));
  t.deepEqual(done, ['rename 1/file 1/other', 'unlink 1/file']);
});

test('a record of another build is refused, and so are flags that are none', (t) => {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeBigInt64LE(1_000n, 104);
  record.writeBigInt64LE(-1n, 112);
  t.deepEqual(recordedTimes(record), { accessTimeMs: 1_000, modificationTimeMs: 0 });
  t.throws(() => recordedTimes(record.subarray(8)), { name: 'Unsupported' });
  if (process.platform !== 'linux') return;
  t.throws(() => new CreateFlags().of(record), { code: 'EIO' }, 'nothing is at address 0');
});
