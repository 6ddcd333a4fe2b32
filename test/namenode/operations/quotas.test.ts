/**
 * Quotas, operation by operation; what random operations do to them: test/namenode/namesystem-model.test.ts. Blocks are of 1,000 bytes, files have three
 * replicas.
 */
import test from 'ava';
import { resolve } from '../../../namenode/inode-tree.js';
import type { Namesystem } from '../../../namenode/namesystem.js';
import { change } from '../../../namenode/namesystem.js';
import { abandonBlock } from '../../../namenode/operations/abandon-block.js';
import { append } from '../../../namenode/operations/append.js';
import { setReplication } from '../../../namenode/operations/attributes.js';
import { blockLocations } from '../../../namenode/operations/block-locations.js';
import { complete } from '../../../namenode/operations/complete.js';
import { concat } from '../../../namenode/operations/concat.js';
import { create } from '../../../namenode/operations/create.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { NAMENODE } from '../../../namenode/operations/lease-recovery.js';
import { mkdirs } from '../../../namenode/operations/mkdirs.js';
import { contentSummary } from '../../../namenode/operations/read-namespace.js';
import { rename } from '../../../namenode/operations/rename.js';
import { replaceContents } from '../../../namenode/operations/replace-contents.js';
import { type NewQuota, setQuota } from '../../../namenode/operations/set-quota.js';
import { createSymlink } from '../../../namenode/operations/symlink.js';
import { truncate } from '../../../namenode/operations/truncate.js';
import { parsePath } from '../../../namenode/paths.js';
import { countForQuotas } from '../../../namenode/quota-counting.js';
import { nextSlice } from '../../../namenode/reaper.js';
import { nextBlock, openFile, writeFile } from '../support/files.js';
import { callOf, ROOT } from '../support/namesystem-fixture.js';
import { openReplayedFixture } from '../support/replayed-fixture.js';

const quota = (ns: Namesystem, path: string, wanted: Partial<NewQuota>) =>
  setQuota(ns, ROOT, parsePath(path), { names: 'unchanged', space: 'unchanged', ...wanted });

const makeDirectory = (ns: Namesystem, path: string) =>
  mkdirs(ns, ROOT, { path: parsePath(path), mode: 0o755, createParent: true, exclusive: true });

const move = (ns: Namesystem, source: string, destination: string, keepReplacedAs?: string) =>
  rename(ns, ROOT, {
    source: parsePath(source),
    destination: parsePath(destination),
    overwrite: true,
    exact: true,
    keepReplacedAs: keepReplacedAs === undefined ? undefined : parsePath(keepReplacedAs),
  });

async function used(ns: Namesystem, path: string): Promise<[names: number, space: number]> {
  const { quota: found } = await contentSummary(ns, ROOT, parsePath(path));
  return [found?.used.names ?? -1, found?.used.space ?? -1];
}

const NAMES = { name: 'NSQuotaExceeded' } as const;
const SPACE = { name: 'DSQuotaExceeded' } as const;

test('the quota of names counts the directory, files, directories and links, and its message is that of HDFS', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d');
  await quota(ns, '/d', { names: 3 });
  await openFile(ns, '/d/file');
  await createSymlink(ns, ROOT, { path: parsePath('/d/link'), target: 'file' });
  t.deepEqual(await used(ns, '/d'), [3, 0]);
  const message = 'The NameSpace quota (directories and files) of directory /d is exceeded: quota=3 file count=4';
  await t.throwsAsync(makeDirectory(ns, '/d/sub'), { ...NAMES, message });
  await t.throwsAsync(openFile(ns, '/d/other'), { ...NAMES, message });
  await t.throwsAsync(createSymlink(ns, ROOT, { path: parsePath('/d/link-2'), target: 'file' }), { ...NAMES, message });
  await t.throwsAsync(openFile(ns, '/d/a/b/c'), { ...NAMES, message: /file count=6$/ });
  await openFile(ns, '/d/file', { overwrite: true });
  t.is(resolve(ns.journal.committed, ROOT, parsePath('/d/a')).inode, undefined);
});

test('the quota of space holds a whole block for each one that is being written, and gives back what it did not take', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d');
  await quota(ns, '/d', { space: 3 * 1_536 });
  const file = await openFile(ns, '/d/file');
  const first = await nextBlock(ns, file);
  t.deepEqual(await used(ns, '/d'), [2, 3_000]);
  const message =
    'The DiskSpace quota of /d is exceeded: quota = 4608 B = 4.50 KB but diskspace consumed = 6000 B = 5.86 KB';
  await t.throwsAsync(nextBlock(ns, file, { ...first, numBytes: 1_000 }), { ...SPACE, message });
  const second = await nextBlock(ns, file, { ...first, numBytes: 500 });
  t.deepEqual(await used(ns, '/d'), [2, 4_500]);
  await abandonBlock(ns, ROOT, { ...file, block: second });
  t.deepEqual(await used(ns, '/d'), [2, 1_500]);
});

test('a quota of no space takes empty files', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d');
  await quota(ns, '/d', { space: 0 });
  await writeFile(ns, '/d/empty', []);
  await t.throwsAsync(writeFile(ns, '/d/full', [1]), SPACE);
});

test('to append needs the rest of the last block, and more replicas need more room', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/f', [500]);
  await quota(ns, '/d', { space: 2_999 });
  const open = () => append(ns, ROOT, { path: parsePath('/d/f'), clientName: 'writer', newBlock: false });
  await t.throwsAsync(open(), SPACE);
  await t.throwsAsync(setReplication(ns, ROOT, parsePath('/d/f'), 6), SPACE);
  await setReplication(ns, ROOT, parsePath('/d/f'), 2);
  t.deepEqual(await used(ns, '/d'), [2, 1_000]);
  await open();
  t.deepEqual(await used(ns, '/d'), [2, 2_000]);
});

test('a cut within a block needs a block as long as it lasts; one between blocks only gives back', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/f', [1_000, 500]);
  await quota(ns, '/d', { space: 1 });
  const cut = (newLength: number) => truncate(ns, ROOT, { path: parsePath('/d/f'), newLength, clientName: 'client' });
  await t.throwsAsync(cut(1_200), SPACE);
  t.true(await cut(1_000));
  t.deepEqual(await used(ns, '/d'), [2, 3_000]);
  t.false(await cut(1));
  t.deepEqual(await used(ns, '/d'), [2, 3_000]);
});

test('a quota may be lower than what is there; then nothing may be added until enough has gone', async (t) => {
  const { ns } = openReplayedFixture(t);
  for (const name of ['a', 'b', 'c']) await writeFile(ns, `/d/${name}`, [1_000]);
  await quota(ns, '/d', { names: 2, space: 1_000 });
  t.deepEqual(await used(ns, '/d'), [4, 9_000]);
  await t.throwsAsync(openFile(ns, '/d/new'), NAMES);
  await move(ns, '/d/a', '/d/renamed');
  for (const name of ['renamed', 'b', 'c']) await deletePath(ns, ROOT, parsePath(`/d/${name}`), false);
  t.deepEqual(await used(ns, '/d'), [1, 0]);
  await writeFile(ns, '/d/new', []);
});

test('a tree that is moved needs room for all of it where it goes, and none in directories that it is in already', async (t) => {
  const { ns } = openReplayedFixture(t);
  for (const path of ['/tree/sub/a', '/tree/sub/b']) await writeFile(ns, path, [100]);
  await makeDirectory(ns, '/q/inner');
  await quota(ns, '/q', { names: 6 });
  await quota(ns, '/q/inner', { space: 599 });
  await move(ns, '/tree', '/q/tree');
  t.deepEqual(await used(ns, '/q'), [6, 600]);
  await t.throwsAsync(move(ns, '/q/tree', '/q/inner/tree'), { ...SPACE, message: /of \/q\/inner is exceeded/ });
  await quota(ns, '/q/inner', { space: 600 });
  await move(ns, '/q/tree', '/q/inner/tree');
  t.deepEqual(await used(ns, '/q/inner'), [5, 600]);
  t.deepEqual(await used(ns, '/q'), [6, 600]);
  await makeDirectory(ns, '/other/x');
  await t.throwsAsync(move(ns, '/other', '/q/other'), NAMES);
  await move(ns, '/q/inner/tree', '/tree');
  t.deepEqual(await used(ns, '/q'), [2, 0]);
});

test('what a rename replaces makes room, unless it is kept in the same directory', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/old', [100]);
  await quota(ns, '/d', { names: 2 });
  await writeFile(ns, '/new', [200]);
  await t.throwsAsync(move(ns, '/new', '/d/old', '/d/kept'), NAMES);
  await move(ns, '/new', '/d/old', '/kept');
  t.deepEqual(await used(ns, '/d'), [2, 600]);
  await writeFile(ns, '/newer', [300]);
  await move(ns, '/newer', '/d/old');
  t.deepEqual(await used(ns, '/d'), [2, 900]);
});

test('concat moves what the sources take from their directories to that of the target', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/target', [100]);
  await writeFile(ns, '/s/source', [200]);
  await quota(ns, '/s', { names: 9 });
  await quota(ns, '/d', { space: 899 });
  const join = () => concat(ns, ROOT, parsePath('/d/target'), [parsePath('/s/source')]);
  await t.throwsAsync(join(), SPACE);
  await quota(ns, '/d', { space: 900 });
  await join();
  t.deepEqual(await used(ns, '/d'), [2, 900]);
  t.deepEqual(await used(ns, '/s'), [1, 0]);
});

test('new contents for a file count where it is', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/file', [1_000, 100]);
  await writeFile(ns, '/hidden/new', [400]);
  await quota(ns, '/d', { space: 3_300 });
  await quota(ns, '/hidden', { names: 9 });
  const blocksOf = async (path: string) => {
    const request = { path: parsePath(path), offset: 0, length: 0, readerHost: '' };
    return (await blockLocations(ns, ROOT, request)).blocks.map(({ block }) => block);
  };
  const [kept, dropped] = await blocksOf('/d/file');
  const [added] = await blocksOf('/hidden/new');
  if (kept === undefined || dropped === undefined || added === undefined) return t.fail();
  const exchange = () =>
    replaceContents(ns, ROOT, {
      target: parsePath('/d/file'),
      expected: {
        length: 1_100,
        blockIds: [kept.blockId, dropped.blockId],
        lastGenerationStamp: dropped.generationStamp,
      },
      source: parsePath('/hidden/new'),
      blockIds: [kept.blockId, added.blockId],
    });
  await t.throwsAsync(exchange(), SPACE);
  await quota(ns, '/d', { space: 4_200 });
  await exchange();
  t.deepEqual(await used(ns, '/d'), [2, 4_200]);
  t.deepEqual(await used(ns, '/hidden'), [1, 0]);
});

test('operations of one batch see each other', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d');
  await quota(ns, '/d', { names: 3 });
  const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => openFile(ns, `/d/${name}`)));
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
});

test('the superuser is held to quotas, and nobody else sets them', async (t) => {
  const { ns } = openReplayedFixture(t);
  await writeFile(ns, '/d/file', []);
  const wanted = { names: 1, space: 'unchanged' } as const;
  await t.throwsAsync(setQuota(ns, callOf('alice'), parsePath('/d'), wanted), { name: 'AccessControl' });
  await t.throwsAsync(quota(ns, '/missing', wanted), { name: 'FileNotFound' });
  await t.throwsAsync(quota(ns, '/d/file', wanted), { name: 'NotADirectory' });
  await quota(ns, '/', { names: 3 });
  await t.throwsAsync(openFile(ns, '/other'), { ...NAMES, message: /of directory \/ is exceeded/ });
});

test('a quota that is cleared is gone, one that is not mentioned stays, and those of deleted directories go with them', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d/sub');
  await quota(ns, '/d', { names: 2, space: 1_000 });
  await quota(ns, '/d', { names: 'none' });
  await makeDirectory(ns, '/d/more');
  await t.throwsAsync(writeFile(ns, '/d/file', [1]), SPACE);
  await deletePath(ns, ROOT, parsePath('/d'), true);
  t.is(ns.journal.counters.quotas, 1);
  await change(ns, NAMENODE, 'reap', (tx) => ({ answer: null, record: { op: 'reap', ...nextSlice(tx.db, 100) } }));
  t.like(ns.journal.counters, { quotas: 0, usageFrom: 0, usageTo: 0 });
  await countForQuotas(ns, new AbortController().signal);
  t.deepEqual(ns.journal.committed.prepare('SELECT * FROM usage').all(), []);
});

test('without quotas nothing is counted, and the first one counts what is there', async (t) => {
  const { ns } = openReplayedFixture(t);
  for (let i = 0; i < 1_200; i++) await makeDirectory(ns, `/d/${i % 7}/${i}`);
  t.false(ns.journal.committed.prepare('SELECT 1 FROM usage').get() !== undefined);
  const counting = quota(ns, '/d', { names: 1_300 });
  const meanwhile = [
    makeDirectory(ns, '/d/new'),
    move(ns, '/d/3', '/three'),
    deletePath(ns, ROOT, parsePath('/d/4'), true),
  ];
  await Promise.all([counting, ...meanwhile]);
  const { directoryCount } = await contentSummary(ns, ROOT, parsePath('/d'));
  t.deepEqual(await used(ns, '/d'), [directoryCount, 0]);
});

test('a file is made without its first block when the quota of space has no room for that, and gives one back that it did not write', async (t) => {
  const { ns } = openReplayedFixture(t);
  await makeDirectory(ns, '/d');
  await quota(ns, '/d', { space: 2_999 });
  const open = async (path: string, overwrite = false) => {
    const request = { path: parsePath(path), clientName: 'writer', mode: 0o644, overwrite, createParent: true };
    const made = await create(ns, ROOT, {
      ...request,
      replication: 3,
      blockSizeBytes: 1_000,
      firstBlock: { writerHost: '' },
    });
    return { file: { path: request.path, fileId: made.inode.id, clientName: 'writer' }, ...made };
  };
  const without = await open('/d/f');
  t.is(without.firstBlock, undefined);
  await t.throwsAsync(nextBlock(ns, without.file), SPACE);
  t.true(await complete(ns, ROOT, { ...without.file, lastBlock: undefined }));
  await quota(ns, '/d', { space: 3_000 });
  const deep = await open('/d/a/b');
  t.deepEqual(await used(ns, '/d'), [4, 3_000]);
  t.is((await open('/d/c')).firstBlock, undefined);
  await t.throwsAsync(
    open('/d/f', true).then(({ file }) => nextBlock(ns, file)),
    SPACE,
  );
  t.true(await complete(ns, ROOT, { ...deep.file, lastBlock: undefined, unusedBlock: deep.firstBlock?.block }));
  t.deepEqual(await used(ns, '/d'), [5, 0]);
});

test('a count that was interrupted goes on by itself, and not in safe mode', async (t) => {
  const { ns, blocks } = openReplayedFixture(t);
  for (const name of ['a', 'b']) await makeDirectory(ns, `/d/${name}`);
  const id = resolve(ns.journal.committed, ROOT, parsePath('/d')).inode?.id ?? 0;
  await change(ns, NAMENODE, 'set a quota', () => ({ answer: null, record: { op: 'setQuota', id, names: 3 } }));
  await makeDirectory(ns, '/d/c'); // nothing is refused before all is counted
  const { signal } = new AbortController();
  blocks.safe = { on: true, message: '' };
  await countForQuotas(ns, signal);
  t.deepEqual(await used(ns, '/d'), [-1, -1]);
  blocks.safe = { on: false, message: '' };
  await countForQuotas(ns, signal);
  t.deepEqual(await used(ns, '/d'), [4, 0]);
  await t.throwsAsync(makeDirectory(ns, '/d/d'), NAMES);
});
