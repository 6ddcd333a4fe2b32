import test from 'ava';
import { Status, type WriteBlockOperation } from '../../common/data-transfer.js';
import { osError } from '../support/faulty-disk.js';
import type { MemoryNetwork } from './support/memory-network.js';
import {
  eventually,
  lastPacket,
  numbered,
  openPipeline,
  startNodes,
  TestConnection,
  type TestNode,
  writeOperation,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf, readAll, sameBytes } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 10_000);

async function contentAt({ store }: TestNode, generationStamp: number): Promise<Buffer> {
  return readAll(await store.openForRead({ blockId: 7, generationStamp }));
}

async function ask(network: MemoryNetwork, nodes: readonly TestNode[], change: Partial<WriteBlockOperation>) {
  const [first, ...others] = nodes as [TestNode, ...TestNode[]];
  const connection = await TestConnection.to(network, first.address);
  return { connection, response: await connection.ask(writeOperation(BLOCK, others, change)) };
}

test('a pipeline goes on under a new stamp without the DataNode that died', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 4096));
  t.is(await broken.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  const [first, dead, third] = nodes as [TestNode, TestNode, TestNode];
  await dead.server.stop();
  await broken.send(numbered(1, CONTENT, 4096, 8192));
  t.is(await broken.ackNames(), 'SUCCESS ERROR');

  // The client has not closed the broken one: it is stopped by the recovery.
  const rebuilt = await openPipeline(network, [first, third], BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 4096,
    maxBytesRcvd: 8192,
    latestGenerationStamp: 1002,
  });
  for (const { store } of [first, third]) {
    t.is(store.catalog.get(7)?.numBytes, 4096);
    t.is(store.catalog.get(7)?.generationStamp, 1002);
  }
  await rebuilt.send(numbered(1, CONTENT, 4096, 8192));
  await rebuilt.send(numbered(2, CONTENT, 8192, 10_000));
  await rebuilt.send(lastPacket(3, 10_000));
  for (let i = 0; i < 3; i++) t.is(await rebuilt.ackNames(), 'SUCCESS SUCCESS');
  for (const node of [first, third]) t.is(sameBytes(await contentAt(node, 1002), CONTENT), 'same');
  t.deepEqual(first.events.notes.slice(-2), ['receiving 7_1002 8192', 'received 7_1002 10000']);
});

test('packets that a replica has already are acknowledged again, and change nothing', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 5000));
  t.is(await broken.ackNames(), 'SUCCESS');
  broken.channel.destroy();
  // As if the ack had not reached the client.
  const rebuilt = await openPipeline(network, nodes, BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 0,
    maxBytesRcvd: 5000,
    latestGenerationStamp: 1002,
  });
  await rebuilt.send(numbered(0, CONTENT, 0, 4500));
  await rebuilt.send(numbered(1, CONTENT, 4096, 10_000));
  await rebuilt.send(lastPacket(2, 10_000));
  for (let i = 0; i < 3; i++) t.is(await rebuilt.ackNames(), 'SUCCESS');
  t.is(sameBytes(await contentAt(nodes[0] as TestNode, 1002), CONTENT), 'same');
});

test('a replica that is shorter than what the client saw acknowledged takes no part', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 1024));
  t.is(await broken.ackNames(), 'SUCCESS');
  const change = { stage: 'PIPELINE_SETUP_STREAMING_RECOVERY', latestGenerationStamp: 1002 } as const;
  const tooShort = await ask(network, nodes, { ...change, minBytesRcvd: 2048, maxBytesRcvd: 4096 });
  t.is(tooShort.response.status, Status.ERROR_INVALID);
  const tooLong = await ask(network, nodes, { ...change, minBytesRcvd: 0, maxBytesRcvd: 500 });
  t.is(tooLong.response.status, Status.ERROR_INVALID);
  t.true(tooLong.response.message?.includes('1024 on disk; expected 0 to 500'));
});

test('a replica with a stamp from before, or from after, takes no part', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await openPipeline(network, nodes, { ...BLOCK, generationStamp: 1005 });
  for (const stamps of [
    [1006, 1007],
    [1001, 1004],
  ] as const) {
    const connection = await TestConnection.to(network, (nodes[0] as TestNode).address);
    const operation = writeOperation({ ...BLOCK, generationStamp: stamps[0] }, [], {
      stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
      latestGenerationStamp: stamps[1],
    });
    const response = await connection.ask(operation);
    t.is(response.status, Status.ERROR);
    t.true(response.message?.includes('unexpected generation stamp'));
  }
});

test('a block is appended to at every DataNode', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  await writeThrough(network, nodes, BLOCK, CONTENT.subarray(0, 5000));
  const appending = await openPipeline(network, nodes, BLOCK, {
    stage: 'PIPELINE_SETUP_APPEND',
    minBytesRcvd: 5000,
    maxBytesRcvd: 5000,
    latestGenerationStamp: 1002,
  });
  for (const { store, events } of nodes) {
    t.is(store.catalog.get(7)?.state, 'RBW');
    t.is(events.notes.at(-1), 'receiving 7_1002 5000');
    t.is(store.catalog.summary(store.volumes.get(0)).replicas, 0);
  }
  for (const node of nodes) t.is(sameBytes(await contentAt(node, 1001), CONTENT.subarray(0, 5000)), 'same');
  await appending.send(numbered(0, CONTENT, 4096, 10_000));
  await appending.send(lastPacket(1, 10_000));
  t.is(await appending.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  t.is(await appending.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  for (const node of nodes) t.is(sameBytes(await contentAt(node, 1002), CONTENT), 'same');
});

test('what would replace acknowledged bytes is verified by every DataNode, not only by the last', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  await writeThrough(network, nodes, BLOCK, CONTENT.subarray(0, 5000));
  const appending = await openPipeline(network, nodes, BLOCK, {
    stage: 'PIPELINE_SETUP_APPEND',
    minBytesRcvd: 5000,
    maxBytesRcvd: 5000,
    latestGenerationStamp: 1002,
  });
  // The last chunk comes again, longer than before, and was damaged on the way.
  await appending.send({ ...numbered(0, CONTENT, 4096, 10_000), data: [contentOf(8, 5904)] });
  t.is(await appending.ackNames(), 'ERROR_CHECKSUM');
  appending.channel.destroy();
  for (const { store } of nodes)
    await eventually('the writer is gone', () => store.catalog.inPipeline(7)?.writer === undefined);
  for (const node of nodes) t.is(sameBytes(await contentAt(node, 1002), CONTENT.subarray(0, 5000)), 'same');
});

test('an append whose set-up failed half-way is set up again without the DataNode to blame', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [first, second, third] = nodes as [TestNode, TestNode, TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  await third.server.stop();
  const append = { minBytesRcvd: 10_000, maxBytesRcvd: 10_000 };
  const failed = await ask(network, nodes, { ...append, stage: 'PIPELINE_SETUP_APPEND', latestGenerationStamp: 1002 });
  t.is(failed.response.firstBadLink, 'dn3:9866');
  const again = await openPipeline(network, [first, second], BLOCK, {
    ...append,
    stage: 'PIPELINE_SETUP_APPEND_RECOVERY',
    latestGenerationStamp: 1003,
  });
  await again.send(lastPacket(0, 10_000));
  t.is(await again.ackNames(), 'SUCCESS SUCCESS');
  for (const node of [first, second]) t.is(sameBytes(await contentAt(node, 1003), CONTENT), 'same');
});

test('an append needs the length and the checksums that the replica has', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const append = { stage: 'PIPELINE_SETUP_APPEND', latestGenerationStamp: 1002 } as const;
  const wrongLength = await ask(network, nodes, { ...append, minBytesRcvd: 9999, maxBytesRcvd: 9999 });
  t.is(wrongLength.response.message, 'Replica blk_7_1001 has 10000 bytes; expected 9999');
  const checksum = { type: 'CRC32C', bytesPerChecksum: 512 } as const;
  const lengths = { minBytesRcvd: 10_000, maxBytesRcvd: 10_000 };
  const wrongChunks = await ask(network, nodes, { ...append, ...lengths, checksum });
  t.is(wrongChunks.response.status, Status.ERROR_INVALID);
  t.true(wrongChunks.response.message?.includes('CRC32C checksums of 1024 bytes'));
});

test('a replica that cannot be read when it is opened for append waits for the next attempt', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT.subarray(0, 5000));
  const append = { minBytesRcvd: 5000, maxBytesRcvd: 5000 };
  node.disk.onOperation = (operation) => {
    if (operation.kind === 'read' && operation.path.includes('/rbw/')) throw osError('EIO', operation);
  };
  const failed = await ask(network, nodes, { ...append, stage: 'PIPELINE_SETUP_APPEND', latestGenerationStamp: 1002 });
  t.is(failed.response.status, Status.ERROR);
  node.disk.onOperation = () => {};
  const recovery = { ...append, stage: 'PIPELINE_SETUP_APPEND_RECOVERY', latestGenerationStamp: 1003 } as const;
  const again = await openPipeline(network, nodes, BLOCK, recovery);
  await again.send(lastPacket(0, 5000));
  t.is(await again.ackNames(), 'SUCCESS');
  t.is(sameBytes(await contentAt(node, 1003), CONTENT.subarray(0, 5000)), 'same');
});

test('a pipeline that broke while the block was closed is closed under a new stamp', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [first, second, third] = nodes as [TestNode, TestNode, TestNode];
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 10_000));
  t.is(await broken.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  await third.server.stop();
  await broken.send(lastPacket(1, 10_000));
  t.is(await broken.ackNames(), 'SUCCESS SUCCESS ERROR');
  t.is(first.store.catalog.get(7)?.state, 'FINALIZED');
  const close = { stage: 'PIPELINE_CLOSE_RECOVERY', minBytesRcvd: 10_000, maxBytesRcvd: 10_000 } as const;
  const { response } = await ask(network, [first, second], { ...close, latestGenerationStamp: 1002 });
  t.is(response.status, Status.SUCCESS);
  for (const node of [first, second]) {
    t.is(node.store.catalog.get(7)?.state, 'FINALIZED');
    t.is(sameBytes(await contentAt(node, 1002), CONTENT), 'same');
    t.is(node.events.notes.at(-1), 'received 7_1002 10000');
    t.is(node.store.catalog.summary(node.store.volumes.get(0)).replicas, 1);
  }
});

test('a replica that was never finalized is finalized by the recovery of the close', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 10_000));
  t.is(await broken.ackNames(), 'SUCCESS');
  const close = { stage: 'PIPELINE_CLOSE_RECOVERY', minBytesRcvd: 10_000, maxBytesRcvd: 10_000 } as const;
  const { response } = await ask(network, nodes, { ...close, latestGenerationStamp: 1002 });
  t.is(response.status, Status.SUCCESS);
  t.is(await broken.ackNames(), 'closed');
  t.is(nodes[0]?.store.catalog.get(7)?.state, 'FINALIZED');
  t.is(sameBytes(await contentAt(nodes[0] as TestNode, 1002), CONTENT), 'same');
});

test('what is not there cannot be recovered', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  for (const stage of [
    'PIPELINE_SETUP_APPEND',
    'PIPELINE_SETUP_STREAMING_RECOVERY',
    'PIPELINE_CLOSE_RECOVERY',
  ] as const) {
    const { response } = await ask(network, nodes, { stage, latestGenerationStamp: 1002 });
    t.is(response.message, 'Replica not found for blk_7_1001');
  }
});

test('the writer of a broken pipeline cannot write any more once another one has the replica', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const broken = await openPipeline(network, nodes, BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 1024));
  t.is(await broken.ackNames(), 'SUCCESS');
  await openPipeline(network, nodes, BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 1024,
    maxBytesRcvd: 1024,
    latestGenerationStamp: 1002,
  });
  await t.throwsAsync(() => broken.send(numbered(1, contentOf(9, 4096), 1024, 4096)));
  await eventually('nothing is left to be written', () => node.store.catalog.get(7)?.numBytes === 1024);
  t.is(await broken.ackNames(), 'closed');
});
