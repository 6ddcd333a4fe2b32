import test from 'ava';
import fc from 'fast-check';
import { type BlockHealth, healthOf, type Replica } from '../../namenode/block-health.js';
import { StorageDescriptor } from '../../namenode/datanode-descriptor.js';
import { decide } from '../../namenode/redundancy-decision.js';
import { blockRow } from '../../namenode/storage/block-rows.js';
import { ReplicaRowState } from '../../namenode/storage/schema.js';
import { BlockFixture, STAMP } from './support/block-fixture.js';

const { LIVE, CORRUPT, EXCESS } = ReplicaRowState;

interface Held {
  readonly state: number;
  readonly stampsBack: number;
  readonly rack: string;
  readonly node: 'live' | 'stale' | 'dead';
  readonly trust: 'unknown' | 'reported' | 'verified';
}

/** The health of a block with these replicas, one on each of as many DataNodes. */
async function healthWith(replicas: readonly Partial<Held>[], replication = 3): Promise<BlockHealth> {
  const fixture = new BlockFixture();
  try {
    await fixture.block(1, { replication });
    for (const [index, { rack = '/a', state = LIVE, stampsBack = 0 }] of replicas.entries()) {
      await fixture.node(index, { rack });
      await fixture.replica(index, 1, state, { generationStamp: STAMP - stampsBack });
    }
    for (const [index, { node = 'live', trust = 'verified' }] of replicas.entries()) {
      const storage = fixture.storage(index);
      storage.trust = trust;
      storage.datanode.state = node;
      if (node === 'dead') storage.datanode.registrationId = undefined;
    }
    return healthOf(fixture.committed, blockRow(fixture.committed, 1) as never, fixture.datanodes);
  } finally {
    await fixture.close();
  }
}

const nodes = (replicas: readonly Replica[]) => replicas.map(({ node }) => node.uuid);
const always = () => true;
const never = () => false;

test('enough replicas on two racks: nothing to do', async (t) => {
  const decision = decide(await healthWith([{}, {}, { rack: '/b' }]), always, false);
  t.deepEqual(decision, { corrupt: [], keep: [], excess: [], invalidate: [], priority: undefined, again: false });
});

test('too few: queued; if replicas are just arriving, looked at again first', async (t) => {
  const health = await healthWith([{}, { rack: '/b' }]);
  t.like(decide(health, always, false), { priority: 2, again: false });
  t.like(decide(health, always, true), { priority: undefined, again: true });
});

test('too many: one of the crowded rack goes', async (t) => {
  const { excess, again } = decide(await healthWith([{}, {}, {}, { rack: '/b' }]), always, false);
  t.is(excess.length, 1);
  t.is(excess[0]?.rack, '/a');
  t.false(again);
});

test('too many, and one is named: that one goes, as far as racks stay covered', async (t) => {
  const health = await healthWith([{}, {}, {}, { rack: '/b' }]);
  const goes = (uuid: string) => nodes(decide(health, always, false, ({ node }) => node.uuid === uuid).excess);
  for (const uuid of ['dn-0', 'dn-1', 'dn-2']) t.deepEqual(goes(uuid), [uuid]);
  t.not(goes('dn-3')[0], 'dn-3');
});

test('surplus that rests on a silent DataNode, or on one that has not proved what it holds, waits', async (t) => {
  for (const doubtful of [{ node: 'stale' }, { trust: 'reported' }] as const) {
    const decision = decide(await healthWith([{}, {}, { rack: '/b' }, { rack: '/b', ...doubtful }]), always, false);
    t.deepEqual(decision.excess, []);
    t.true(decision.again);
    t.is(decision.priority, undefined);
  }
});

test('corrupt ones go once there are enough good ones, not before', async (t) => {
  const bad = { state: CORRUPT, rack: '/c' };
  t.deepEqual(nodes(decide(await healthWith([{}, {}, { rack: '/b' }, bad]), always, false).invalidate), ['dn-3']);
  const short = decide(await healthWith([{}, { rack: '/b' }, bad]), always, false);
  t.deepEqual(short.invalidate, []);
  t.is(short.priority, 2);
});

test('a row that says LIVE with another stamp than its block becomes corrupt', async (t) => {
  const decision = decide(await healthWith([{}, {}, { rack: '/b' }, { stampsBack: 1 }]), always, false);
  t.deepEqual(nodes(decision.corrupt), ['dn-3']);
  t.true(decision.again);
});

test('surplus replicas that are needed after all are kept, unless their deletion has been ordered', async (t) => {
  const health = await healthWith([{}, { rack: '/b' }, { state: EXCESS }, { state: EXCESS }]);
  const decision = decide(health, always, false);
  t.deepEqual(nodes(decision.keep), ['dn-2']);
  t.true(decision.again);
  t.deepEqual(decide(health, never, false).keep, []);
});

test('a surplus replica that is needed, and whose deletion has been ordered, is asked after until it has gone or may be kept', async (t) => {
  const missing = await healthWith([{}, {}, { state: EXCESS }]);
  t.like(decide(missing, never, false), { keep: [], priority: 2, again: true });
  const enough = await healthWith([{}, {}, {}, { state: EXCESS }]);
  t.like(decide(enough, never, false), { keep: [], priority: undefined, again: false });
});

test('no replica left', async (t) => {
  t.like(decide(await healthWith([{ node: 'dead' }, { state: CORRUPT }]), always, false), {
    priority: 4,
    invalidate: [],
    again: false,
  });
});

test('two replicas on one DataNode count once, and the second one goes when there are enough others', async (t) => {
  const health = await healthWith([{}, {}, { rack: '/b' }]);
  const [first] = health.good as [Replica];
  const second = new StorageDescriptor(99, 'second disk', first.node);
  second.trust = 'verified';
  const double = { ...first, storage: second };
  t.deepEqual(decide({ ...health, doubles: [double] }, always, false).excess, [double]);
  const short = { ...health, good: health.good.slice(0, 2), missing: 1, doubles: [double] };
  t.deepEqual(decide(short, always, false).excess, []);
});

const held = fc.record({
  state: fc.constantFrom(LIVE, LIVE, LIVE, CORRUPT, EXCESS),
  stampsBack: fc.constantFrom(0, 0, 0, 1),
  rack: fc.constantFrom('/a', '/b', '/c'),
  node: fc.constantFrom('live' as const, 'live' as const, 'stale' as const, 'dead' as const),
  trust: fc.constantFrom('verified' as const, 'verified' as const, 'reported' as const, 'unknown' as const),
});

test('property: what is left after the deletions is enough and sure, and spread if it was', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(held, { maxLength: 6 }),
      fc.integer({ min: 1, max: 4 }),
      async (replicas, replication) => {
        const health = await healthWith(replicas, replication);
        const { excess, invalidate, keep } = decide(health, always, false);
        const sure = health.good.filter(({ storage }) => storage.isSure && storage.datanode.inService);
        const left = sure.filter((replica) => !excess.includes(replica));
        const racks = (of: readonly Replica[]): number => new Set(of.map(({ rack }) => rack)).size;
        if (excess.length > 0) {
          t.true(left.length >= replication);
          t.true(racks(left) >= Math.min(2, left.length, racks(sure)));
          t.deepEqual(keep, []);
        }
        if (invalidate.length > 0) t.true(health.good.length >= replication);
        t.true(keep.length <= health.missing);
      },
    ),
    { numRuns: 60 },
  );
});
