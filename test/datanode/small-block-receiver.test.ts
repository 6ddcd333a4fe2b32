import test, { type ExecutionContext } from 'ava';
import { computeChecksums } from '../../common/checksum.js';
import { systemClock } from '../../common/clock.js';
import type { SmallBlock, SmallBlockAnswer } from '../../common/small-block.js';
import { SmallBlockConnections } from '../../common/small-block-connection.js';
import { statusName } from '../../common/status.js';
import { FakeClock } from '../support/fake-clock.js';
import { osError } from '../support/faulty-disk.js';
import type { MemoryNetwork } from './support/memory-network.js';
import { CLUSTER, startNodes, type TestNode } from './support/pipeline-fixture.js';
import { CHECKSUM, contentOf, readAll } from './support/store-fixture.js';

const TIMEOUT_MS = 10_000;

function connect(t: ExecutionContext, network: MemoryNetwork, poolId = CLUSTER): SmallBlockConnections {
  const times = { connectTimeoutMs: TIMEOUT_MS, writeTimeoutMs: TIMEOUT_MS, idleMs: TIMEOUT_MS };
  const connections = new SmallBlockConnections({ network, clock: systemClock, poolId: () => poolId, ...times });
  t.teardown(() => connections.close());
  return connections;
}

function smallBlock(blockId: number, behind: readonly TestNode[], content = contentOf(blockId, 2_500)): SmallBlock {
  const block = { blockId, generationStamp: 1001, numBytes: content.length };
  const targets = behind.map(({ node: { host, dataPort } }) => ({ host, dataPort, storageId: '' }));
  const data = [content];
  return { block, checksum: CHECKSUM, storageId: '', targets, checksums: computeChecksums(CHECKSUM, data), data };
}

function names({ statuses }: SmallBlockAnswer): string {
  return statuses.map(statusName).join(' ');
}

const isHere =
  (blockId: number) =>
  (node: TestNode): boolean =>
    node.store.catalog.finalized(blockId) !== undefined;

test('a block is on all DataNodes when it is acknowledged, and survives the power failure of each', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [, ...behind] = nodes;
  const answer = await connect(t, network).write('dn1', 9866, smallBlock(7, behind), TIMEOUT_MS);
  t.is(names(answer), 'SUCCESS SUCCESS SUCCESS');
  for (const { store, image, events } of nodes) {
    t.deepEqual(await readAll(await store.openForRead({ blockId: 7, generationStamp: 1001 })), contentOf(7, 2_500));
    t.deepEqual(events.notes, ['received 7_1001 2500']);
    t.true([...image.durableFiles()].some(({ bytes }) => bytes.includes(contentOf(7, 2_500))));
  }
});

test('many at a time go over one connection to each DataNode', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [, ...behind] = nodes;
  const connections = connect(t, network);
  const ids = Array.from({ length: 200 }, (_, i) => i + 1);
  const answers = await Promise.all(
    ids.map((id) => connections.write('dn1', 9866, smallBlock(id, behind), TIMEOUT_MS)),
  );
  t.true(answers.every((answer) => names(answer) === 'SUCCESS SUCCESS SUCCESS'));
  t.true(ids.every((id) => nodes.every(isHere(id))));
  t.true(nodes.every(({ xceiver }) => xceiver.activeCount === 0));
});

test('bytes without their checksums are refused, and passed on to nobody', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [, ...behind] = nodes;
  const damaged = { ...smallBlock(7, behind), data: [contentOf(8, 2_500)] };
  const answer = await connect(t, network).write('dn1', 9866, damaged, TIMEOUT_MS);
  t.is(names(answer), 'ERROR_CHECKSUM');
  t.false(nodes.some(isHere(7)));
});

test('what fails is told by its place; the others keep what they have', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [, ...behind] = nodes;
  const second = behind[0] as TestNode;
  second.disk.onOperation = (operation) => {
    if (operation.kind === 'write') throw osError('EIO', operation);
  };
  const answer = await connect(t, network).write('dn1', 9866, smallBlock(7, behind), TIMEOUT_MS);
  t.is(names(answer), 'SUCCESS ERROR SUCCESS');
  t.regex(answer.message, /EIO/);
  t.deepEqual(nodes.map(isHere(7)), [true, false, true]);
});

test('a DataNode that cannot be reached is told of by the one before it', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [, ...behind] = nodes;
  const nobody = { host: 'dn9', dataPort: 9866, storageId: '' };
  const block = smallBlock(7, behind);
  const answer = await connect(t, network).write(
    'dn1',
    9866,
    { ...block, targets: [...block.targets, nobody] },
    TIMEOUT_MS,
  );
  t.is(names(answer), 'SUCCESS SUCCESS ERROR');
  t.regex(answer.message, /dn9:9866/);
});

test('a replica that is there already is not replaced', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const connections = connect(t, network);
  t.is(names(await connections.write('dn1', 9866, smallBlock(7, []), TIMEOUT_MS)), 'SUCCESS');
  const other = smallBlock(7, [], contentOf(8, 100));
  t.is(names(await connections.write('dn1', 9866, other, TIMEOUT_MS)), 'ERROR_EXISTS');
  const { store } = nodes[0] as TestNode;
  t.deepEqual(await readAll(await store.openForRead({ blockId: 7, generationStamp: 1001 })), contentOf(7, 2_500));
});

test('another cluster’s blocks are refused', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const written = connect(t, network, 'CID-other').write('dn1', 9866, smallBlock(7, []), TIMEOUT_MS);
  await t.throwsAsync(written, { name: 'Unsupported', message: /belongs to cluster CID-test/ });
  t.false(nodes.some(isHere(7)));
});

test('everybody who waits is told when the DataNode dies, and the next block goes over a new connection', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [{ disk, server }] = nodes as [TestNode];
  const connections = connect(t, network);
  let stopping: Promise<void> | undefined;
  disk.onOperation = ({ kind }) => {
    if (kind === 'sync') stopping ??= server.stop();
  };
  const written = [1, 2, 3].map((id) => connections.write('dn1', 9866, smallBlock(id, []), TIMEOUT_MS));
  for (const one of written) await t.throwsAsync(one, { name: 'ConnectionLost' });
  await stopping;
  await server.start();
  t.is(names(await connections.write('dn1', 9866, smallBlock(4, []), TIMEOUT_MS)), 'SUCCESS');
});

test('a DataNode that does not answer in time costs its connection', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await network.listen('silent', 9866, () => {});
  const clock = new FakeClock();
  const times = { connectTimeoutMs: TIMEOUT_MS, writeTimeoutMs: TIMEOUT_MS, idleMs: TIMEOUT_MS };
  const connections = new SmallBlockConnections({ network, clock, poolId: () => CLUSTER, ...times });
  t.teardown(() => connections.close());
  const written = [1, 2].map((id) => connections.write('silent', 9866, smallBlock(id, nodes), 1_000));
  await clock.advance(1_000);
  for (const one of written)
    await t.throwsAsync(one, { name: 'Timeout', message: /silent:9866 did not answer in time/ });
});
