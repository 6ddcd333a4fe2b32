import test from 'ava';
import { Transfers } from '../../datanode/transfers.js';
import type { MemoryNetwork } from './support/memory-network.js';
import {
  CLUSTER,
  eventually,
  openPipeline,
  startNodes,
  type TestNode,
  writeThrough,
} from './support/pipeline-fixture.js';
import { contentOf, quiet, readAll, sameBytes } from './support/store-fixture.js';

const CONTENT = contentOf(7, 300_000);
const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: CONTENT.length };
const TIMEOUTS = { readTimeoutMs: 5000, writeTimeoutMs: 5000, keepAliveMs: 5000 };

interface Fixture {
  readonly network: MemoryNetwork;
  readonly nodes: TestNode[];
  readonly transfers: Transfers;
  ended: number;
}

/** A source with the block, and others without it. */
async function start(t: Parameters<typeof startNodes>[0], others: number, maxConcurrent = 2): Promise<Fixture> {
  const { network, nodes } = await startNodes(t, others + 1);
  const [source] = nodes as [TestNode];
  await writeThrough(network, [source], BLOCK, CONTENT, 64 * 1024);
  const fixture = { network, nodes, ended: 0 };
  const transfers = new Transfers({
    store: source.store,
    network,
    logger: quiet,
    timeouts: TIMEOUTS,
    clusterId: () => CLUSTER,
    maxConcurrent,
    onEnded: () => void fixture.ended++,
  });
  t.teardown(() => transfers.stop());
  return Object.assign(fixture, { transfers });
}

const targets = (nodes: readonly TestNode[]) => nodes.map(({ node }) => ({ node, storageId: '' }));

test('a replica is copied to a pipeline of DataNodes', async (t) => {
  const { nodes, transfers, ...fixture } = await start(t, 2);
  transfers.order({ block: BLOCK, targets: targets(nodes.slice(1)) });
  t.is(transfers.pendingCount, 1);
  await eventually('the copy is made', () => transfers.pendingCount === 0);
  for (const { store, events } of nodes.slice(1)) {
    t.is(sameBytes(await readAll(await store.openForRead(BLOCK)), CONTENT), 'same');
    t.deepEqual(events.notes, ['received 7_1001 300000']);
  }
  t.deepEqual(transfers.failures, []);
  t.is(fixture.ended, 0);
});

test('that a copy has ended is told, and a failure stays known until it was told', async (t) => {
  const fixture = await start(t, 1);
  const { nodes, transfers } = fixture;
  await nodes[1]?.server.stop();
  transfers.order({ block: BLOCK, targets: targets(nodes.slice(1)) });
  await eventually('the copy has ended', () => fixture.ended === 1);
  t.deepEqual(transfers.failures, [BLOCK]);
  transfers.failuresTold(1);
  t.deepEqual(transfers.failures, []);
});

test('a replica that has rotted is not copied but reported', async (t) => {
  const fixture = await start(t, 1);
  const [source, target] = fixture.nodes as [TestNode, TestNode];
  const handle = source.image.open('/data/current/finalized/subdir0/subdir0/blk_7', 'write');
  source.image.write(handle, Buffer.from('rotten'), 200_000);
  fixture.transfers.order({ block: BLOCK, targets: targets([target]) });
  await eventually('the copy has ended', () => fixture.ended === 1);
  t.deepEqual(fixture.transfers.failures, [BLOCK]);
  t.is(source.events.notes.at(-1), 'corrupt 7_1001 300000');
  await eventually('the target has given up', () => target.store.catalog.get(7) === undefined);
});

test('only the version of the block that was ordered is copied', async (t) => {
  const fixture = await start(t, 1);
  const { nodes, transfers } = fixture;
  const orders = [
    { ...BLOCK, generationStamp: 1002 },
    { ...BLOCK, generationStamp: 1000 },
    { ...BLOCK, numBytes: 100 },
    { ...BLOCK, blockId: 99 },
  ];
  for (const [index, block] of orders.entries()) {
    transfers.order({ block, targets: targets(nodes.slice(1)) });
    await eventually('the copy has ended', () => fixture.ended === index + 1);
  }
  t.deepEqual(transfers.failures, orders);
  t.is(nodes[1]?.store.catalog.get(7), undefined);
});

test('a replica that is being written is not copied', async (t) => {
  const fixture = await start(t, 1);
  const block = { blockId: 8, generationStamp: 1001, numBytes: 0 };
  await openPipeline(fixture.network, fixture.nodes.slice(0, 1), block);
  fixture.transfers.order({ block, targets: targets(fixture.nodes.slice(1)) });
  await eventually('the copy has ended', () => fixture.ended === 1);
  t.deepEqual(fixture.transfers.failures, [block]);
});

test('no more copies than allowed run at a time, the others follow', async (t) => {
  const fixture = await start(t, 1, 1);
  const { network, nodes, transfers } = fixture;
  const [source, target] = nodes as [TestNode, TestNode];
  const blocks = [11, 12, 13].map((blockId) => ({ blockId, generationStamp: 1001, numBytes: 5000 }));
  for (const block of blocks) await writeThrough(network, [source], block, contentOf(block.blockId, 5000));
  let open = (): void => {};
  network.gate = new Promise((resolve) => {
    open = resolve;
  });
  const before = network.attempts;
  for (const block of blocks) transfers.order({ block, targets: targets([target]) });
  await eventually('the first one connects', () => network.attempts > before);
  t.is(network.attempts, before + 1);
  t.is(transfers.pendingCount, 3);
  open();
  await eventually('all are made', () => transfers.pendingCount === 0);
  t.is(target.store.catalog.finalizedCount, 3);
});
