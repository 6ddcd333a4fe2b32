import test, { type ExecutionContext } from 'ava';
import type { Block } from '../../../common/block.js';
import type { Namesystem } from '../../../namenode/namesystem.js';
import { abandonBlock } from '../../../namenode/operations/abandon-block.js';
import { addBlock } from '../../../namenode/operations/add-block.js';
import { append } from '../../../namenode/operations/append.js';
import { complete } from '../../../namenode/operations/complete.js';
import { create } from '../../../namenode/operations/create.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { fsync } from '../../../namenode/operations/fsync.js';
import { recoverLease } from '../../../namenode/operations/lease-recovery.js';
import { additionalDatanodes, updateBlockForPipeline, updatePipeline } from '../../../namenode/operations/pipeline.js';
import { rename } from '../../../namenode/operations/rename.js';
import { parsePath } from '../../../namenode/paths.js';
import { blockRow } from '../../../namenode/storage/block-rows.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import { BlockState } from '../../../namenode/storage/schema.js';
import { target } from '../support/fake-blocks.js';
import { nextBlock, openFile, WRITER, withLength, writeFile } from '../support/files.js';
import { type NamesystemFixture, openNamesystemFixture, ROOT } from '../support/namesystem-fixture.js';

function setUp(t: ExecutionContext, ...args: Parameters<typeof openNamesystemFixture>): NamesystemFixture {
  const fixture = openNamesystemFixture(...args);
  t.teardown(() => fixture.close());
  return fixture;
}

const anyBlock = { excludeDatanodes: [], writerHost: '' };

test('a file is written block by block and closed', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await openFile(ns, '/f');
  const first = await addBlock(ns, ROOT, { ...file, previous: undefined, excludeDatanodes: ['dn-1'], writerHost: 'h' });
  t.deepEqual(first.block, { blockId: 2 ** 30 + 1, generationStamp: 1001, numBytes: 0 });
  t.deepEqual(
    first.locations.map(({ datanodeUuid }) => datanodeUuid),
    ['dn-0', 'dn-2', 'dn-3'],
  );
  t.true(first.underConstruction);
  t.deepEqual(blocks.requests[0], { count: 3, blockSizeBytes: 1000, writerHost: 'h', exclude: ['dn-1'], existing: [] });
  const second = await addBlock(ns, ROOT, { ...file, previous: withLength(first.block, 1000), ...anyBlock });
  t.is(second.offset, 1000);
  t.is(blockRow(ns.journal.committed, first.block.blockId)?.state, BlockState.COMPLETE);
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(second.block, 10) }));
  const inode = inodeById(ns.journal.committed, file.fileId);
  t.is(inode?.length, 1010);
  t.is(inode?.lease_holder, null);
});

test('a repeated request for a block gets the same block until something was written to it', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  const first = await nextBlock(ns, file);
  t.deepEqual(await nextBlock(ns, file), first);
  const second = await nextBlock(ns, file, withLength(first, 1000));
  t.deepEqual(await nextBlock(ns, file, withLength(first, 1000)), second);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(second, 1) });
  await t.throwsAsync(nextBlock(ns, file, withLength(first, 1000)), {
    name: 'InvalidArgument',
    message: /does not match actual last block in file blk_1073741826_1002/,
  });
});

test('a repeated request for a block says when the file is not the writer’s any more', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  const call = { ...ROOT, id: { clientId: 'client', callId: 1 } };
  const request = { ...file, previous: undefined, excludeDatanodes: [], writerHost: '' };
  const { block } = await addBlock(ns, call, request);
  t.deepEqual((await addBlock(ns, call, request)).block, block);
  await abandonBlock(ns, ROOT, { ...file, block });
  await complete(ns, ROOT, { ...file, lastBlock: undefined });
  await t.throwsAsync(addBlock(ns, call, request), { name: 'LeaseExpired' });
});

test('a repeated request for a block waits until one of its DataNodes has registered again', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await openFile(ns, '/f');
  const first = await nextBlock(ns, file);
  // As after a restart that has lost the tables that are not logged.
  blocks.describe = () => [];
  await t.throwsAsync(nextBlock(ns, file), { name: 'RetryLater', message: /blk_1073741825_1001 of \/f/ });
  Reflect.deleteProperty(blocks, 'describe');
  t.deepEqual(await nextBlock(ns, file), first);
});

test('the next block waits until the one before the last has its minimum of replicas', async (t) => {
  const { ns, blocks } = setUp(t);
  blocks.live = 0;
  const file = await openFile(ns, '/f');
  const first = await nextBlock(ns, file);
  const second = await nextBlock(ns, file, withLength(first, 1000));
  t.is(blockRow(ns.journal.committed, first.blockId)?.state, BlockState.COMMITTED);
  await t.throwsAsync(nextBlock(ns, file, withLength(second, 1000)), { name: 'NotReplicatedYet', message: /\/f/ });
  await ns.journal.mutate((tx) => tx.log({ op: 'completeBlocks', timeMs: 1, blocks: [first.blockId] }));
  t.is((await nextBlock(ns, file, withLength(second, 1000))).blockId, second.blockId + 1);
});

test('a file is closed once its blocks have their minimum, and closing it again is no error', async (t) => {
  const { ns, blocks } = setUp(t);
  blocks.live = 0;
  const file = await openFile(ns, '/f');
  const lastBlock = withLength(await nextBlock(ns, file), 5);
  t.false(await complete(ns, ROOT, { ...file, lastBlock }));
  t.false(await complete(ns, ROOT, { ...file, lastBlock }));
  t.is(blockRow(ns.journal.committed, lastBlock.blockId)?.state, BlockState.COMMITTED);
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: withLength(lastBlock, 6) }), {
    message: /was finished with 5 bytes, not 6/,
  });
  blocks.live = 1;
  t.true(await complete(ns, ROOT, { ...file, lastBlock }));
  t.true(await complete(ns, ROOT, { ...file, lastBlock }));
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: withLength(lastBlock, 4) }), { name: 'LeaseExpired' });
});

test('a file whose last block is reported a moment later is closed by the same call', async (t) => {
  const { ns, blocks, fixture } = setUp(t);
  blocks.live = 0;
  const file = await openFile(ns, '/f');
  const lastBlock = withLength(await nextBlock(ns, file), 5);
  const before = fixture.log.batches.length;
  blocks.whileWaiting = () => {
    t.is(fixture.log.batches.length, before, 'nothing is logged before the block is reported');
    blocks.live = 1;
  };
  t.true(await complete(ns, ROOT, { ...file, lastBlock }));
  const [close] = fixture.log.batches.at(-1)?.records ?? [];
  t.is(close?.op, 'close');
  t.is(fixture.log.batches.length, before + 1);
});

test('a file that is deleted, or taken from its writer, while a report is waited for is not closed', async (t) => {
  const { ns, blocks } = setUp(t);
  blocks.live = 0;
  const deleted = await openFile(ns, '/f');
  const lastBlock = withLength(await nextBlock(ns, deleted), 5);
  blocks.whileWaiting = async () => void (await deletePath(ns, ROOT, parsePath('/f'), false));
  await t.throwsAsync(complete(ns, ROOT, { ...deleted, lastBlock }), { name: 'FileNotFound' });
  const taken = await openFile(ns, '/g');
  const block = withLength(await nextBlock(ns, taken), 5);
  blocks.whileWaiting = async () => {
    blocks.live = 1;
    await recoverLease(ns, ROOT, { path: parsePath('/g') });
  };
  await t.throwsAsync(complete(ns, ROOT, { ...taken, lastBlock: block }), { name: 'LeaseExpired' });
});

test('an empty file has no block', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  t.true(await complete(ns, ROOT, { ...file, lastBlock: undefined }));
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 0);
});

const withFirst = { clientName: WRITER, mode: 0o644, createParent: true, replication: 3, blockSizeBytes: 1000 };

/** Creates a file together with its first block. */
async function openWithBlock(ns: Namesystem, path: string, { call = ROOT, overwrite = false } = {}) {
  const request = { ...withFirst, path: parsePath(path), overwrite, firstBlock: { writerHost: 'h' } };
  const { inode, firstBlock } = await create(ns, call, request);
  return { file: { path: request.path, fileId: inode.id, clientName: WRITER }, firstBlock };
}

test('a file is made together with its first block, which its writer need not ask for', async (t) => {
  const { ns, blocks, fixture } = setUp(t);
  const { file, firstBlock } = await openWithBlock(ns, '/d/f');
  t.deepEqual(firstBlock?.block, { blockId: 2 ** 30 + 1, generationStamp: 1001, numBytes: 0 });
  t.is(firstBlock?.locations.length, 3);
  t.deepEqual(blocks.requests, [{ count: 3, blockSizeBytes: 1000, writerHost: 'h', exclude: [], existing: [] }]);
  t.deepEqual(
    fixture.log.batches.map(({ records }) => records.map(({ op }) => op)),
    [['create', 'addBlock']],
  );
  // Who has not understood the answer, and asks, is told of the same block.
  t.deepEqual(await nextBlock(ns, file), firstBlock?.block);
  const second = await nextBlock(ns, file, withLength(firstBlock?.block as Block, 1000));
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(second, 10) }));
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 1010);
});

test('a repeated call for a file with its first block gets the same two', async (t) => {
  const { ns, blocks } = setUp(t);
  const call = { ...ROOT, id: { clientId: 'client', callId: 1 } };
  const first = await openWithBlock(ns, '/f', { call });
  t.deepEqual(await openWithBlock(ns, '/f', { call }), first);
  t.is(ns.journal.counters.blocks, 1);
  blocks.describe = () => [];
  await t.throwsAsync(openWithBlock(ns, '/f', { call }), { name: 'RetryLater' });
  Reflect.deleteProperty(blocks, 'describe');
  await abandonBlock(ns, ROOT, { ...first.file, block: first.firstBlock?.block as Block });
  t.deepEqual(await openWithBlock(ns, '/f', { call }), { ...first, firstBlock: undefined });
});

test('a file that replaces another one comes with its first block, too', async (t) => {
  const { ns } = setUp(t);
  await writeFile(ns, '/f', [7]);
  const { file, firstBlock } = await openWithBlock(ns, '/f', { overwrite: true });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(firstBlock?.block as Block, 10) }));
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 10);
});

test('a file is made without its first block when no DataNode can take it', async (t) => {
  const { ns, blocks } = setUp(t);
  blocks.available = 0;
  const { file, firstBlock } = await openWithBlock(ns, '/f');
  t.is(firstBlock, undefined);
  await t.throwsAsync(nextBlock(ns, file), { name: 'NoTargets', message: /^File \/f could only be written to 0 of/ });
  blocks.available = 5;
  const block = await nextBlock(ns, file);
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(block, 10) }));
});

test('a first block that was not written goes when the file is closed', async (t) => {
  const { ns, blocks } = setUp(t);
  const { file, firstBlock } = await openWithBlock(ns, '/f');
  const unusedBlock = firstBlock?.block as Block;
  const close = { ...file, lastBlock: undefined, unusedBlock };
  await t.throwsAsync(complete(ns, ROOT, { ...close, unusedBlock: { ...unusedBlock, blockId: 7 } }), {
    name: 'InvalidArgument',
  });
  t.deepEqual(blocks.unwritten, []);
  t.true(await complete(ns, ROOT, close));
  t.is(ns.journal.counters.blocks, 0);
  t.is(inodeById(ns.journal.committed, file.fileId)?.lease_holder, null);
  t.deepEqual(blocks.unwritten, [target(0), target(1), target(2)]);
  t.true(await complete(ns, ROOT, close));
  t.is(blocks.unwritten.length, 3);
});

test('a first block of which bytes were acknowledged is not given back', async (t) => {
  const { ns } = setUp(t);
  const { file, firstBlock } = await openWithBlock(ns, '/f');
  const unusedBlock = firstBlock?.block as Block;
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(unusedBlock, 1) });
  const close = { ...file, lastBlock: undefined, unusedBlock };
  await t.throwsAsync(complete(ns, ROOT, close), { name: 'InvalidArgument', message: /acknowledged/ });
  t.is(inodeById(ns.journal.committed, file.fileId)?.lease_holder, WRITER);
});

test('a file with a block that is being written is not closed without its length', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  await nextBlock(ns, file);
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: undefined }), { name: 'InvalidArgument' });
});

test('only the holder of the lease writes, by the id of the file, whatever its name has become', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  await t.throwsAsync(nextBlock(ns, { ...file, clientName: 'thief' }), {
    name: 'LeaseExpired',
    message: /Client \(=thief\) is not the lease owner \(=writer: \/f/,
  });
  await rename(ns, ROOT, { source: parsePath('/f'), destination: parsePath('/g'), overwrite: false, exact: true });
  const block = await nextBlock(ns, file);
  await openFile(ns, '/f', { clientName: 'other' });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(block, 1) }));
  await t.throwsAsync(nextBlock(ns, file), { name: 'LeaseExpired', message: /not open for writing/ });
});

test('a writer learns that its file, or a directory above it, was deleted or replaced', async (t) => {
  const { ns } = setUp(t);
  const deleted = await openFile(ns, '/d/e/f');
  await deletePath(ns, ROOT, parsePath('/d'), true);
  await t.throwsAsync(nextBlock(ns, deleted), { name: 'FileNotFound', message: /File does not exist: \/d\/e\/f/ });
  const replaced = await openFile(ns, '/g');
  const replacing = await openFile(ns, '/g', { overwrite: true, clientName: 'other' });
  await t.throwsAsync(complete(ns, ROOT, { ...replaced, lastBlock: undefined }), { name: 'FileNotFound' });
  t.true(await complete(ns, ROOT, { ...replacing, lastBlock: undefined }));
});

test('lengths and stamps that cannot be are refused', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 100) });
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 100);
  await t.throwsAsync(nextBlock(ns, file, withLength(block, 1001)), { name: 'InvalidArgument', message: /1001 bytes/ });
  await t.throwsAsync(nextBlock(ns, file, withLength(block, 99)), {
    name: 'InvalidArgument',
    message: /100 were acknowledged/,
  });
  await t.throwsAsync(nextBlock(ns, file, { ...block, numBytes: 100, generationStamp: 1 }), {
    name: 'StaleGenerationStamp',
  });
  await t.throwsAsync(complete(ns, ROOT, { ...file, lastBlock: { ...block, blockId: 7 } }), {
    name: 'InvalidArgument',
  });
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 50) });
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 100);
});

test('a block to which nothing was written is given back; one with acknowledged bytes is not', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  await abandonBlock(ns, ROOT, { ...file, block });
  t.is(blockRow(ns.journal.committed, block.blockId), undefined);
  t.is(ns.journal.counters.blocks, 0);
  t.deepEqual(blocks.unwritten, [target(0), target(1), target(2)]);
  await abandonBlock(ns, ROOT, { ...file, block });
  t.is(blocks.unwritten.length, 3);
  const next = await nextBlock(ns, file);
  t.is(next.blockId, block.blockId + 1);
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(next, 1) });
  await t.throwsAsync(abandonBlock(ns, ROOT, { ...file, block: next }), {
    name: 'InvalidArgument',
    message: /acknowledged/,
  });
});

test('a pipeline is rebuilt under a new generation stamp', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  const generationStamp = await updateBlockForPipeline(ns, ROOT, { ...file, block });
  t.is(generationStamp, 1002);
  t.is(await updateBlockForPipeline(ns, ROOT, { ...file, block }), 1003);
  const newBlock = { ...block, generationStamp: 1003, numBytes: 7 };
  const update = { ...file, oldBlock: block, newBlock, targets: [target(4)] };
  await t.throwsAsync(updatePipeline(ns, ROOT, { ...update, newBlock: { ...newBlock, generationStamp: 1004 } }), {
    name: 'StaleGenerationStamp',
  });
  await updatePipeline(ns, ROOT, update);
  await updatePipeline(ns, ROOT, update);
  const row = blockRow(ns.journal.committed, block.blockId);
  t.is(row?.generation_stamp, 1003);
  t.is(row?.length, 7);
  t.deepEqual(JSON.parse(row?.expected ?? ''), [['dn-4', 'ds-4']]);
  await t.throwsAsync(updateBlockForPipeline(ns, ROOT, { ...file, block }), { name: 'StaleGenerationStamp' });
  // An hflush of before may still be on its way.
  await fsync(ns, ROOT, { ...file, lastBlock: withLength(block, 8) });
  t.is(blockRow(ns.journal.committed, block.blockId)?.length, 8);
  const unknown = { ...block, generationStamp: 1004, numBytes: 8 };
  await t.throwsAsync(fsync(ns, ROOT, { ...file, lastBlock: unknown }), { name: 'StaleGenerationStamp' });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: { ...newBlock, numBytes: 9 } }));
  t.is(ns.journal.counters.generationStamp, 1003);
});

test('further DataNodes for a pipeline: none is an answer', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await openFile(ns, '/f');
  const block = await nextBlock(ns, file);
  const request = { ...file, block, existing: [target(0), target(1)], excludeDatanodes: ['dn-2'], additional: 1 };
  const added = await additionalDatanodes(ns, ROOT, request);
  t.deepEqual(
    added.map(({ datanodeUuid }) => datanodeUuid),
    ['dn-3'],
  );
  blocks.available = 3;
  t.deepEqual(await additionalDatanodes(ns, ROOT, request), []);
});

test('no DataNode for a block: the message names the file', async (t) => {
  const { ns, blocks } = setUp(t);
  blocks.available = 0;
  const file = await openFile(ns, '/f');
  await t.throwsAsync(nextBlock(ns, file), { name: 'NoTargets', message: /^File \/f could only be written to 0 of/ });
});

test('a file has at most so many blocks', async (t) => {
  const { ns } = setUp(t, { maxBlocksPerFile: 2 });
  const file = await openFile(ns, '/f');
  const first = await nextBlock(ns, file);
  const second = await nextBlock(ns, file, withLength(first, 1000));
  await t.throwsAsync(nextBlock(ns, file, withLength(second, 1000)), {
    name: 'TooManyBlocks',
    message: /max-blocks-per-file\): 2 >= 2$/,
  });
  t.true(await complete(ns, ROOT, { ...file, lastBlock: withLength(second, 1) }));
});

test('an append fills up the last block by the replicas it has', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await writeFile(ns, '/f', [1000, 400]);
  blocks.live = 2;
  const { inode, lastBlock } = await append(ns, ROOT, { path: file.path, clientName: 'w2', newBlock: false });
  t.is(inode.lease_holder, 'w2');
  t.is(lastBlock?.offset, 1000);
  t.is(lastBlock?.block.numBytes, 400);
  t.true(lastBlock?.underConstruction);
  t.is(lastBlock?.locations.length, 2);
  const block = lastBlock?.block ?? { blockId: 0, generationStamp: 0, numBytes: 0 };
  const writer = { ...file, clientName: 'w2' };
  const generationStamp = await updateBlockForPipeline(ns, ROOT, { ...writer, block });
  const newBlock = { ...block, generationStamp };
  await updatePipeline(ns, ROOT, { ...writer, oldBlock: block, newBlock, targets: [target(0)] });
  t.true(await complete(ns, ROOT, { ...writer, lastBlock: withLength(newBlock, 900) }));
  t.is(inodeById(ns.journal.committed, file.fileId)?.length, 1900);
});

test('an append begins a new block when the last one is full, or it is asked to', async (t) => {
  const { ns } = setUp(t);
  const full = await writeFile(ns, '/full', [1000]);
  const appended = await append(ns, ROOT, { path: full.path, clientName: WRITER, newBlock: false });
  t.is(appended.lastBlock, undefined);
  const block = await nextBlock(ns, full);
  t.true(await complete(ns, ROOT, { ...full, lastBlock: withLength(block, 1) }));
  const again = await append(ns, ROOT, { path: full.path, clientName: WRITER, newBlock: true });
  t.is(again.lastBlock, undefined);
  t.true(await complete(ns, ROOT, { ...full, lastBlock: undefined }));
  t.is(inodeById(ns.journal.committed, full.fileId)?.length, 1001);
});

test('nothing is appended to a block that nobody has', async (t) => {
  const { ns, blocks } = setUp(t);
  const file = await writeFile(ns, '/f', [400]);
  blocks.live = 0;
  await t.throwsAsync(append(ns, ROOT, { path: file.path, clientName: 'w2', newBlock: false }), {
    name: 'BlockMissing',
  });
  t.is(inodeById(ns.journal.committed, file.fileId)?.lease_holder, null);
});
