import test from 'ava';
import fc from 'fast-check';
import { seededRandom } from '../../common/random.js';
import type { TargetRequest } from '../../namenode/blocks.js';
import { type Candidate, choosePlacement, noTargetsMessage } from '../../namenode/placement-policy.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

function node(index: number, rack: string, over: Partial<Candidate> = {}): Candidate {
  return {
    uuid: `dn${index}`,
    name: `10.0.0.${index}:9866`,
    host: `10.0.0.${index}`,
    rack,
    outOfService: undefined,
    stale: false,
    unreported: false,
    activeTransfers: 0,
    storages: [{ uuid: `ds${index}`, remainingBytes: 100 * GIB, scheduledBytes: 0 }],
    ...over,
  };
}

function request(over: Partial<TargetRequest> = {}): TargetRequest {
  return { count: 3, blockSizeBytes: 128 * MIB, writerHost: '', exclude: [], existing: [], ...over };
}

const free = (index: number, remainingBytes: number, scheduledBytes = 0) => ({
  storages: [{ uuid: `ds${index}`, remainingBytes, scheduledBytes }],
});

function place(cluster: readonly Candidate[], over: Partial<TargetRequest> = {}, seed = 1) {
  const { targets, refusals } = choosePlacement(cluster, request(over), seededRandom(seed));
  const uuids = targets.map(({ datanodeUuid }) => datanodeUuid);
  const racks = uuids.map((uuid) => cluster.find((candidate) => candidate.uuid === uuid)?.rack);
  return { targets, uuids, racks, refusals };
}

/** 12 DataNodes on 4 racks. */
const big = Array.from({ length: 12 }, (_, i) => node(i, `/r${i % 4}`));

test('first replica on the writer’s host, second on another rack, third on the second’s rack but another DataNode', (t) => {
  for (let seed = 0; seed < 100; seed++) {
    const { uuids, racks } = place(big, { writerHost: '10.0.0.5' }, seed);
    t.is(uuids[0], 'dn5');
    t.not(racks[1], racks[0]);
    t.is(racks[2], racks[1]);
    t.is(new Set(uuids).size, 3);
  }
});

test('without a writer among the DataNodes the first replica goes anywhere', (t) => {
  const firsts = new Set<string | undefined>();
  for (let seed = 0; seed < 200; seed++) firsts.add(place(big, { writerHost: 'laptop' }, seed).uuids[0]);
  t.true(firsts.size > 6);
});

test('many replicas spread: no rack has more than (r-1)/racks+2', (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const { uuids, racks } = place(big, { count: 9 }, seed);
    t.is(uuids.length, 9);
    for (const rack of racks) t.true(racks.filter((other) => other === rack).length <= Math.floor(8 / 4) + 2);
  }
});

for (const [racks, name] of [
  [['/a', '/a', '/a'], 'one rack'],
  [['/a', '/a', '/b'], 'two racks'],
  [['/a', '/b', '/c'], 'three racks'],
] as const) {
  test(`three DataNodes on ${name} take all three replicas`, (t) => {
    const cluster = racks.map((rack, i) => node(i, rack));
    for (let seed = 0; seed < 50; seed++) {
      for (const writerHost of ['', '10.0.0.0', '10.0.0.2']) {
        t.is(new Set(place(cluster, { writerHost }, seed).uuids).size, 3);
      }
    }
  });
}

test('a fourth replica wanted on three DataNodes: three are given, and each DataNode is accounted for', (t) => {
  const { uuids, refusals } = place([node(0, '/a'), node(1, '/a'), node(2, '/b')], { count: 4 });
  t.is(uuids.length, 3);
  t.deepEqual(refusals, []);
});

test('when the other rack is full, its share goes to the rack that has room', (t) => {
  const cluster = [node(0, '/a'), node(1, '/a'), node(2, '/a'), node(3, '/b', free(3, MIB))];
  const { uuids, refusals } = place(cluster);
  t.deepEqual([...uuids].sort(), ['dn0', 'dn1', 'dn2']);
  t.deepEqual(refusals, []);
});

test('a replica is added on another rack when all existing ones share a rack', (t) => {
  const existing = [0, 4].map((i) => ({ datanodeUuid: `dn${i}`, storageUuid: `ds${i}` }));
  for (let seed = 0; seed < 50; seed++) t.not(place(big, { count: 1, existing }, seed).racks[0], '/r0');
});

test('a replica on a DataNode that nobody knows does not let the others share a rack', (t) => {
  const promised = node(2, '/b', free(2, 128 * MIB, MIB));
  const existing = [{ datanodeUuid: 'forgotten', storageUuid: 'ds' }];
  for (let seed = 0; seed < 50; seed++) {
    const { racks } = place([node(0, '/a'), node(1, '/a'), promised], { count: 2, existing }, seed);
    t.deepEqual(new Set(racks), new Set(['/a', '/b']));
  }
});

test('a stale DataNode is not chosen, even if there are too few others', (t) => {
  const { uuids, refusals } = place([node(0, '/a'), node(1, '/b', { stale: true })]);
  t.deepEqual(uuids, ['dn0']);
  t.deepEqual(refusals, [{ name: '10.0.0.1:9866', rack: '/b', reason: 'stale: its heartbeats are late' }]);
});

test('stale DataNodes are better than none at all', (t) => {
  t.is(place([node(0, '/a', { stale: true }), node(1, '/b', { stale: true })]).uuids.length, 2);
});

test('a busy DataNode is passed over while there are others, and taken when there are not', (t) => {
  const busy = node(0, '/a', { activeTransfers: 100 });
  const cluster = [busy, ...Array.from({ length: 5 }, (_, i) => node(i + 1, i % 2 ? '/a' : '/b'))];
  for (let seed = 0; seed < 50; seed++) t.false(place(cluster, { writerHost: busy.host }, seed).uuids.includes('dn0'));
  t.true(place([busy, node(1, '/b'), node(2, '/b')]).uuids.includes('dn0'));
});

test('one transfer on an idle cluster does not make a DataNode busy', (t) => {
  const cluster = [node(0, '/a', { activeTransfers: 1 }), node(1, '/b'), node(2, '/b'), node(3, '/b')];
  t.is(place(cluster, { writerHost: '10.0.0.0' }).uuids[0], 'dn0');
});

test('bytes promised to other writes count as used, unless nobody else has room', (t) => {
  const promised = node(0, '/a', free(0, 200 * MIB, 100 * MIB));
  t.false(place([promised, node(1, '/a'), node(2, '/b'), node(3, '/b')]).uuids.includes('dn0'));
  t.true(place([promised, node(1, '/a'), node(2, '/b')]).uuids.includes('dn0'));
});

test('within a DataNode any storage that has room is taken, whatever the others have', (t) => {
  const storages = [
    { uuid: 'full', remainingBytes: 1 * MIB, scheduledBytes: 0 },
    { uuid: 'promised', remainingBytes: 100 * GIB, scheduledBytes: 100 * GIB },
    { uuid: 'small', remainingBytes: 10 * GIB, scheduledBytes: 0 },
    { uuid: 'roomy', remainingBytes: 5000 * GIB, scheduledBytes: 0 },
  ];
  const taken = Array.from(
    { length: 50 },
    (_, seed) => place([node(0, '/a', { storages })], { count: 1 }, seed).targets[0]?.storageUuid,
  );
  t.true(taken.every((uuid) => uuid === 'small' || uuid === 'roomy'));
  t.is(new Set(taken).size, 2);
});

test('the message has one reason for each refused DataNode', (t) => {
  const cluster = [
    node(0, '/a', free(0, 12 * MIB)),
    node(1, '/a', { outOfService: 'dead: no heartbeat for 700 s' }),
    node(2, '/b'),
    node(3, '/b', { storages: [] }),
  ];
  const { targets, refusals } = place(cluster, { exclude: ['dn2'] });
  t.deepEqual(targets, []);
  t.is(
    noTargetsMessage(3, refusals),
    'could only be written to 0 of the 3 required nodes: 10.0.0.0:9866 (/a): 12 MiB free, 128 MiB needed; ' +
      '10.0.0.1:9866 (/a): dead: no heartbeat for 700 s; 10.0.0.2:9866 (/b): excluded by the client, which could not write to it; ' +
      '10.0.0.3:9866 (/b): has no working storage',
  );
});

test('without any DataNode the message says what to start', (t) => {
  t.regex(noTargetsMessage(3, []), /no DataNode has registered/);
});

test('the message stays short on a large cluster', (t) => {
  const refusals = Array.from({ length: 500 }, (_, i) => ({ name: `n${i}`, rack: '/r', reason: 'dead' }));
  t.regex(noTargetsMessage(3, refusals), /; and 450 more$/);
});

// ---- Properties -------------------------------------------------------------------------------------------------------

const candidates = fc
  .array(
    fc.record({
      rack: fc.constantFrom('/a', '/b', '/c', '/d/e'),
      outOfService: fc.option(fc.constant('dead'), { nil: undefined, freq: 4 }),
      stale: fc.boolean(),
      unreported: fc.boolean(),
      activeTransfers: fc.integer({ min: 0, max: 200 }),
      free: fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 })), { maxLength: 3 }),
    }),
    { maxLength: 9 },
  )
  .map((nodes) =>
    nodes.map(({ rack, free: storages, ...rest }, i) =>
      node(i, rack, {
        ...rest,
        storages: storages.map(([remaining, scheduled], j) => ({
          uuid: `ds${i}.${j}`,
          remainingBytes: remaining * MIB,
          scheduledBytes: scheduled * MIB,
        })),
      }),
    ),
  );

const indexes = fc.uniqueArray(fc.integer({ min: 0, max: 8 }), { maxLength: 4 });
const requests = fc.record({
  count: fc.integer({ min: 1, max: 6 }),
  writer: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
  exclude: indexes,
  existing: indexes,
  seed: fc.integer(),
});

const cases = fc.tuple(candidates, requests).map(([cluster, { writer, exclude, existing, count, seed }]) => ({
  cluster,
  seed,
  request: request({
    count,
    writerHost: writer === undefined ? '' : `10.0.0.${writer}`,
    exclude: exclude.map((i) => `dn${i}`),
    existing: existing.map((i) => ({ datanodeUuid: `dn${i}`, storageUuid: `ds${i}.0` })),
  }),
}));

const RUNS = { numRuns: 1000 };

test('property: targets are distinct, in service, have room, and neither are excluded nor have a replica', (t) => {
  fc.assert(
    fc.property(cases, ({ cluster, request: asked, seed }) => {
      const { targets } = choosePlacement(cluster, asked, seededRandom(seed));
      const uuids = targets.map(({ datanodeUuid }) => datanodeUuid);
      const forbidden = [...asked.exclude, ...asked.existing.map(({ datanodeUuid }) => datanodeUuid)];
      return (
        targets.length <= asked.count &&
        new Set(uuids).size === uuids.length &&
        uuids.every((uuid) => !forbidden.includes(uuid)) &&
        targets.every(({ datanodeUuid, storageUuid }) => {
          const chosen = cluster.find(({ uuid }) => uuid === datanodeUuid);
          const storage = chosen?.storages.find(({ uuid }) => uuid === storageUuid);
          return chosen?.outOfService === undefined && (storage?.remainingBytes ?? 0) >= asked.blockSizeBytes;
        })
      );
    }),
    RUNS,
  );
  t.pass();
});

test('property: when targets are missing, each DataNode that was not taken has a reason', (t) => {
  fc.assert(
    fc.property(cases, ({ cluster, request: asked, seed }) => {
      const { targets, refusals } = choosePlacement(cluster, asked, seededRandom(seed));
      if (targets.length === asked.count) return refusals.length === 0;
      return (
        refusals.length === cluster.length - targets.length &&
        refusals.every(({ reason }) => reason !== '' && reason !== 'not needed')
      );
    }),
    RUNS,
  );
  t.pass();
});

test('property: replicas are never all on one rack when another rack had room', (t) => {
  fc.assert(
    fc.property(cases, ({ cluster, request: asked, seed }) => {
      const { targets } = choosePlacement(cluster, asked, seededRandom(seed));
      const holders = [...targets, ...asked.existing].map(({ datanodeUuid }) => datanodeUuid);
      // Of an existing replica on a DataNode that the cluster does not know, nobody knows the rack.
      const known = cluster.filter(({ uuid }) => holders.includes(uuid));
      const racks = new Set(known.map(({ rack }) => rack));
      if (targets.length === 0 || racks.size !== 1 || known.length < 2) return true;
      const allStale = targets.every(({ datanodeUuid }) => cluster.find(({ uuid }) => uuid === datanodeUuid)?.stale);
      return !cluster.some(
        (other) =>
          !racks.has(other.rack) &&
          !asked.exclude.includes(other.uuid) &&
          other.outOfService === undefined &&
          (!other.stale || allStale) &&
          other.storages.some(({ remainingBytes }) => remainingBytes >= asked.blockSizeBytes),
      );
    }),
    RUNS,
  );
  t.pass();
});

test('property: the same seed gives the same targets', (t) => {
  fc.assert(
    fc.property(cases, ({ cluster, request: asked, seed }) => {
      const once = choosePlacement(cluster, asked, seededRandom(seed));
      const again = choosePlacement(cluster, asked, seededRandom(seed));
      return JSON.stringify(once) === JSON.stringify(again);
    }),
    RUNS,
  );
  t.pass();
});
