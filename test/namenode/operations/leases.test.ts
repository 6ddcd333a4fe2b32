import test, { type ExecutionContext } from 'ava';
import { LeaseMonitor, leaseHolders } from '../../../namenode/lease-monitor.js';
import { append } from '../../../namenode/operations/append.js';
import { commitBlockSynchronization } from '../../../namenode/operations/block-recovery.js';
import { complete } from '../../../namenode/operations/complete.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { fsync } from '../../../namenode/operations/fsync.js';
import { recoverLease } from '../../../namenode/operations/lease-recovery.js';
import { parsePath } from '../../../namenode/paths.js';
import { blockRow } from '../../../namenode/storage/block-rows.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import { BlockState } from '../../../namenode/storage/schema.js';
import { target } from '../support/fake-blocks.js';
import { nextBlock, openFile, withLength } from '../support/files.js';
import { callOf, type NamesystemFixture, openNamesystemFixture, ROOT } from '../support/namesystem-fixture.js';

const SOFT_LIMIT_MS = 60_000;
const HARD_LIMIT_MS = 1_200_000;

function setUp(t: ExecutionContext): NamesystemFixture {
  const fixture = openNamesystemFixture();
  t.teardown(() => fixture.close());
  return fixture;
}

/** A file whose writer has written 500 bytes and is taken for vanished, with what the DataNodes will say of its block. */
async function underRecovery({ ns }: NamesystemFixture) {
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 500) });
  await recoverLease(ns, ROOT, file);
  const newGenerationStamp = block.generationStamp + 1;
  return { file, block, result: { block, newGenerationStamp, newLength: 700, isGone: false, targets: [target(0)] } };
}

/** The call of this number of the client that has the lease. */
const numbered = (callId: number) => ({ ...ROOT, id: { clientId: 'AAAAAAAAAAAAAAAAAAAAAA==', callId } });

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

test('a block that is being written is recovered under a new stamp; until then nobody can write to the file', async (t) => {
  const fixture = setUp(t);
  const { ns, clock, blocks } = fixture;
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 500) });
  t.false(await recoverLease(ns, ROOT, file));
  const recoveryId = block.generationStamp + 1;
  t.like(blocks.recoveries.get(block.blockId), { block: withLength(block, 500), recoveryId, truncate: false });
  t.is(holderOf(fixture, file.fileId), 'HDFS_NameNode');
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: withLength(block, 500) }), { name: 'LeaseExpired' });
  await clock.advance(1);
  await t.throwsAsync(append(ns, ROOT, { path: file.path, clientName: 'other', newBlock: false }), {
    name: 'AlreadyBeingCreated',
    message: 'Failed to APPEND_FILE /f for other because lease recovery is in progress. Try again later.',
  });
  t.is(ns.journal.counters.generationStamp, recoveryId);
});

test('the end of a recovery closes the file with the length that the DataNodes agreed on', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  const { file, block, result } = await underRecovery(fixture);
  await commitBlockSynchronization(ns, result);
  t.is(holderOf(fixture, file.fileId), null);
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 700);
  t.like(blockRow(ns.journal.committed, block.blockId), {
    state: BlockState.COMPLETE,
    generation_stamp: result.newGenerationStamp,
    recovery_id: null,
  });
  t.is(blocks.recoveries.size, 0);
  const { lastTxid } = ns.journal;
  await commitBlockSynchronization(ns, result);
  t.is(ns.journal.lastTxid, lastTxid);
  t.true(await recoverLease(ns, ROOT, file));
});

test('a recovered block that nobody has reported yet keeps its file open, until the lease monitor finds it', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  const monitor = new LeaseMonitor(ns);
  const { file, result } = await underRecovery(fixture);
  blocks.live = 0;
  await commitBlockSynchronization(ns, result);
  await monitor.tick();
  t.is(holderOf(fixture, file.fileId), 'HDFS_NameNode');
  blocks.live = 1;
  await monitor.tick();
  t.is(holderOf(fixture, file.fileId), null);
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 700);
});

test('a block of which no DataNode has anything is taken out of its file', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const { file, block, result } = await underRecovery(fixture);
  await commitBlockSynchronization(ns, { ...result, newLength: 0, isGone: true, targets: [] });
  t.is(holderOf(fixture, file.fileId), null);
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 0);
  t.is(blockRow(ns.journal.committed, block.blockId), undefined);
});

test('a recovery that failed is followed by one under a higher id, and only the last one counts', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  const { file, block, result } = await underRecovery(fixture);
  blocks.recoveries.clear(); // its time is over
  await new LeaseMonitor(ns).tick();
  const recoveryId = result.newGenerationStamp + 1;
  t.is(blocks.recoveries.get(block.blockId)?.recoveryId, recoveryId);
  await t.throwsAsync(commitBlockSynchronization(ns, result), {
    name: 'InvalidArgument',
    message: /recovery id \d+ does not match current recovery id \d+/,
  });
  await commitBlockSynchronization(ns, { ...result, newGenerationStamp: recoveryId });
  t.is(holderOf(fixture, file.fileId), null);
});

test('the recovery of a file that was deleted meanwhile ends quietly', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const { file, result } = await underRecovery(fixture);
  await deletePath(ns, ROOT, file.path, false);
  await commitBlockSynchronization(ns, result);
  t.is(holderOf(fixture, file.fileId), 'HDFS_NameNode');
});

test('without a DataNode that could lead a recovery the file stays with its writer', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  const file = await openFile(ns, '/f');
  await nextBlock(ns, file);
  blocks.live = 0;
  t.false(await recoverLease(ns, ROOT, file));
  t.is(holderOf(fixture, file.fileId), 'writer');
});

test('recovering a lease needs the right to write the file', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  await t.throwsAsync(recoverLease(ns, callOf('bob'), file), { name: 'AccessControl' });
  await t.throwsAsync(recoverLease(ns, ROOT, { path: parsePath('/') }), { name: 'IsADirectory' });
  await t.throwsAsync(recoverLease(ns, ROOT, { path: parsePath('/none') }), { name: 'FileNotFound' });
});

test('what an earlier writer of the same client asks for is refused once the client has opened the file again', async (t) => {
  const { ns } = setUp(t);
  const made = await openFile(ns, '/f', { call: numbered(1) });
  const earlier = { ...made, openedBy: 1 };
  t.true(await recoverLease(ns, numbered(2), earlier));
  await append(ns, numbered(3), { path: made.path, clientName: made.clientName, newBlock: false });
  const lost = { name: 'LeaseExpired', message: /has opened \/f \(inode \d+\) anew since/ } as const;
  await t.throwsAsync(nextBlock(ns, earlier), lost);
  await t.throwsAsync(complete(ns, ROOT, { ...earlier, lastBlock: undefined }), lost);
  const block = await nextBlock(ns, { ...made, openedBy: 3 });
  await t.throwsAsync(fsync(ns, ROOT, { ...earlier, lastBlock: withLength(block, 5) }), lost);
  t.true(await complete(ns, ROOT, { ...made, openedBy: 3, lastBlock: withLength(block, 5) }));
});

test('a writer that does not tell which opening it belongs to is known by its client', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f', { call: numbered(1) });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: undefined }));
  await append(ns, ROOT, { path: file.path, clientName: file.clientName, newBlock: false });
  t.true(await complete(ns, ROOT, { ...file, openedBy: 1, lastBlock: undefined }), 'the opening had no number');
});

test('a recovery that was asked for before the client opened the file again leaves the file to it', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const file = await openFile(ns, '/f', { call: numbered(1) });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: undefined }));
  t.true(await recoverLease(ns, numbered(2), file));
  await append(ns, numbered(3), { path: file.path, clientName: file.clientName, newBlock: false });
  t.true(await recoverLease(ns, numbered(2), file), 'the repeat is answered as the call was');
  t.is(holderOf(fixture, file.fileId), file.clientName);
  t.true(await recoverLease(ns, numbered(4), file));
  t.is(holderOf(fixture, file.fileId), null);
});

test('a repeated recovery does not take the file from whoever has opened it after the first', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const file = await openFile(ns, '/f');
  t.true(await recoverLease(ns, numbered(1), file));
  await append(ns, ROOT, { path: file.path, clientName: 'other', newBlock: false });
  t.true(await recoverLease(ns, numbered(1), file));
  t.is(holderOf(fixture, file.fileId), 'other');
});

test('after the hard limit the NameNode closes the files of a vanished writer by itself', async (t) => {
  const fixture = setUp(t);
  const { ns, clock, blocks } = fixture;
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
  t.is(holderOf(fixture, stuck.fileId), 'HDFS_NameNode');
  t.is(holderOf(fixture, other.fileId), 'alive');
  const newGenerationStamp = blocks.recoveries.get(block.blockId)?.recoveryId ?? 0;
  await commitBlockSynchronization(ns, {
    block,
    newGenerationStamp,
    newLength: 10,
    isGone: false,
    targets: [target(0)],
  });
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
