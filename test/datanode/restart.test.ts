import test from 'ava';
import { Status } from '../../common/data-transfer.js';
import { OUT_OF_BAND_SEQNO } from '../../common/packet.js';
import { noteRestart } from '../../datanode/restart-notes.js';
import type { FileHandle } from '../sim/disk-image.js';
import type { MemoryNetwork } from './support/memory-network.js';
import {
  eventually,
  lastPacket,
  numbered,
  openPipeline,
  startNode,
  startNodes,
  type TestConnection,
  type TestNode,
} from './support/pipeline-fixture.js';
import { contentOf, quiet, readAll, sameBytes } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 10_000);
const NOTE = '/data/current/rbw/blk_7.restart';

/** As a DataNode stops in order, as far as its data plane is concerned. */
async function stop({ server, xceiver, store }: TestNode, expiresMs: number): Promise<void> {
  await server.close();
  await xceiver.announceRestart();
  await server.stop();
  await noteRestart(store, expiresMs, quiet);
}

/** A pipeline of which 4,500 bytes are acknowledged and 500 more are not. */
async function writing(network: MemoryNetwork, nodes: readonly TestNode[]): Promise<TestConnection> {
  const connection = await openPipeline(network, nodes, BLOCK);
  await connection.send(numbered(0, CONTENT, 0, 4500));
  await connection.readAck();
  return connection;
}

test('writers are told of a restart, and what comes from them after that is not taken', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const connection = await writing(network, nodes);
  const stopping = stop(node, 1);
  t.deepEqual(await connection.readAck(), { seqno: OUT_OF_BAND_SEQNO, reply: [Status.OOB_RESTART] });
  await connection.send(numbered(1, CONTENT, 4096, 5000));
  connection.channel.destroy();
  await stopping;
  t.is(node.store.catalog.get(7)?.numBytes, 4500);
});

test('a DataNode that stops does not wait long for a writer that does not listen', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writing(network, nodes);
  await stop((nodes as [TestNode])[0], 1);
  t.pass();
});

test('that a DataNode further down restarts comes to the writer with the next ack', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const connection = await writing(network, nodes);
  const stopping = stop((nodes as [TestNode, TestNode])[1], 1);
  await connection.send(numbered(1, CONTENT, 4096, 5000));
  t.is(await connection.ackNames(), 'SUCCESS OOB_RESTART');
  connection.channel.destroy();
  await stopping;
});

test('a pipeline goes on with a DataNode that is back in time, where it was', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  const connection = await writing(network, nodes);
  await second.server.stop();
  await connection.send(numbered(1, CONTENT, 4096, 5000));
  t.is(await connection.ackNames(), 'SUCCESS ERROR');
  connection.channel.destroy();
  await stop(first, 1);

  const back = await startNode(t, network, 'dn1', { disk: first.disk });
  t.like(back.store.catalog.get(7), { state: 'RBW', numBytes: 5000, visibleBytes: 4500 });
  t.false((await first.disk.list('/data/current/rbw')).some(({ name }) => name === 'blk_7.restart'));
  t.is(sameBytes(await readAll(await back.store.openForRead(BLOCK)), CONTENT.subarray(0, 4500)), 'same');

  const rebuilt = await openPipeline(network, [back], BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 4500,
    maxBytesRcvd: 5000,
    latestGenerationStamp: 1002,
  });
  const reader = await back.store.openForRead(BLOCK);
  await rebuilt.send(numbered(1, CONTENT, 4096, 10_000));
  await rebuilt.send(lastPacket(2, 10_000));
  for (let i = 0; i < 2; i++) t.is(await rebuilt.ackNames(), 'SUCCESS');
  t.is(sameBytes(await readAll(reader), CONTENT.subarray(0, 4500)), 'same', 'one who reads it meanwhile');
  t.is(sameBytes(await readAll(await back.store.openForRead({ ...BLOCK, generationStamp: 1002 })), CONTENT), 'same');
});

test('a replica waits for recovery when its DataNode comes back too late, or once more', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  (await writing(network, nodes)).channel.destroy();
  await eventually('its writer has gone', () => node.store.catalog.inPipeline(7)?.writer === undefined);
  await stop(node, 0);
  const late = await startNode(t, network, 'dn1', { disk: node.disk });
  t.is(late.store.catalog.get(7)?.state, 'RWR');
  await stop(late, 1);
  const again = await startNode(t, network, 'dn1', { disk: node.disk });
  t.is(again.store.catalog.get(7)?.state, 'RWR');
});

for (const [what, change] of [
  [
    'the note is damaged',
    (node: TestNode) => overwrite(node, NOTE, '{"generationStamp":1001,"numBytes":4500}\n00000000\n'),
  ],
  [
    'bytes of it have been lost',
    (node: TestNode) => node.image.truncate(handleOf(node, '/data/current/rbw/blk_7'), 2000),
  ],
] as const) {
  test(`a replica waits for recovery when ${what}`, async (t) => {
    const { network, nodes } = await startNodes(t, 1);
    const [node] = nodes as [TestNode];
    (await writing(network, nodes)).channel.destroy();
    await stop(node, 1);
    change(node);
    const back = await startNode(t, network, 'dn1', { disk: node.disk });
    t.is(back.store.catalog.get(7)?.state, 'RWR');
  });
}

function handleOf({ image }: TestNode, path: string): FileHandle {
  return image.open(path, 'write');
}

function overwrite(node: TestNode, path: string, text: string): void {
  const handle = handleOf(node, path);
  node.image.truncate(handle, 0);
  node.image.write(handle, Buffer.from(text), 0);
}
