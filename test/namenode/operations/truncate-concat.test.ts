import test, { type ExecutionContext } from 'ava';
import { resolve } from '../../../namenode/inode-tree.js';
import { append } from '../../../namenode/operations/append.js';
import { blockLocations } from '../../../namenode/operations/block-locations.js';
import { commitBlockSynchronization } from '../../../namenode/operations/block-recovery.js';
import { concat } from '../../../namenode/operations/concat.js';
import { mkdirs } from '../../../namenode/operations/mkdirs.js';
import { truncate } from '../../../namenode/operations/truncate.js';
import { parsePath } from '../../../namenode/paths.js';
import { lastBlocks } from '../../../namenode/storage/block-rows.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import { BlockState } from '../../../namenode/storage/schema.js';
import { target } from '../support/fake-blocks.js';
import { openFile, writeFile } from '../support/files.js';
import { callOf, type NamesystemFixture, openNamesystemFixture, ROOT } from '../support/namesystem-fixture.js';

function setUp(t: ExecutionContext, settings = {}): NamesystemFixture {
  const fixture = openNamesystemFixture(settings);
  t.teardown(() => fixture.close());
  return fixture;
}

const cut = ({ ns }: NamesystemFixture, path: string, newLength: number) =>
  truncate(ns, ROOT, { path: parsePath(path), newLength, clientName: 'client' });

async function lengthsOf({ ns }: NamesystemFixture, path: string): Promise<number[]> {
  const request = { path: parsePath(path), offset: 0, length: 0, readerHost: '' };
  return (await blockLocations(ns, ROOT, request)).blocks.map(({ block }) => block.numBytes);
}

const exists = ({ ns }: NamesystemFixture, path: string) =>
  resolve(ns.journal.committed, ROOT, parsePath(path)).inode !== undefined;

test('a cut on the boundary of a block is done at once', async (t) => {
  const fixture = setUp(t);
  const { fileId } = await writeFile(fixture.ns, '/f', [1000, 1000, 500]);
  t.true(await cut(fixture, '/f', 2500));
  t.true(await cut(fixture, '/f', 2000));
  t.deepEqual(await lengthsOf(fixture, '/f'), [1000, 1000]);
  t.true(await cut(fixture, '/f', 0));
  t.like(inodeById(fixture.ns.journal.committed, fileId), { length: 0, lease_holder: null });
  t.is(fixture.ns.journal.counters.blocks, 0);
  await append(fixture.ns, ROOT, { path: parsePath('/f'), clientName: 'client', newBlock: false });
});

test('a cut that takes nothing away leaves the time of the last change', async (t) => {
  const fixture = setUp(t);
  const { fileId } = await writeFile(fixture.ns, '/f', [1000, 0]);
  const before = inodeById(fixture.ns.journal.committed, fileId);
  await fixture.clock.advance(5);
  t.true(await cut(fixture, '/f', 1000));
  t.deepEqual(inodeById(fixture.ns.journal.committed, fileId), before);
  t.true(await cut(fixture, '/f', 0));
  t.is(inodeById(fixture.ns.journal.committed, fileId)?.mtime_ms, fixture.clock.now());
});

test('a cut within a block is a recovery to just that length; until it is over nobody writes to the file', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  const { fileId } = await writeFile(ns, '/f', [1000, 1000, 500]);
  t.false(await cut(fixture, '/f', 1300));
  t.deepEqual(await lengthsOf(fixture, '/f'), [1000, 300]);
  const read = { path: parsePath('/f'), offset: 0, length: 0, readerHost: '' };
  t.is((await blockLocations(ns, ROOT, read)).lastBlock, undefined, 'no DataNode is asked how long it is');
  const [last] = lastBlocks(ns.journal.committed, fileId);
  const order = blocks.recoveries.get(last?.id ?? 0);
  t.like(order, { truncate: true, recoveryId: last?.recovery_id });
  t.is(order?.block.numBytes, 300);
  t.is(order?.targets.length, blocks.live);
  t.false(await cut(fixture, '/f', 1300), 'a repeat has the same answer');
  await t.throwsAsync(cut(fixture, '/f', 1200), { name: 'AlreadyBeingCreated', message: /TRUNCATE_FILE/ });
  await t.throwsAsync(append(ns, ROOT, { path: parsePath('/f'), clientName: 'c', newBlock: false }), {
    name: 'AlreadyBeingCreated',
  });
  const result = {
    block: { blockId: last?.id ?? 0, generationStamp: last?.generation_stamp ?? 0 },
    newGenerationStamp: last?.recovery_id ?? 0,
    isGone: false,
    targets: [target(0)],
  };
  for (const newLength of [299, 301]) {
    await t.throwsAsync(commitBlockSynchronization(ns, { ...result, newLength }), { name: 'InvalidArgument' });
  }
  await t.throwsAsync(commitBlockSynchronization(ns, { ...result, newLength: 0, isGone: true }), {
    name: 'InvalidArgument',
  });
  await commitBlockSynchronization(ns, { ...result, newLength: 300 });
  t.like(inodeById(ns.journal.committed, fileId), { length: 1300, lease_holder: null });
  t.like(lastBlocks(ns.journal.committed, fileId)[0], { state: BlockState.COMPLETE, truncating: 0, recovery_id: null });
  t.true(await cut(fixture, '/f', 1300));
});

test('a cut that is asked for again gets its first answer, whatever has become of the file meanwhile', async (t) => {
  const { ns, blocks } = setUp(t);
  const request = (newLength: number) => ({ path: parsePath('/f'), newLength, clientName: 'client' });
  const call = (callId: number) => ({ ...ROOT, id: { clientId: 'client', callId } });
  const { fileId } = await writeFile(ns, '/f', [1000]);
  t.true(await truncate(ns, call(1), request(1000)));
  t.false(await truncate(ns, call(2), request(300)));
  // The replicas have been cut, but none was reported yet.
  blocks.live = 0;
  const [last] = lastBlocks(ns.journal.committed, fileId);
  await commitBlockSynchronization(ns, {
    block: { blockId: last?.id ?? 0, generationStamp: last?.generation_stamp ?? 0 },
    newGenerationStamp: last?.recovery_id ?? 0,
    newLength: 300,
    isGone: false,
    targets: [target(0)],
  });
  t.false(await truncate(ns, call(2), request(300)));
  t.true(await truncate(ns, call(1), request(1000)));
});

test('what cannot be cut', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  await writeFile(ns, '/f', [1000]);
  await t.throwsAsync(cut(fixture, '/f', 1001), {
    name: 'InvalidArgument',
    message: 'Cannot truncate to a larger file size. Current size: 1000, truncate size: 1001.',
  });
  await openFile(ns, '/open');
  await t.throwsAsync(cut(fixture, '/open', 0), { name: 'AlreadyBeingCreated' });
  await t.throwsAsync(cut(fixture, '/none', 0), { name: 'FileNotFound' });
  await t.throwsAsync(cut(fixture, '/', 0), { name: 'IsADirectory' });
  const request = { path: parsePath('/f'), newLength: 1, clientName: 'bob' };
  await t.throwsAsync(truncate(ns, callOf('bob'), request), { name: 'AccessControl' });
  blocks.live = 0;
  await t.throwsAsync(cut(fixture, '/f', 1), { name: 'BlockMissing' });
});

const join = ({ ns }: NamesystemFixture, to: string, ...from: string[]) =>
  concat(ns, ROOT, parsePath(to), from.map(parsePath));

test('concat → the blocks of all, in order, and the sources are gone', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const { fileId } = await writeFile(ns, '/t', [1000, 100]);
  await writeFile(ns, '/a', [1000, 200]);
  await writeFile(ns, '/d/b', [300]);
  await join(fixture, '/t', '/d/b', '/a');
  t.deepEqual(await lengthsOf(fixture, '/t'), [1000, 100, 300, 1000, 200]);
  t.is(inodeById(ns.journal.committed, fileId)?.length, 2600);
  t.false(exists(fixture, '/a'));
  t.false(exists(fixture, '/d/b'));
  t.is(ns.journal.counters.files, 1);
  t.is(ns.journal.counters.blocks, 5);
});

test('a directory can take the name of a file that concat has removed', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await writeFile(ns, '/target', [1000]);
  await writeFile(ns, '/name', [1000]);
  t.throws(() => exists(fixture, '/name/below'), { name: 'ParentNotDirectory' });
  await concat(ns, ROOT, parsePath('/target'), [parsePath('/name')]);
  t.false(exists(fixture, '/name/below'));
  await mkdirs(ns, ROOT, { path: parsePath('/name/below'), mode: 0o755, createParent: true, exclusive: false });
  t.true(exists(fixture, '/name/below'));
});

test('concat refuses as a whole', async (t) => {
  const fixture = setUp(t, { maxBlocksPerFile: 3 });
  const { ns } = fixture;
  for (const path of ['/t', '/a']) await writeFile(ns, path, [1000]);
  await writeFile(ns, '/long', [1000, 1000, 1]);
  await writeFile(ns, '/empty', []);
  await openFile(ns, '/open');
  const { lastTxid } = ns.journal;
  for (const [sources, message] of [
    [[], /No sources/],
    [['/t'], /is the same with the target/],
    [['/a', '/a'], /at least two of the source files are the same/],
    [['/a', '/empty'], /empty is invalid or empty/],
    [['/a', '/open'], /underConstruction/],
  ] as const) {
    await t.throwsAsync(join(fixture, '/t', ...sources), { name: 'InvalidArgument', message });
  }
  await t.throwsAsync(join(fixture, '/open', '/a'), { name: 'InvalidArgument' });
  await t.throwsAsync(join(fixture, '/t', '/a', '/none'), { name: 'FileNotFound' });
  await t.throwsAsync(join(fixture, '/t', '/long'), { name: 'TooManyBlocks' });
  await t.throwsAsync(concat(ns, callOf('bob'), parsePath('/t'), [parsePath('/a')]), { name: 'AccessControl' });
  t.is(ns.journal.lastTxid, lastTxid);
});
