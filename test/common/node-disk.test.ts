import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { osErrorCode } from '../../common/errors.js';
import { nodeDisk, readWhole, wrapOsError, writeDurably } from '../../common/node-disk.js';
import { FaultyDisk, osError } from '../support/faulty-disk.js';
import { cut, cuts } from '../support/scripted-channel.js';

async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'node-disk-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

test('buffers are written one after the other from a position on, and read back from any', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await nodeDisk.open(join(directory, 'data'), 'create');
  t.teardown(() => file.close());
  const model = Buffer.alloc(4000);
  let length = 0;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.nat(2000), cuts, async (bytes, position, places) => {
      const written = Buffer.from(bytes);
      await file.write(cut(written, places), position);
      written.copy(model, position);
      if (written.length > 0) length = Math.max(length, position + written.length);
      t.is(await file.size(), length);
      const target = Buffer.alloc(1000, 0xee);
      const read = await file.read(target, position);
      t.is(read, Math.max(0, Math.min(1000, length - position)));
      t.deepEqual(target.subarray(0, read), model.subarray(position, position + read));
    }),
  );
});

test('more buffers than the kernel takes at once are written', async (t) => {
  const path = join(await temporaryDirectory(t), 'data');
  const file = await nodeDisk.open(path, 'create');
  const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.from(`${i},`));
  buffers[0] = Buffer.alloc(0);
  await file.write(buffers, 0);
  await file.write([], 0);
  await file.write([Buffer.alloc(0)], 0);
  await file.sync();
  await file.close();
  t.deepEqual(await readFile(path), Buffer.concat(buffers));
});

test('a file can be cut off', async (t) => {
  const path = join(await temporaryDirectory(t), 'data');
  const file = await nodeDisk.open(path, 'create');
  await file.write([Buffer.from('0123456789')], 0);
  await file.truncate(4);
  await file.close();
  t.is(await readFile(path, 'utf8'), '0123');
});

test('each way to open says what must be there', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'data');
  await t.throwsAsync(nodeDisk.open(path, 'read'), { code: 'ENOENT' });
  await t.throwsAsync(nodeDisk.open(path, 'write'), { code: 'ENOENT' });
  await (await nodeDisk.open(path, 'create')).close();
  await t.throwsAsync(nodeDisk.open(path, 'create'), { code: 'EEXIST' });
  const readable = await nodeDisk.open(path, 'read');
  await t.throwsAsync(readable.write([Buffer.from('x')], 0), { code: 'EBADF' });
  await readable.close();
  const writable = await nodeDisk.open(path, 'write');
  await writable.write([Buffer.from('x')], 0);
  t.is(await writable.read(Buffer.alloc(5), 0), 1);
  await writable.close();
});

test('a directory that cannot be made is an error, not an endless wait', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'file'), '');
  const inFile = await t.throwsAsync(nodeDisk.makeDirectory(join(directory, 'file', 'a', 'b')));
  t.is(osErrorCode(inFile), 'ENOTDIR');
  const isFile = await t.throwsAsync(nodeDisk.makeDirectory(join(directory, 'file')));
  t.is(osErrorCode(isFile), 'EEXIST');
  // Linux answers ENOENT to mkdir in /proc, although the parent is there.
  const inProc = await t.throwsAsync(nodeDisk.makeDirectory('/proc/no-such-directory/a'));
  t.is(osErrorCode(inProc), 'ENOENT');
});

test('names are made, listed, moved and removed', async (t) => {
  const directory = await temporaryDirectory(t);
  await nodeDisk.makeDirectory(join(directory, 'a', 'b'));
  await nodeDisk.makeDirectory(join(directory, 'a', 'b'));
  await writeFile(join(directory, 'file'), 'old');
  await writeFile(join(directory, 'new'), 'newer');
  await nodeDisk.rename(join(directory, 'new'), join(directory, 'file'));
  await nodeDisk.syncDirectory(directory);
  t.is(await nodeDisk.fileSize(join(directory, 'file')), 5);
  t.is(await nodeDisk.fileSize(join(directory, 'new')), undefined);
  const entries = await nodeDisk.list(directory);
  t.deepEqual(
    entries.sort((x, y) => x.name.localeCompare(y.name)),
    [
      { name: 'a', isDirectory: true },
      { name: 'file', isDirectory: false },
    ],
  );
  await nodeDisk.remove(join(directory, 'file'));
  await nodeDisk.remove(join(directory, 'file'));
  t.deepEqual(await readdir(directory), ['a']);
});

test('a directory that is not there cannot be synced or listed', async (t) => {
  const missing = join(await temporaryDirectory(t), 'missing');
  await t.throwsAsync(nodeDisk.syncDirectory(missing), { code: 'ENOENT' });
  await t.throwsAsync(nodeDisk.list(missing), { code: 'ENOENT' });
});

test('the space of a disk is more than nothing, and what is left no more than all', async (t) => {
  const { capacityBytes, availableBytes } = await nodeDisk.space(await temporaryDirectory(t));
  t.true(capacityBytes > 0);
  t.true(availableBytes <= capacityBytes);
});

test('a full disk keeps the code of the operating system', async (t) => {
  const full = await nodeDisk.open('/dev/full', 'write');
  t.teardown(() => full.close());
  const error = await t.throwsAsync(full.write([Buffer.from('x')], 0), { code: 'ENOSPC' });
  const wrapped = wrapOsError(error, 'write', '/data/blk_1');
  t.is(wrapped.name, 'NoSpace');
  t.is(wrapped.message, 'cannot write /data/blk_1: no space left on the disk');
  t.is(wrapOsError(wrapped, 'store', 'elsewhere'), wrapped);
});

test('a small file is replaced as a whole, whatever an earlier attempt left', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'VERSION');
  await writeDurably(nodeDisk, path, Buffer.from('first'));
  await writeFile(`${path}.tmp`, 'torn, and longer than what comes');
  await writeDurably(nodeDisk, path, Buffer.from('second'));
  t.is((await readWhole(nodeDisk, path, 100)).toString(), 'second');
  t.deepEqual(await readdir(directory), ['VERSION']);
});

test('a small file that cannot be replaced stays as it was, and leaves nothing beside it', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'VERSION');
  await writeDurably(nodeDisk, path, Buffer.from('first'));
  for (const failing of ['write', 'sync', 'rename'] as const) {
    const disk = new FaultyDisk(nodeDisk);
    disk.onOperation = (operation) => {
      if (operation.kind === failing) throw osError('EIO', operation);
    };
    await t.throwsAsync(writeDurably(disk, path, Buffer.from('second')), { message: /^EIO/ });
    t.is((await readWhole(nodeDisk, path, 100)).toString(), 'first');
    t.deepEqual(await readdir(directory), ['VERSION']);
  }
});

test('a file that is larger than it can be is not read', async (t) => {
  const path = join(await temporaryDirectory(t), 'VERSION');
  await writeFile(path, 'x'.repeat(101));
  await t.throwsAsync(readWhole(nodeDisk, path, 100), {
    name: 'DamagedMetadata',
    message: /has 101 bytes; at most 100/,
  });
});
