import test, { type ExecutionContext } from 'ava';
import { Invalidations } from '../../namenode/invalidations.js';
import { RecentArrivals } from '../../namenode/recent-arrivals.js';
import { RedundancyMonitor } from '../../namenode/redundancy-monitor.js';
import { requestCheck } from '../../namenode/storage/redundancy-rows.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { Verifications } from '../../namenode/verifications.js';
import { BlockFixture, blockOf } from './support/block-fixture.js';

const { LIVE, CORRUPT, EXCESS, INVALIDATE } = ReplicaRowState;

interface Setting {
  readonly fixture: BlockFixture;
  readonly monitor: RedundancyMonitor;
  readonly arrivals: RecentArrivals;
  readonly invalidations: Invalidations;
  readonly verifications: Verifications;
  /** Rounds until no scan is left. */
  rounds(): Promise<void>;
  check(...blocks: number[]): Promise<void>;
}

/** Four DataNodes: two on rack /a, two on /b. */
async function withMonitor(t: ExecutionContext, run: (setting: Setting) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  for (const [index, rack] of ['/a', '/a', '/b', '/b'].entries()) await fixture.node(index, { rack });
  const { journal, datanodes, clock } = fixture;
  const invalidations = new Invalidations(datanodes, 1000);
  const verifications = new Verifications();
  const arrivals = new RecentArrivals(3_000);
  const monitor = new RedundancyMonitor({
    journal,
    datanodes,
    invalidations,
    arrivals,
    clock,
    verifications,
    isToGo: () => false,
    minReplication: 1,
  });
  const { signal } = new AbortController();
  const rounds = async (): Promise<void> => {
    for (let more = true; more; ) {
      const round = monitor.round(signal);
      await clock.advance(0);
      more = await round;
    }
  };
  const check = async (...blocks: number[]): Promise<void> => {
    await monitor.requestChecks(blocks);
    await rounds();
  };
  await run({ fixture, monitor, arrivals, invalidations, verifications, rounds, check });
}

async function block(fixture: BlockFixture, id: number, holders: readonly number[], replication = 3): Promise<void> {
  await fixture.block(id, { replication });
  for (const index of holders) await fixture.replica(index, id);
}

test('blocks get their place in the queue, and leave it when they are well', async (t) => {
  await withMonitor(t, async ({ fixture, check }) => {
    await block(fixture, 1, [0, 1, 2]);
    await block(fixture, 2, [0, 2]);
    await block(fixture, 3, [0]);
    await block(fixture, 4, []);
    await block(fixture, 5, [0, 1], 2);
    await check(1, 2, 3, 4, 5);
    t.deepEqual(fixture.queue(), { 2: 2, 3: 0, 4: 4, 5: 3 });
    t.deepEqual(fixture.checks(), []);
    await fixture.replica(1, 2);
    await check(2);
    t.deepEqual(fixture.queue(), { 3: 0, 4: 4, 5: 3 });
  });
});

test('a block that is gone, or is being written again, leaves the queue', async (t) => {
  await withMonitor(t, async ({ fixture, check }) => {
    await block(fixture, 1, [0]);
    await block(fixture, 2, [0]);
    await check(1, 2);
    await fixture.journal.mutate(({ db }) => {
      db.prepare('DELETE FROM blocks WHERE id = 1').run();
      db.prepare('UPDATE blocks SET state = ? WHERE id = 2').run(BlockState.UNDER_CONSTRUCTION);
    });
    await check(1, 2);
    t.deepEqual(fixture.queue(), {});
    t.deepEqual(fixture.checks(), []);
  });
});

test('a block that its writer has finished becomes complete with its minimum of replicas', async (t) => {
  await withMonitor(t, async ({ fixture, check }) => {
    await fixture.block(1, { state: BlockState.COMMITTED });
    await fixture.block(2, { state: BlockState.COMMITTED });
    await fixture.replica(0, 2);
    await check(1, 2);
    const states = fixture.committed.prepare('SELECT state FROM blocks ORDER BY id').pluck().all();
    t.deepEqual(states, [BlockState.COMMITTED, BlockState.COMPLETE]);
    t.deepEqual(fixture.checks(), [2], 'and is looked at as a complete one');
  });
});

test('while replicas are arriving a block is not copied; a moment later it is', async (t) => {
  await withMonitor(t, async ({ fixture, arrivals, check, rounds }) => {
    await block(fixture, 1, [0]);
    arrivals.note(1, fixture.clock.monotonicMs());
    await check(1);
    t.deepEqual(fixture.queue(), {});
    t.deepEqual(fixture.checks(), [1]);
    await fixture.clock.advance(3_000);
    await rounds();
    t.deepEqual(fixture.queue(), { 1: 0 });
    t.deepEqual(fixture.checks(), []);
  });
});

test('surplus, corrupt and outdated replicas get their states', async (t) => {
  await withMonitor(t, async ({ fixture, check }) => {
    await block(fixture, 1, [0, 1, 2, 3]);
    await block(fixture, 2, [0, 1, 2]);
    await fixture.replica(3, 2, CORRUPT);
    await block(fixture, 3, [0, 1, 2]);
    await fixture.replica(3, 3, LIVE, { generationStamp: 1 });
    await check(1, 2, 3);
    t.is([0, 1, 2, 3].filter((index) => fixture.state(index, 1) === EXCESS).length, 1);
    t.is(fixture.state(3, 2), INVALIDATE);
    t.is(fixture.state(3, 3), CORRUPT);
    await check(3);
    t.is(fixture.state(3, 3), INVALIDATE);
  });
});

test('a surplus replica is kept when it is needed again, unless its deletion has been ordered', async (t) => {
  await withMonitor(t, async ({ fixture, check, rounds, invalidations }) => {
    for (const id of [1, 2]) {
      await block(fixture, id, [1, 2, 3]);
      await fixture.replica(0, id, EXCESS);
    }
    const [ordered] = invalidations.next(fixture.committed, fixture.storage(0).datanode, 0);
    t.is(ordered?.blockId, 1);
    const lost = fixture.storage(3);
    lost.trust = 'unknown';
    await check(1, 2);
    t.is(fixture.state(0, 1), EXCESS);
    t.is(fixture.state(0, 2), EXCESS, 'both were ordered');
    invalidations.done(fixture.storage(0), 2);
    await check(2);
    t.is(fixture.state(0, 2), LIVE);
    await rounds();
    t.deepEqual(fixture.queue(), { 1: 2 });
  });
});

test('a scan of a storage finds what is wrong with its blocks, and leaves the well ones alone', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, rounds }) => {
    for (let id = 1; id <= 250; id++) await block(fixture, id, id % 50 === 0 ? [0, 2] : [0, 1, 2]);
    await block(fixture, 1_000, [1]);
    const before = fixture.rowsChanged();
    monitor.scanStorage(fixture.storage(0));
    await rounds();
    t.deepEqual(Object.keys(fixture.queue()).map(Number), [50, 100, 150, 200, 250]);
    t.true(fixture.rowsChanged() - before < 40, 'well blocks cost no write');
    monitor.scanAll();
    await rounds();
    t.deepEqual(Object.keys(fixture.queue()).map(Number), [50, 100, 150, 200, 250, 1_000]);
  });
});

test('a scan takes blocks out of the queue that are well again', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, check, rounds }) => {
    await block(fixture, 1, [0, 1, 2]);
    const storage = fixture.storage(2);
    storage.trust = 'unknown';
    await check(1);
    t.deepEqual(fixture.queue(), { 1: 2 });
    storage.trust = 'verified';
    monitor.scanStorage(storage);
    await rounds();
    t.deepEqual(fixture.queue(), {});
  });
});

test('a corrupt replica gives way as long as there is a good one', async (t) => {
  await withMonitor(t, async ({ fixture, monitor }) => {
    await block(fixture, 1, [0]);
    await fixture.replica(1, 1, CORRUPT);
    await block(fixture, 2, []);
    await fixture.replica(1, 2, CORRUPT);
    await block(fixture, 3, [0, 1]);
    const storage = fixture.storage(1).id;
    await monitor.giveWay([1, 2, 3, 4].map((id) => ({ block: id, storage })));
    t.deepEqual(
      [1, 2, 3].map((id) => fixture.state(1, id)),
      [INVALIDATE, CORRUPT, LIVE],
    );
  });
});

test('no corrupt replica gives way while the last good one is being verified', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, verifications }) => {
    await block(fixture, 1, [0]);
    await fixture.replica(1, 1, CORRUPT);
    const replica = { block: 1, storage: fixture.storage(1).id };
    verifications.ask(fixture.storage(0).datanode, blockOf(1), fixture.clock.monotonicMs());
    await monitor.giveWay([replica]);
    t.is(fixture.state(1, 1), CORRUPT);
    await fixture.clock.advance(30_000);
    await monitor.giveWay([replica]);
    t.is(fixture.state(1, 1), INVALIDATE);
  });
});

test('the rows of a storage without a DataNode are removed, and their blocks looked at', async (t) => {
  await withMonitor(t, async ({ fixture, monitor }) => {
    for (let id = 1; id <= 250; id++) await fixture.replica(0, id);
    const storage = fixture.storage(0).id;
    const { signal } = new AbortController();
    await monitor.removeStorage(storage, signal);
    t.is(fixture.committed.prepare('SELECT count(*) FROM replicas').pluck().get(), 250, 'it has an owner');
    await fixture.register(9, { host: 'host-0' });
    await monitor.removeStorage(storage, signal);
    t.is(fixture.committed.prepare('SELECT count(*) FROM replicas').pluck().get(), 0);
    t.is(fixture.committed.prepare('SELECT count(*) FROM storages WHERE id = ?').pluck().get(storage), 0);
    t.is(fixture.checks().length, 250);
  });
});

test('many checks are made in short transactions', async (t) => {
  await withMonitor(t, async ({ fixture, rounds }) => {
    await fixture.journal.mutate(({ db }) => {
      for (let id = 1; id <= 1_000; id++) requestCheck(db, id);
    });
    await rounds();
    t.deepEqual(fixture.checks(), []);
  });
});
