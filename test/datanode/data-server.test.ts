import test from 'ava';
import fc from 'fast-check';
import { encodeOperation, readBlockOpResponse, Status } from '../../common/data-transfer.js';
import { FakeClock } from '../support/fake-clock.js';
import {
  CLUSTER,
  eventually,
  startNodes,
  TestConnection,
  type TestNode,
  writeOperation,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const READ = {
  op: 'readBlock',
  block: { ...BLOCK, poolId: CLUSTER },
  clientName: 'reader',
  offset: 0,
  length: 100,
  sendChecksums: true,
} as const;

test('garbage closes the connection it came on, and nothing else', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 3, maxLength: 300 }), async (bytes) => {
      const connection = await TestConnection.to(network, node.address);
      await connection.channel.write([Buffer.from(bytes)], 1000).catch(() => {});
      connection.channel.end();
      await t.throwsAsync(readBlockOpResponse(connection.reader, 1000));
    }),
    { numRuns: 100 },
  );
  await writeThrough(network, nodes, BLOCK, contentOf(7, 100));
});

test('an operation that is cut off, or damaged, closes the connection', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const whole = encodeOperation(writeOperation(BLOCK, nodes));
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      for (const sent of [whole.subarray(0, at), bytes]) {
        const connection = await TestConnection.to(network, 'dn1:9866');
        await connection.channel.write([sent], 1000).catch(() => {});
        connection.channel.destroy();
      }
    }),
    { numRuns: 100 },
  );
  await eventually('nothing goes on', () => nodes[0]?.xceiver.activeCount === 0);
  await t.notThrowsAsync(writeThrough(network, nodes, { ...BLOCK, blockId: 70 }, contentOf(70, 100)));
});

test('an operation on another cluster is refused', async (t) => {
  const { network } = await startNodes(t, 1);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask({ ...READ, block: { ...BLOCK, poolId: 'CID-other' } });
  t.is(response.status, Status.ERROR_INVALID);
  t.is(response.message, 'This DataNode belongs to cluster CID-test; the block is of cluster CID-other');
});

test('a connection too many is told so', async (t) => {
  const { network } = await startNodes(t, 1, { maxConnections: 2 });
  const first = await TestConnection.to(network, 'dn1:9866');
  const second = await TestConnection.to(network, 'dn1:9866');
  const third = await TestConnection.to(network, 'dn1:9866');
  const response = await third.ask(READ);
  t.is(response.status, Status.ERROR);
  t.is(response.message, 'This DataNode serves 2 data connections already (dfs.datanode.max.transfer.threads)');
  t.is((await first.ask(READ)).message, 'Replica not found for blk_7_1001');

  second.channel.destroy();
  let answer = '';
  await eventually('there is room again', () => {
    void TestConnection.to(network, 'dn1:9866').then(async (connection) => {
      answer = (await connection.ask(READ).catch(() => undefined))?.message ?? answer;
      connection.channel.destroy();
    });
    return answer === 'Replica not found for blk_7_1001';
  });
  t.pass();
});

test('an idle connection is closed: later before its first operation than after it', async (t) => {
  const clock = new FakeClock();
  const timeouts = { readTimeoutMs: 60_000, writeTimeoutMs: 60_000, keepAliveMs: 4000 };
  const { network } = await startNodes(t, 1, { clock, timeouts });
  const silent = await TestConnection.to(network, 'dn1:9866');
  const used = await TestConnection.to(network, 'dn1:9866');
  await used.ask(READ);
  const ends: string[] = [];
  void used.channel.read(0).then((bytes) => ends.push(`used ${bytes?.length}`));
  void silent.channel.read(0).then((bytes) => ends.push(`silent ${bytes?.length}`));
  await clock.advance(3999);
  t.deepEqual(ends, []);
  await clock.advance(2);
  t.deepEqual(ends, ['used undefined']);
  await clock.advance(60_000);
  t.deepEqual(ends, ['used undefined', 'silent undefined']);
});

test('stopping ends connections and what they were doing', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  const connection = await TestConnection.to(network, first.address);
  t.is((await connection.ask(writeOperation(BLOCK, [second]))).status, Status.SUCCESS);
  await first.server.stop();
  t.is(await connection.ackNames(), 'closed');
  t.is(first.store.catalog.inPipeline(7)?.writer, undefined);
  await eventually('the next one has noticed', () => second.store.catalog.inPipeline(7)?.writer === undefined);
  await t.throwsAsync(() => TestConnection.to(network, first.address));
});
