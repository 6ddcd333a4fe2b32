import test, { type ExecutionContext } from 'ava';
import { inodeById } from '../../../namenode/inode-tree.js';
import { LeaseMonitor, leaseHolders } from '../../../namenode/lease-monitor.js';
import { append } from '../../../namenode/operations/append.js';
import { complete } from '../../../namenode/operations/complete.js';
import { fsync } from '../../../namenode/operations/fsync.js';
import { recoverLease } from '../../../namenode/operations/lease-recovery.js';
import { parsePath } from '../../../namenode/paths.js';
import { nextBlock, openFile, withLength } from '../support/files.js';
import { callOf, type NamesystemFixture, openNamesystemFixture, ROOT } from '../support/namesystem-fixture.js';

const SOFT_LIMIT_MS = 60_000;
const HARD_LIMIT_MS = 1_200_000;

function setUp(t: ExecutionContext): NamesystemFixture {
  const fixture = openNamesystemFixture();
  t.teardown(() => fixture.close());
  return fixture;
}

/** A DataNode has reported a finalized replica of this length. */
async function finalized(
  { ns }: NamesystemFixture,
  blockId: number,
  generationStamp: number,
  length: number,
  storage = 1,
): Promise<void> {
  await ns.journal.mutate(({ db }) => {
    const sql = 'INSERT INTO replicas (block, storage, generation_stamp, length, state) VALUES (?, ?, ?, ?, 1)';
    db.prepare(sql).run(blockId, storage, generationStamp, length);
  });
}

const holderOf = ({ ns }: NamesystemFixture, id: number) => inodeById(ns.journal.committed, id)?.lease_holder;

test('a file that is open cannot be opened by another writer, nor a second time by its own', async (t) => {
  const { ns } = setUp(t);
  await openFile(ns, '/f');
  await t.throwsAsync(openFile(ns, '/f', { clientName: 'other' }), {
    name: 'AlreadyBeingCreated',
    message: 'Failed to CREATE_FILE /f for other because this file lease is currently owned by writer.',
  });
  await t.throwsAsync(openFile(ns, '/f'), { name: 'AlreadyBeingCreated', message: /already the current lease holder/ });
  await t.throwsAsync(append(ns, ROOT, { path: parsePath('/f'), clientName: 'other', newBlock: false }), {
    name: 'AlreadyBeingCreated',
  });
});

test('after the soft limit another writer takes a file over, if its length is certain', async (t) => {
  const fixture = setUp(t);
  const { ns, clock } = fixture;
  const file = await openFile(ns, '/f');
  await clock.advance(SOFT_LIMIT_MS + 1);
  const { inode } = await append(ns, ROOT, { path: file.path, clientName: 'other', newBlock: false });
  t.is(inode.lease_holder, 'other');
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: undefined }), { name: 'LeaseExpired' });
});

test('a writer that renews its lease keeps its file', async (t) => {
  const { ns, clock } = setUp(t);
  const file = await openFile(ns, '/f');
  for (let i = 0; i < 3; i++) {
    await clock.advance(SOFT_LIMIT_MS - 1);
    ns.leases.renew(file.clientName, clock.monotonicMs());
  }
  await t.throwsAsync(append(ns, ROOT, { path: file.path, clientName: 'other', newBlock: false }), {
    name: 'AlreadyBeingCreated',
  });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: undefined }));
});

test('a block that nobody has finalized keeps its file open: its length is not known', async (t) => {
  const fixture = setUp(t);
  const { ns, clock } = fixture;
  const file = await openFile(ns, '/f');
  await nextBlock(ns, file);
  t.false(await recoverLease(ns, ROOT, file.path));
  await clock.advance(SOFT_LIMIT_MS + 1);
  await t.throwsAsync(append(ns, ROOT, { path: file.path, clientName: 'other', newBlock: false }), {
    name: 'AlreadyBeingCreated',
  });
  t.is(holderOf(fixture, file.fileId), 'writer');
});

test('a recovered file ends with what its finalized replicas hold', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await finalized(fixture, block.blockId, block.generationStamp, 700);
  t.true(await recoverLease(ns, ROOT, file.path));
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 700);
  t.is(holderOf(fixture, file.fileId), null);
  t.true(await recoverLease(ns, ROOT, file.path));
});

test('acknowledged bytes are never cut: replicas that are shorter, of another stamp, or do not agree close nothing', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 500) });
  await finalized(fixture, block.blockId, block.generationStamp - 1, 600, 1);
  t.false(await recoverLease(ns, ROOT, file.path));
  await finalized(fixture, block.blockId, block.generationStamp, 499, 2);
  t.false(await recoverLease(ns, ROOT, file.path));
  await finalized(fixture, block.blockId, block.generationStamp, 600, 3);
  t.false(await recoverLease(ns, ROOT, file.path));
  t.is(holderOf(fixture, file.fileId), 'writer');
});

test('recovering a lease needs the right to write the file', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  await t.throwsAsync(recoverLease(ns, callOf('bob'), file.path), { name: 'AccessControl' });
  await t.throwsAsync(recoverLease(ns, ROOT, parsePath('/')), { name: 'IsADirectory' });
  await t.throwsAsync(recoverLease(ns, ROOT, parsePath('/none')), { name: 'FileNotFound' });
});

test('after the hard limit the NameNode closes the files of a vanished writer by itself', async (t) => {
  const fixture = setUp(t);
  const { ns, clock } = fixture;
  const monitor = new LeaseMonitor(ns);
  const [empty, stuck] = [await openFile(ns, '/empty'), await openFile(ns, '/stuck')];
  const other = await openFile(ns, '/other', { clientName: 'alive' });
  const block = await nextBlock(ns, stuck);
  await clock.advance(HARD_LIMIT_MS);
  ns.leases.renew('alive', clock.monotonicMs());
  await monitor.tick();
  t.is(holderOf(fixture, empty.fileId), 'writer');
  await clock.advance(1);
  await monitor.tick();
  t.is(holderOf(fixture, empty.fileId), null);
  t.is(holderOf(fixture, stuck.fileId), 'writer');
  t.is(holderOf(fixture, other.fileId), 'alive');
  // A replica turns up later.
  await finalized(fixture, block.blockId, block.generationStamp, 10);
  await clock.advance(60_000);
  await monitor.tick();
  t.is(holderOf(fixture, stuck.fileId), null);
  t.deepEqual([...leaseHolders(ns.journal.committed)], ['alive']);
});

test('in safe mode nobody is taken for vanished', async (t) => {
  const fixture = setUp(t);
  const { ns, clock, blocks } = fixture;
  const monitor = new LeaseMonitor(ns);
  const file = await openFile(ns, '/f');
  await clock.advance(2 * HARD_LIMIT_MS);
  blocks.safe = { on: true, message: 'starting' };
  await monitor.tick();
  t.is(holderOf(fixture, file.fileId), 'writer');
});

test('after a restart the leases that stand in the database are young', async (t) => {
  const fixture = setUp(t);
  const { ns, clock } = fixture;
  const file = await openFile(ns, '/f');
  ns.leases.forget('writer'); // what a restart does
  const monitor = new LeaseMonitor(ns);
  await clock.advance(HARD_LIMIT_MS - 1);
  await monitor.tick();
  t.is(holderOf(fixture, file.fileId), 'writer');
  await clock.advance(2);
  await monitor.tick();
  t.is(holderOf(fixture, file.fileId), null);
});
