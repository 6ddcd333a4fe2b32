import test from 'ava';
import fc from 'fast-check';
import { Status } from '../../common/data-transfer.js';
import type { MemoryNetwork } from './support/memory-network.js';
import {
  CLUSTER,
  eventually,
  lastPacket,
  numbered,
  openPipeline,
  startNode,
  startNodes,
  TestConnection,
  type TestNode,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf, readAll, sameBytes } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 30_000);

async function transfer(network: MemoryNetwork, from: TestNode, to: readonly TestNode[], block = BLOCK) {
  const connection = await TestConnection.to(network, from.address);
  return connection.ask({
    op: 'transferBlock',
    block: { ...block, poolId: CLUSTER },
    clientName: 'client',
    targets: to.map(({ node }) => node),
    targetStorageIds: [],
  });
}

test('a DataNode gets what a pipeline has acknowledged, and goes on with it under a new stamp', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  const [first, dead, fresh] = nodes as [TestNode, TestNode, TestNode];
  const broken = await openPipeline(network, [first, dead], BLOCK);
  await broken.send(numbered(0, CONTENT, 0, 4500));
  t.is(await broken.ackNames(), 'SUCCESS SUCCESS');
  await dead.server.stop();
  await broken.send(numbered(1, CONTENT, 4096, 9000));
  t.is(await broken.ackNames(), 'SUCCESS ERROR');
  const { status, message } = await transfer(network, first, [fresh]);
  t.is(status, Status.SUCCESS, message);
  t.like(fresh.store.catalog.get(7), { state: 'RBW', numBytes: 4500, visibleBytes: 4500, generationStamp: 1001 });
  t.deepEqual(fresh.events.notes, ['receiving 7_1001 4500']);
  // The writer may have been told before that these bytes are on disk: now they must be on this one.
  const durable = [...fresh.image.durableFiles()].map(({ path }) => path).filter((path) => path.includes('blk_7'));
  t.deepEqual(durable.sort(), ['/data/current/rbw/blk_7', '/data/current/rbw/blk_7_1001.meta']);
  t.is(sameBytes(await readAll(await fresh.store.openForRead(BLOCK)), CONTENT.subarray(0, 4500)), 'same');

  const rebuilt = await openPipeline(network, [first, fresh], BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 4500,
    maxBytesRcvd: 9000,
    latestGenerationStamp: 1002,
  });
  await rebuilt.send(numbered(1, CONTENT, 4096, 9000));
  await rebuilt.send(numbered(2, CONTENT, 8192, 30_000));
  await rebuilt.send(lastPacket(3, 30_000));
  for (let i = 0; i < 3; i++) t.is(await rebuilt.ackNames(), 'SUCCESS SUCCESS');
  for (const { store } of [first, fresh]) {
    const replica = await store.openForRead({ blockId: 7, generationStamp: 1002 });
    t.is(sameBytes(await readAll(replica), CONTENT), 'same');
  }
});

test('whatever was acknowledged and whatever was not, the copy is of exactly what was, and its checksums are right', async (t) => {
  const packets = fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(packets, fc.integer({ min: 0, max: 6000 }), async (sizes, unacked) => {
      const { network, nodes } = await startNodes(t, 3);
      const [first, dead, fresh] = nodes as [TestNode, TestNode, TestNode];
      const pipeline = await openPipeline(network, [first, dead], BLOCK);
      let end = 0;
      for (const [seqno, size] of sizes.entries()) {
        const from = end - (end % 1024);
        end += size;
        await pipeline.send(numbered(seqno, CONTENT, from, end));
        await pipeline.ackNames();
      }
      await dead.server.stop();
      if (unacked > 0) {
        await pipeline.send(numbered(sizes.length, CONTENT, end - (end % 1024), end + unacked));
        await pipeline.ackNames();
      }
      const { status } = await transfer(network, first, [fresh]);
      const replica = await fresh.store.openForRead(BLOCK);
      const isRight = sameBytes(await readAll(replica), CONTENT.subarray(0, end)) === 'same';
      replica.files.closeLater();
      return status === Status.SUCCESS && isRight && replica.numBytes === end;
    }),
    { numRuns: 25 },
  );
  t.pass();
});

test('a finalized replica, of a block that is to be appended to, is copied as one', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, fresh] = nodes as [TestNode, TestNode];
  await writeThrough(network, [first], BLOCK, CONTENT);
  const { status } = await transfer(network, first, [fresh]);
  t.is(status, Status.SUCCESS);
  t.is(fresh.store.catalog.get(7)?.state, 'FINALIZED');
  t.is(sameBytes(await readAll(await fresh.store.openForRead(BLOCK)), CONTENT), 'same');
});

test('an RBW replica without a byte is copied, too', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, fresh] = nodes as [TestNode, TestNode];
  const broken = await openPipeline(network, [first], BLOCK);
  broken.channel.destroy();
  await eventually('its writer has gone', () => first.store.catalog.inPipeline(7)?.writer === undefined);
  const { status, message } = await transfer(network, first, [fresh]);
  t.is(status, Status.SUCCESS, message);
  t.like(fresh.store.catalog.get(7), { state: 'RBW', numBytes: 0 });
});

test('what cannot be copied is refused with the reason, and nothing is left at the target', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, fresh] = nodes as [TestNode, TestNode];
  const unknown = await transfer(network, first, [fresh]);
  t.regex(unknown.message ?? '', /Replica not found for blk_7_1001/);
  const pipeline = await openPipeline(network, [first], BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  const newer = await transfer(network, first, [fresh], { ...BLOCK, generationStamp: 1002 });
  t.regex(newer.message ?? '', /older than blk_7_1002/);
  await fresh.server.stop();
  const unreachable = await transfer(network, first, [fresh]);
  t.is(unreachable.status, Status.ERROR);
  t.regex(unreachable.message ?? '', /dn2:9866/);
  t.is(fresh.store.catalog.get(7), undefined);
});

test('a copy that a pipeline has taken in waits for recovery after a restart', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, fresh] = nodes as [TestNode, TestNode];
  const pipeline = await openPipeline(network, [first], BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  await transfer(network, first, [fresh]);
  await fresh.server.stop();
  const again = await startNode(t, network, 'dn2', { disk: fresh.disk });
  t.like(again.store.catalog.get(7), { state: 'RWR', numBytes: 5000 });
});

test('a DataNode that stops breaks its copies off', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, fresh] = nodes as [TestNode, TestNode];
  const pipeline = await openPipeline(network, [first], BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  let open = (): void => {};
  const connection = await TestConnection.to(network, first.address);
  network.gate = new Promise((resolve) => {
    open = resolve;
  });
  const before = network.attempts;
  const answer = connection
    .ask({
      op: 'transferBlock',
      block: { ...BLOCK, poolId: CLUSTER },
      clientName: 'client',
      targets: [fresh.node],
      targetStorageIds: [],
    })
    .catch(() => undefined);
  await eventually('it connects', () => network.attempts > before);
  first.xceiver.stop();
  open();
  t.not((await answer)?.status, Status.SUCCESS);
});
