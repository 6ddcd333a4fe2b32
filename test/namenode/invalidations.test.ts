import test, { type ExecutionContext } from 'ava';
import { Invalidations } from '../../namenode/invalidations.js';
import { ReplicaRowState } from '../../namenode/storage/schema.js';
import { BlockFixture } from './support/block-fixture.js';

const { CORRUPT, EXCESS, INVALIDATE } = ReplicaRowState;

async function withFixture(
  t: ExecutionContext,
  run: (fixture: BlockFixture, next: (nowMs: number) => number[], orders: Invalidations) => Promise<void>,
  limit = 10,
) {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  for (const index of [0, 1, 2]) await fixture.node(index);
  const orders = new Invalidations(fixture.datanodes, limit);
  const next = (nowMs: number) =>
    orders.next(fixture.committed, fixture.storage(0).datanode, nowMs).map(({ blockId }) => blockId);
  await run(fixture, next, orders);
}

test('replicas of blocks that are gone are deleted, a limited number at a time, each once', async (t) => {
  await withFixture(t, async (fixture, next, orders) => {
    for (let id = 1; id <= 25; id++) await fixture.replica(0, id, INVALIDATE);
    t.is(next(0).length, 10);
    t.deepEqual(next(1_000), [], 'as many as are allowed are under way');
    for (let id = 1; id <= 10; id++) orders.done(fixture.storage(0), id);
    t.deepEqual(next(2_000), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  });
});

test('an order that nothing was heard of is given again after a minute', async (t) => {
  await withFixture(t, async (fixture, next, orders) => {
    await fixture.replica(0, 1, INVALIDATE);
    t.deepEqual(next(0), [1]);
    t.true(orders.isOrdered(fixture.storage(0), 1));
    t.deepEqual(next(59_000), []);
    t.deepEqual(next(60_000), [1]);
  });
});

test('a surplus replica goes only while as many others as wanted are sure', async (t) => {
  await withFixture(t, async (fixture, next) => {
    await fixture.block(1, { replication: 2 });
    await fixture.replica(0, 1, EXCESS);
    for (const index of [1, 2]) await fixture.replica(index, 1);
    fixture.storage(1).trust = 'reported';
    t.deepEqual(next(0), []);
    fixture.storage(1).trust = 'verified';
    fixture.storage(2).datanode.state = 'stale';
    t.deepEqual(next(0), []);
    fixture.storage(2).datanode.state = 'live';
    t.deepEqual(next(0), [1]);
  });
});

test('a corrupt replica goes only while there is a good one', async (t) => {
  await withFixture(t, async (fixture, next) => {
    await fixture.block(1);
    await fixture.replica(0, 1, INVALIDATE);
    await fixture.replica(1, 1, CORRUPT);
    t.deepEqual(next(0), []);
    await fixture.replica(2, 1);
    t.deepEqual(next(0), [1]);
  });
});

test('what may not be deleted does not hide what may', async (t) => {
  await withFixture(t, async (fixture, next) => {
    for (let id = 1; id <= 30; id++) {
      await fixture.block(id);
      await fixture.replica(0, id, INVALIDATE); // corrupt, and the last one
    }
    await fixture.replica(0, 100, INVALIDATE);
    const ordered = [0, 1, 2, 3, 4].flatMap((i) => next(i * 3_000));
    t.deepEqual(ordered, [100]);
  });
});

test('nothing is deleted on a storage that has not shown what it holds', async (t) => {
  await withFixture(t, async (fixture, next) => {
    await fixture.replica(0, 1, INVALIDATE);
    fixture.storage(0).trust = 'unknown';
    t.deepEqual(next(0), []);
  });
});
