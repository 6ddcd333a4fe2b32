import test from 'ava';
import { systemClock } from '../../common/clock.js';
import { Status } from '../../common/data-transfer.js';
import { osError } from '../support/faulty-disk.js';
import { MemoryNetwork } from './support/memory-network.js';
import {
  eventually,
  lastPacket,
  numbered,
  openPipeline,
  startNode,
  startNodes,
  TestConnection,
  type TestNode,
  writeOperation,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf, readAll, sameBytes } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const HEARTBEAT = { ...lastPacket(-1, 0), last: false };

async function contentAt({ store }: TestNode, generationStamp = 1001): Promise<Buffer> {
  return readAll(await store.openForRead({ blockId: 7, generationStamp }));
}

for (const count of [1, 2, 3]) {
  for (const length of [0, 1, 1024, 100_000]) {
    test(`a block of ${length} bytes is written through ${count} DataNodes`, async (t) => {
      const { network, nodes } = await startNodes(t, count);
      const content = contentOf(7, length);
      await writeThrough(network, nodes, BLOCK, content);
      for (const node of nodes) {
        t.is(node.store.catalog.get(7)?.state, 'FINALIZED');
        t.is(sameBytes(await contentAt(node), content), 'same');
        t.deepEqual(node.events.notes, ['receiving 7_1001 0', `received 7_1001 ${length}`]);
      }
    });
  }
}

test('what is acknowledged can be read at every DataNode before the block is closed', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const content = contentOf(7, 5000);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, content, 0, 3000));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  for (const node of nodes) t.is(sameBytes(await contentAt(node), content.subarray(0, 3000)), 'same');
  // The last chunk was sent in part; the next packet brings it whole.
  await connection.send(numbered(1, content, 2048, 5000));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  for (const node of nodes) t.is(sameBytes(await contentAt(node), content), 'same');
});

test('what only a part of the pipeline has is not shown to readers', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  const content = contentOf(7, 2048);
  const connection = await openPipeline(network, nodes, BLOCK);
  second.disk.onOperation = (operation) => {
    if (operation.kind === 'write') throw osError('ENOSPC', operation);
  };
  await connection.send(numbered(0, content, 0, 2048));
  t.is(await connection.ackNames(), 'SUCCESS ERROR');
  t.is(first.store.catalog.get(7)?.numBytes, 2048);
  t.is((await contentAt(first)).length, 0);
});

test('a heartbeat is passed on and acknowledged', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(HEARTBEAT);
  t.deepEqual(await connection.readAck(), { seqno: -1, reply: [Status.SUCCESS, Status.SUCCESS, Status.SUCCESS] });
});

test('a packet that asks for it is on stable storage everywhere when it is acknowledged', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const content = contentOf(7, 1500);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, content, 0, 1500, true));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  for (const { image } of nodes) {
    const durable = [...image.durableFiles()].find(({ path }) => path === '/data/current/rbw/blk_7');
    t.is(sameBytes(durable?.bytes, content), 'same');
  }
});

test('the last DataNode finds wrong checksums; the client hears that it is the one before it', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const content = contentOf(7, 2048);
  const connection = await openPipeline(network, nodes, BLOCK);
  const damaged = { ...numbered(0, content, 0, 2048), data: [contentOf(8, 2048)] };
  await connection.send(damaged);
  t.is(await connection.ackNames(), 'SUCCESS ERROR');
});

test('a DataNode that is the only one tells of wrong checksums itself', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send({ ...numbered(0, contentOf(7, 2048), 0, 2048), data: [contentOf(8, 2048)] });
  t.is(await connection.ackNames(), 'ERROR_CHECKSUM');
  await eventually('the replica is released', () => nodes[0]?.store.catalog.inPipeline(7)?.writer === undefined);
  t.is(nodes[0]?.store.catalog.get(7)?.numBytes, 0);
});

test('a DataNode that cannot be reached is named, and what was begun before it is removed', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [first, second, third] = nodes as [TestNode, TestNode, TestNode];
  await third.server.stop();
  const connection = await TestConnection.to(network, first.address);
  const response = await connection.ask(writeOperation(BLOCK, [second, third]));
  t.is(response.status, Status.ERROR);
  t.is(response.firstBadLink, 'dn3:9866');
  t.true(response.message?.includes('connection refused'));
  t.is(first.store.catalog.get(7), undefined);
  t.is(second.store.catalog.get(7), undefined);
  t.deepEqual(first.events.notes, ['receiving 7_1001 0', 'deleted 7_1001 0']);
});

test('a DataNode that refuses is named with its reason', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const full = await startNode(t, network, 'full', { reservedBytes: 2 ** 50 });
  const connection = await TestConnection.to(network, (nodes[0] as TestNode).address);
  const response = await connection.ask(writeOperation({ ...BLOCK, numBytes: 1000 }, [nodes[1] as TestNode, full]));
  t.is(response.firstBadLink, 'full:9866');
  t.is(response.message, 'No volume has 8192 bytes left for a new replica (/data: 0 bytes)');
});

test('a DataNode that dies is the one that the acks blame, and the others keep what they have', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const content = contentOf(7, 4096);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, content, 0, 2048));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  await (nodes[2] as TestNode).server.stop();
  await connection.send(numbered(1, content, 2048, 4096));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS ERROR');
  connection.channel.destroy();
  for (const { store } of nodes.slice(0, 2)) {
    await eventually('the writer has let go', () => store.catalog.inPipeline(7)?.writer === undefined);
    const replica = store.catalog.get(7);
    t.is(replica?.state, 'RBW');
    t.is(replica?.visibleBytes, 2048);
  }
});

test('a full disk fails the write with the DataNode to blame; the DataNode lives on and the space is free again', async (t) => {
  const network = (await startNodes(t, 0)).network;
  const small = await startNode(t, network, 'small', { capacityBytes: 64 * 1024 });
  const used = small.image.usedBytes;
  small.disk.onOperation = (operation) => {
    if (operation.kind === 'write' && small.image.usedBytes > 32 * 1024) throw osError('ENOSPC', operation);
  };
  const connection = await openPipeline(network, [small], BLOCK);
  const content = contentOf(7, 128 * 1024);
  for (let i = 0; i < 16; i++) await connection.send(numbered(i, content, i * 8192, (i + 1) * 8192));
  let ack = await connection.ackNames();
  while (ack === 'SUCCESS') ack = await connection.ackNames();
  t.is(ack, 'ERROR');
  connection.channel.destroy();
  await eventually('the writer has let go', () => small.store.catalog.inPipeline(7)?.writer === undefined);
  // Acknowledged bytes stay for the pipeline that is rebuilt, nothing else.
  const replica = small.store.catalog.get(7);
  t.is(small.image.usedBytes - used, (replica?.numBytes ?? 0) + 7 + 4 * Math.ceil((replica?.numBytes ?? 0) / 1024));
  small.disk.onOperation = () => {};
  await writeThrough(network, [small], { ...BLOCK, blockId: 9 }, contentOf(9, 1000));
  t.false(small.store.volumes.get(0).failed);
});

test('a disk that fails at the first byte leaves no replica behind', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const node = nodes[0] as TestNode;
  const connection = await openPipeline(network, nodes, BLOCK);
  node.disk.onOperation = (operation) => {
    if (operation.kind === 'write') throw osError('ENOSPC', operation);
  };
  await connection.send(numbered(0, contentOf(7, 1024), 0, 1024));
  t.is(await connection.ackNames(), 'ERROR');
  const replicaFiles = () => [...node.image.files()].filter(({ path }) => path.includes('blk_'));
  await eventually('its files are gone', () => replicaFiles().length === 0);
  t.is(node.store.catalog.get(7), undefined);
});

test('a client that vanishes leaves its replicas for recovery', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const content = contentOf(7, 3000);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, content, 0, 3000));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  connection.channel.destroy();
  for (const node of nodes) {
    await eventually('the writer has let go', () => node.store.catalog.inPipeline(7)?.writer === undefined);
    t.is(node.store.catalog.get(7)?.state, 'RBW');
    t.is(sameBytes(await contentAt(node), content), 'same');
  }
});

test('a writer that is silent for too long is given up, and what it wrote kept for recovery', async (t) => {
  const timeouts = { readTimeoutMs: 50, writeTimeoutMs: 5000, keepAliveMs: 5000 };
  const { network, nodes } = await startNodes(t, 2, { timeouts });
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, contentOf(7, 1000), 0, 1000));
  t.is(await connection.ackNames(), 'SUCCESS SUCCESS');
  t.is(await connection.ackNames(), 'closed');
  for (const { store } of nodes) {
    await eventually('the writer has let go', () => store.catalog.inPipeline(7)?.writer === undefined);
    t.is(store.catalog.get(7)?.visibleBytes, 1000);
  }
});

test('packets that leave a gap, or begin within a chunk, end the connection', async (t) => {
  for (const bad of [numbered(0, contentOf(7, 8192), 2048, 4096), numbered(0, contentOf(7, 8192), 512, 4096)]) {
    const { network, nodes } = await startNodes(t, 1);
    const connection = await openPipeline(network, nodes, BLOCK);
    await connection.send(bad);
    t.is(await connection.ackNames(), 'closed');
    await eventually('the writer has let go', () => nodes[0]?.store.catalog.inPipeline(7)?.writer === undefined);
    t.is(nodes[0]?.store.catalog.get(7)?.numBytes, 0);
  }
});

test('the end of a block must come where its bytes end', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, contentOf(7, 1000), 0, 1000));
  await connection.send(lastPacket(1, 2000));
  t.is(await connection.ackNames(), 'SUCCESS');
  t.is(await connection.ackNames(), 'closed');
  t.is(nodes[0]?.store.catalog.get(7)?.state, 'RBW');
});

test('a block that is there already is refused, whether complete or being written', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, contentOf(7, 100));
  await openPipeline(network, nodes, { ...BLOCK, blockId: 8 });
  for (const [blockId, state] of [
    [7, 'FINALIZED'],
    [8, 'RBW'],
  ] as const) {
    const connection = await TestConnection.to(network, node.address);
    const response = await connection.ask(writeOperation({ ...BLOCK, blockId }, []));
    t.is(response.status, Status.ERROR_EXISTS);
    t.true(response.message?.includes(state));
  }
});

test('a copy that is complete is finalized; one that is broken off leaves nothing', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const content = contentOf(7, 2000);
  const copy = { clientName: '' };
  const broken = await openPipeline(network, nodes, { ...BLOCK, numBytes: 2000 }, copy);
  await broken.send(numbered(0, content, 0, 1024));
  t.is(await broken.ackNames(), 'SUCCESS');
  t.is(node.store.catalog.get(7)?.state, 'TEMPORARY');
  broken.channel.destroy();
  await eventually('the copy is gone', () => node.store.catalog.get(7) === undefined);
  t.deepEqual(node.events.notes, []);

  const whole = await openPipeline(network, nodes, { ...BLOCK, numBytes: 2000 }, copy);
  await whole.send(numbered(0, content, 0, 2000));
  await whole.send(lastPacket(1, 2000));
  t.is(await whole.ackNames(), 'SUCCESS');
  t.is(await whole.ackNames(), 'SUCCESS');
  t.is(sameBytes(await contentAt(node), content), 'same');
});

test('no DataNode finalizes a copy that was damaged on its way, be there another one behind it or not', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const content = contentOf(7, 2000);
  const connection = await openPipeline(network, nodes, { ...BLOCK, numBytes: 2000 }, { clientName: '' });
  await connection.send({ ...numbered(0, content, 0, 2000), data: [contentOf(8, 2000)] });
  await connection.send(lastPacket(1, 2000));
  t.is(await connection.ackNames(), 'ERROR_CHECKSUM');
  for (const { store, events } of nodes) {
    await eventually('the copy is gone', () => store.catalog.get(7) === undefined);
    t.deepEqual(events.notes, []);
  }
});

test('a newer order to copy takes the place of one that hangs', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const hanging = await openPipeline(network, nodes, { ...BLOCK, numBytes: 2000 }, { clientName: '' });
  const content = contentOf(7, 2000);
  const second = await openPipeline(network, nodes, { ...BLOCK, numBytes: 2000 }, { clientName: '' });
  t.is(await hanging.ackNames(), 'closed');
  await second.send(numbered(0, content, 0, 2000));
  await second.send(lastPacket(1, 2000));
  t.is(await second.ackNames(), 'SUCCESS');
  t.is(await second.ackNames(), 'SUCCESS');
});

test('a copy goes on without a DataNode that cannot be reached', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  await second.server.stop();
  const connection = await openPipeline(network, [first, second], { ...BLOCK, numBytes: 100 }, { clientName: '' });
  await connection.send(numbered(0, contentOf(7, 100), 0, 100));
  await connection.send(lastPacket(1, 100));
  t.is(await connection.ackNames(), 'SUCCESS');
  t.is(await connection.ackNames(), 'SUCCESS');
  t.is(first.store.catalog.get(7)?.state, 'FINALIZED');
});

test('stages that are not requests are refused', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  for (const stage of ['DATA_STREAMING', 'PIPELINE_CLOSE'] as const) {
    const connection = await TestConnection.to(network, (nodes[0] as TestNode).address);
    const response = await connection.ask(writeOperation(BLOCK, [], { stage }));
    t.is(response.status, Status.ERROR_UNSUPPORTED);
  }
});

test('a DataNode whose disk is slow says so with each packet, and those before it pass that on', async (t) => {
  const network = new MemoryNetwork();
  let sleptMs = 0;
  const clock = { ...systemClock, monotonicMs: () => sleptMs };
  const still = { ...systemClock, monotonicMs: () => 0 };
  const nodes = await Promise.all([
    startNode(t, network, 'dn1', { clock: still }),
    startNode(t, network, 'dn2', { clock }),
    startNode(t, network, 'dn3', { clock: still }),
  ]);
  const content = contentOf(7, 8192);
  nodes[1].disk.onOperation = ({ kind }) => {
    if (kind === 'write') sleptMs += 301;
  };
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, content, 0, 4096));
  const reply = [Status.SUCCESS, Status.SUCCESS, Status.SUCCESS];
  t.deepEqual(await connection.readAck(), { seqno: 0, reply, slow: [false, true, false] });
  nodes[1].disk.onOperation = () => {};
  await connection.send(numbered(1, content, 4096, 8192));
  t.deepEqual(await connection.readAck(), { seqno: 1, reply });
});
