import test from 'ava';
import fc from 'fast-check';
import { isWellSpread, Priority, priorityOf } from '../../namenode/low-redundancy.js';

const cases = [
  { what: 'no replica left', live: 0, wanted: 3, racks: 0, priority: Priority.LOST },
  { what: 'one of three', live: 1, wanted: 3, racks: 1, priority: Priority.HIGHEST },
  { what: 'one of ten', live: 1, wanted: 10, racks: 1, priority: Priority.HIGHEST },
  { what: 'three of ten: less than a third', live: 3, wanted: 10, racks: 2, priority: Priority.VERY_LOW },
  { what: 'four of ten', live: 4, wanted: 10, racks: 2, priority: Priority.LOW },
  { what: 'two of three', live: 2, wanted: 3, racks: 2, priority: Priority.LOW },
  { what: 'three on one rack', live: 3, wanted: 3, racks: 1, priority: Priority.BADLY_SPREAD },
  { what: 'three on two racks', live: 3, wanted: 3, racks: 2, priority: undefined },
  { what: 'one of one', live: 1, wanted: 1, racks: 1, priority: undefined },
  { what: 'four of three on one rack', live: 4, wanted: 3, racks: 1, priority: Priority.BADLY_SPREAD },
  {
    what: 'two of three, the third in maintenance',
    live: 2,
    wanted: 2,
    replication: 3,
    racks: 2,
    outOfService: 1,
    priority: undefined,
  },
  {
    what: 'none live, but one on a DataNode that is being decommissioned',
    live: 0,
    wanted: 3,
    racks: 0,
    outOfService: 1,
    priority: Priority.HIGHEST,
  },
  {
    what: 'none live, the only one in maintenance, and that is allowed',
    live: 0,
    wanted: 0,
    replication: 1,
    racks: 1,
    outOfService: 0,
    priority: undefined,
  },
];

for (const { what, priority, ...redundancy } of cases) {
  test(`${what} -> ${priority ?? 'no work'}`, (t) => {
    t.is(priorityOf({ outOfService: 0, replication: redundancy.wanted, ...redundancy, clusterRacks: 3 }), priority);
  });
}

test('a cluster of one rack cannot spread anything', (t) => {
  t.is(priorityOf({ live: 3, wanted: 3, replication: 3, outOfService: 0, racks: 1, clusterRacks: 1 }), undefined);
});

test('property: fewer live replicas are never less urgent, and none is the end', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 512 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 2, max: 512 }),
      (wanted, racks, live) => {
        const urgency = (count: number): number =>
          priorityOf({
            live: count,
            wanted,
            replication: wanted,
            outOfService: 0,
            racks: Math.min(racks, count),
            clusterRacks: 5,
          }) ?? Number.POSITIVE_INFINITY;
        return urgency(live - 1) <= urgency(live) && urgency(0) === Priority.LOST;
      },
    ),
  );
  t.pass();
});

test('two racks are enough, however many replicas and racks there are', (t) => {
  t.true(isWellSpread({ replication: 10, racks: 2, clusterRacks: 5 }));
  t.false(isWellSpread({ replication: 10, racks: 1, clusterRacks: 2 }));
});
