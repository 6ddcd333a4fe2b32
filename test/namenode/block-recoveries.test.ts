import test, { type ExecutionContext } from 'ava';
import { BlockRecoveries, type RecoveryOrder } from '../../namenode/block-recoveries.js';
import type { DatanodeDescriptor } from '../../namenode/datanode-descriptor.js';
import { BlockFixture, SILENT } from './support/block-fixture.js';

const TIMEOUT_MS = 30_000;
const TARGETS = [0, 1, 2].map((index) => ({ datanodeUuid: `dn-${index}`, storageUuid: `ds-${index}` }));

async function setUp(t: ExecutionContext) {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  const nodes: DatanodeDescriptor[] = [];
  for (const index of [0, 1, 2]) nodes.push(await fixture.node(index));
  const { datanodes, clock } = fixture;
  const recoveries = new BlockRecoveries({ datanodes, clock, timeoutMs: TIMEOUT_MS, logger: SILENT });
  /** Index of the DataNode that is given the recovery. */
  const primaryOf = (recoveryId: number): number => {
    recoveries.begin(orderOf(recoveryId));
    const given = nodes.map((node) => recoveries.ordersFor(node));
    return given.findIndex((orders) => orders.length > 0);
  };
  return { fixture, nodes, recoveries, primaryOf };
}

function orderOf(recoveryId: number, targets = TARGETS): RecoveryOrder {
  return { block: { blockId: 1, generationStamp: 1, numBytes: 10 }, recoveryId, targets, truncate: false };
}

test('the DataNode that was heard last leads; it is told once', async (t) => {
  const { nodes, recoveries, primaryOf } = await setUp(t);
  for (const [index, node] of nodes.entries()) node.lastContactMs = index === 1 ? 100 : 50;
  t.is(primaryOf(2), 1);
  t.true(recoveries.isUnderWay(1, 2));
  t.is(primaryOf(2), -1);
  recoveries.ended(1);
  t.false(recoveries.isUnderWay(1, 2));
});

test('each further attempt has another leader, as long as there are any, and more time', async (t) => {
  const { fixture, recoveries, primaryOf } = await setUp(t);
  const primaries = new Set([primaryOf(2)]);
  await fixture.clock.advance(TIMEOUT_MS);
  t.false(recoveries.isUnderWay(1, 2));
  primaries.add(primaryOf(3));
  await fixture.clock.advance(TIMEOUT_MS);
  t.true(recoveries.isUnderWay(1, 3));
  await fixture.clock.advance(TIMEOUT_MS);
  t.false(recoveries.isUnderWay(1, 3));
  primaries.add(primaryOf(4));
  t.is(primaries.size, 3);
  t.not(primaryOf(5), -1);
});

test('dead DataNodes lead nothing, stale ones only when there is no other', async (t) => {
  const { nodes, recoveries, primaryOf } = await setUp(t);
  for (const node of nodes) node.state = 'dead';
  t.false(recoveries.canRecover(TARGETS));
  t.is(primaryOf(2), -1);
  t.false(recoveries.isUnderWay(1, 2));
  (nodes[0] as { state: string }).state = 'stale';
  (nodes[2] as { state: string }).state = 'live';
  t.is(primaryOf(3), 2);
  (nodes[2] as { state: string }).state = 'dead';
  t.false(recoveries.isUnderWay(1, 3), 'its leader has gone');
  t.is(primaryOf(4), 0);
});

test('targets that nobody knows are no leaders', async (t) => {
  const { recoveries } = await setUp(t);
  t.false(recoveries.canRecover([{ datanodeUuid: 'dn-9', storageUuid: 'ds-9' }]));
});
