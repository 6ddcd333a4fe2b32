import test from 'ava';
import { Status } from '../../common/data-transfer.js';
import {
  CLUSTER,
  numbered,
  openPipeline,
  startNode,
  startNodes,
  TestConnection,
  type TestNode,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 10_000);

const ask = (connection: TestConnection, block = BLOCK) =>
  connection.ask({ op: 'visibleLength', block: { ...block, poolId: CLUSTER } });

test('of a block that is written a reader may see what the DataNodes from here on have acknowledged', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const pipeline = await openPipeline(network, nodes, BLOCK);
  const connections = await Promise.all(nodes.map(({ address }) => TestConnection.to(network, address)));
  const lengths = async (): Promise<unknown[]> =>
    (await Promise.all(connections.map((connection) => ask(connection)))).map(({ visibleBytes }) => visibleBytes);
  t.deepEqual(await lengths(), [0, 0, 0]);
  await pipeline.send(numbered(0, CONTENT, 0, 4500));
  t.is(await pipeline.ackNames(), 'SUCCESS SUCCESS SUCCESS');
  t.deepEqual(await lengths(), [4500, 4500, 4500]);
  await (nodes as [TestNode, TestNode, TestNode])[2].server.stop();
  await pipeline.send(numbered(1, CONTENT, 4096, 5000));
  t.is(await pipeline.ackNames(), 'SUCCESS SUCCESS ERROR');
  t.deepEqual(
    (await Promise.all([0, 1].map((i) => ask(connections[i] as TestConnection)))).map((a) => a.visibleBytes),
    [4500, 4500],
  );
});

test('a finalized replica can be seen whole; none at all is an answer, too', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const connection = await TestConnection.to(network, 'dn1:9866');
  t.is((await ask(connection)).visibleBytes, 10_000);
  t.like(await ask(connection, { ...BLOCK, blockId: 8 }), { status: Status.SUCCESS, visibleBytes: undefined });
});

test('a replica that is out of date, or waits for recovery, has no length for readers', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const pipeline = await openPipeline(network, nodes, BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  const newer = await ask(await TestConnection.to(network, 'dn1:9866'), { ...BLOCK, generationStamp: 1002 });
  t.regex(newer.message ?? '', /older than blk_7_1002/);
  await node.server.stop();
  await startNode(t, network, 'dn1', { disk: node.disk });
  const { status, message } = await ask(await TestConnection.to(network, 'dn1:9866'));
  t.is(status, Status.ERROR);
  t.regex(message ?? '', /RWR/);
});
