/** What mounts need beyond HDFS's namespace. */
import test from 'ava';
import { pathOf, resolve } from '../../../namenode/inode-tree.js';
import type { Call } from '../../../namenode/namesystem.js';
import { setPermission, setTimes } from '../../../namenode/operations/attributes.js';
import { blockLocations } from '../../../namenode/operations/block-locations.js';
import { create } from '../../../namenode/operations/create.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { mkdirs } from '../../../namenode/operations/mkdirs.js';
import { rename } from '../../../namenode/operations/rename.js';
import { type ContentsVersion, replaceContents } from '../../../namenode/operations/replace-contents.js';
import { createSymlink } from '../../../namenode/operations/symlink.js';
import { getXattrs, removeXattr, setXattr } from '../../../namenode/operations/xattrs.js';
import { parsePath } from '../../../namenode/paths.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import { openFile, writeFile } from '../support/files.js';
import { callOf, type NamesystemFixture, ROOT } from '../support/namesystem-fixture.js';
import { openReplayedFixture } from '../support/replayed-fixture.js';

const makeDirectory = ({ ns }: NamesystemFixture, path: string, mode = 0o755, owner = {}) =>
  mkdirs(ns, ROOT, { path: parsePath(path), mode, createParent: true, exclusive: true, ...owner });

const inodeAt = ({ ns }: NamesystemFixture, path: string) => resolve(ns.journal.committed, ROOT, parsePath(path)).inode;

const move = ({ ns }: NamesystemFixture, source: string, destination: string, options = {}) =>
  rename(ns, ROOT, {
    source: parsePath(source),
    destination: parsePath(destination),
    overwrite: true,
    exact: true,
    ...options,
  });

async function blocksOf({ ns }: NamesystemFixture, path: string): Promise<{ ids: number[]; version: ContentsVersion }> {
  const request = { path: parsePath(path), offset: 0, length: 0, readerHost: '' };
  const { blocks } = await blockLocations(ns, ROOT, request);
  const ids = blocks.map(({ block }) => block.blockId);
  const length = blocks.reduce((sum, { block }) => sum + block.numBytes, 0);
  return { ids, version: { length, blockIds: ids, lastGenerationStamp: blocks.at(-1)?.block.generationStamp ?? 0 } };
}

test('a path by inode goes on working when the inode, or what is above it, is renamed', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  await makeDirectory(fixture, '/a/b');
  const { fileId } = await writeFile(ns, '/a/b/file', [10]);
  const directory = inodeAt(fixture, '/a/b')?.id;
  await move(fixture, '/a', '/moved');
  t.is(inodeAt(fixture, `/.reserved/.inodes/${fileId}`)?.name, 'file');
  t.is(inodeAt(fixture, `/.reserved/.inodes/${directory}/file`)?.id, fileId);
  t.is(inodeAt(fixture, '/.reserved/.inodes/1')?.id, 1);
  t.is(inodeAt(fixture, '/.reserved/.inodes/1/moved/b')?.id, directory);
  await move(fixture, `/.reserved/.inodes/${directory}/file`, `/.reserved/.inodes/${directory}/other`);
  t.is(pathOf(ns.journal.committed, fileId), '/moved/b/other');
  await openFile(ns, `/.reserved/.inodes/${directory}/new/sub/file`);
  t.is(inodeAt(fixture, '/moved/b/new/sub/file')?.type, 1);
  t.true(await deletePath(ns, ROOT, parsePath(`/.reserved/.inodes/${directory}`), true));
  t.throws(() => inodeAt(fixture, `/.reserved/.inodes/${fileId}`), { name: 'FileNotFound' });
  t.throws(() => inodeAt(fixture, '/.reserved/.inodes/99999999'), { name: 'FileNotFound' });
});

test('a directory cannot be moved into itself, whatever it is called', async (t) => {
  const fixture = openReplayedFixture(t);
  await makeDirectory(fixture, '/a/b');
  const [a, b] = [inodeAt(fixture, '/a')?.id, inodeAt(fixture, '/a/b')?.id];
  await t.throwsAsync(move(fixture, '/.reserved/.inodes/1/a', `/.reserved/.inodes/${b}/a`), { name: 'InvalidPath' });
  await t.throwsAsync(move(fixture, `/.reserved/.inodes/${a}`, '/a/b/c'), { name: 'InvalidPath' });
});

test('permissions are checked on the way to an inode, too', async (t) => {
  const fixture = openReplayedFixture(t);
  await makeDirectory(fixture, '/secret', 0o700);
  const { fileId } = await writeFile(fixture.ns, '/secret/file', [10]);
  const path = parsePath(`/.reserved/.inodes/${fileId}`);
  t.throws(() => resolve(fixture.ns.journal.committed, callOf('alice'), path), { name: 'AccessControl' });
});

test('the superuser names the owner of what he makes; nobody else may', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  await makeDirectory(fixture, '/d', 0o777, { owner: 'alice', group: 'staff' });
  t.like(inodeAt(fixture, '/d'), { owner: 'alice', grp: 'staff', mode: 0o777 });
  const request = {
    clientName: 'c',
    mode: 0o644,
    overwrite: false,
    createParent: false,
    replication: 1,
    blockSizeBytes: 1000,
  };
  const make = async (call: Call, path: string, owner = {}) =>
    (await create(ns, call, { ...request, path: parsePath(path), ...owner })).inode;
  t.like(await make(ROOT, '/d/a', { owner: 'bob', group: 'users' }), { owner: 'bob', grp: 'users' });
  t.like(await make(callOf('bob'), '/d/b'), { owner: 'bob', grp: 'staff' });
  await t.throwsAsync(make(callOf('bob'), '/d/c', { owner: 'alice' }), { name: 'AccessControl' });
  t.is(inodeAt(fixture, '/d/c'), undefined);
});

test('a directory with the setgid bit hands down its group, and the bit to directories', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  await makeDirectory(fixture, '/d', 0o777, { owner: 'alice', group: 'staff' });
  await setPermission(ns, ROOT, parsePath('/d'), 0o2777);
  await makeDirectory(fixture, '/d/sub', 0o755, { owner: 'bob', group: 'users' });
  t.like(inodeAt(fixture, '/d/sub'), { owner: 'bob', grp: 'staff', mode: 0o2755 });
  const link = await createSymlink(ns, ROOT, { path: parsePath('/d/link'), target: 'x', owner: 'bob', group: 'users' });
  t.like(link, { owner: 'bob', grp: 'staff' });
});

test('a symbolic link keeps its target, is not walked through, and is removed like a file', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  const target = 'ü/../\n/somewhere';
  const link = await createSymlink(ns, ROOT, { path: parsePath('/link'), target });
  t.like(link, { type: 3, symlink: target, mode: 0o777, length: 0, owner: 'root' });
  t.throws(() => inodeAt(fixture, '/link/below'), { name: 'ParentNotDirectory' });
  const path = parsePath('/link');
  await t.throwsAsync(createSymlink(ns, ROOT, { path, target: 'y' }), { name: 'FileAlreadyExists' });
  await move(fixture, '/link', '/renamed');
  t.is(inodeAt(fixture, '/renamed')?.symlink, target);
  t.true(await deletePath(ns, ROOT, parsePath('/renamed'), false));
  for (const bad of ['', 'x'.repeat(4096), 'a\0b']) {
    await t.throwsAsync(createSymlink(ns, ROOT, { path, target: bad }), { name: 'InvalidArgument' });
  }
});

test('what a rename replaces can be kept under another name, in the same step', async (t) => {
  const fixture = openReplayedFixture(t);
  const old = await writeFile(fixture.ns, '/old', [10]);
  const next = await writeFile(fixture.ns, '/next', [20]);
  await makeDirectory(fixture, '/kept');
  const keepReplacedAs = parsePath('/kept/1');
  await move(fixture, '/next', '/old', { keepReplacedAs });
  t.is(inodeAt(fixture, '/old')?.id, next.fileId);
  t.is(inodeAt(fixture, '/kept/1')?.id, old.fileId);
  t.is(inodeAt(fixture, '/next'), undefined);
  t.like(inodeAt(fixture, '/kept'), { children: 1 });
  await writeFile(fixture.ns, '/third', [30]);
  await t.throwsAsync(move(fixture, '/third', '/old', { keepReplacedAs }), { name: 'FileAlreadyExists' });
  t.is(inodeAt(fixture, '/old')?.id, next.fileId, 'nothing has happened');
  await move(fixture, '/third', '/fourth', { keepReplacedAs });
  t.truthy(inodeAt(fixture, '/fourth'), 'nothing is replaced, so nothing is kept');
});

test('a file gets new contents of its own blocks and those of another file', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  const { fileId } = await writeFile(ns, '/f', [1000, 1000, 1000, 500]);
  await writeFile(ns, '/new', [900, 700, 1]);
  const [file, source] = [await blocksOf(fixture, '/f'), await blocksOf(fixture, '/new')];
  const [a = 0, b = 0, , d = 0] = file.ids;
  const [x = 0, y = 0] = source.ids;
  const wanted = [x, b, a, y, d];
  const request = { target: parsePath('/f'), expected: file.version, source: parsePath('/new') };
  await replaceContents(ns, ROOT, { ...request, blockIds: wanted });
  t.deepEqual((await blocksOf(fixture, '/f')).ids, wanted);
  t.like(inodeById(ns.journal.committed, fileId), { length: 900 + 1000 + 1000 + 700 + 500, name: 'f' });
  t.is(inodeAt(fixture, '/new'), undefined);

  await writeFile(ns, '/new', [10]);
  await t.throwsAsync(replaceContents(ns, ROOT, { ...request, blockIds: [] }), { name: 'FileChanged' });
  t.deepEqual((await blocksOf(fixture, '/f')).ids, wanted);
  t.truthy(inodeAt(fixture, '/new'));
  const now = { ...request, expected: (await blocksOf(fixture, '/f')).version };
  await t.throwsAsync(replaceContents(ns, ROOT, { ...now, blockIds: [a, a] }), { name: 'InvalidArgument' });
  await t.throwsAsync(replaceContents(ns, ROOT, { ...now, blockIds: [1] }), { name: 'InvalidArgument' });
  await t.throwsAsync(replaceContents(ns, callOf('alice'), { ...now, blockIds: [] }), { name: 'AccessControl' });
  await openFile(ns, '/open');
  await t.throwsAsync(replaceContents(ns, ROOT, { ...now, source: parsePath('/open'), blockIds: [] }), {
    name: 'AlreadyBeingCreated',
  });
  await replaceContents(ns, ROOT, { ...now, blockIds: [] });
  t.like(inodeById(ns.journal.committed, fileId), { length: 0 });
});

test('extended attributes are set, listed, replaced and removed; other name spaces are refused', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  await writeFile(ns, '/f', [10]);
  const path = parsePath('/f');
  const set = (name: string, value: string, mode: 'set' | 'create' | 'replace' = 'set', call = ROOT) =>
    setXattr(ns, call, path, { name, value: Buffer.from(value) }, mode);
  const all = () => getXattrs(ns, ROOT, path).map(({ name, value }) => [name, value.toString()]);
  await set('user.a', '1', 'create');
  await set('user.b', '');
  await set('user.a', '2', 'replace');
  t.deepEqual(all(), [
    ['user.a', '2'],
    ['user.b', ''],
  ]);
  await t.throwsAsync(set('user.a', '3', 'create'), { name: 'XattrExists' });
  await t.throwsAsync(set('user.c', '3', 'replace'), { name: 'XattrNotFound' });
  await t.throwsAsync(set('trusted.a', '3'), { name: 'Unsupported' });
  await t.throwsAsync(set('user.big', 'x'.repeat(20_000)), { name: 'QuotaExceeded' });
  await t.throwsAsync(set('user.a', '3', 'set', callOf('alice')), { name: 'AccessControl' });
  await removeXattr(ns, ROOT, path, 'user.a');
  await t.throwsAsync(removeXattr(ns, ROOT, path, 'user.a'), { name: 'XattrNotFound' });
  t.deepEqual(all(), [['user.b', '']]);
  for (let i = 0; i < 31; i++) await set(`user.${i}`, '');
  await t.throwsAsync(set('user.one-more', ''), { name: 'QuotaExceeded' });
});

test('times have nanoseconds; a time that is not given keeps its own', async (t) => {
  const fixture = openReplayedFixture(t);
  const { ns } = fixture;
  await writeFile(ns, '/f', [10]);
  const path = parsePath('/f');
  const times = { modificationTimeMs: 1_000, modificationTimeNs: 123_456, accessTimeMs: 2_000, accessTimeNs: 7 };
  await setTimes(ns, ROOT, path, times);
  t.like(inodeAt(fixture, '/f'), { mtime_ms: 1_000, mtime_ns: 123_456, atime_ms: 2_000, atime_ns: 7 });
  await setTimes(ns, ROOT, path, { modificationTimeMs: undefined, accessTimeMs: 3_000 });
  t.like(inodeAt(fixture, '/f'), { mtime_ms: 1_000, mtime_ns: 123_456, atime_ms: 3_000, atime_ns: 0 });
});
