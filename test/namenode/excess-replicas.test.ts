import test from 'ava';
import fc from 'fast-check';
import { chooseExcess } from '../../namenode/excess-replicas.js';

const replica = (name: string, rack: string, remainingBytes: number) => ({ name, rack, remainingBytes });
const names = (replicas: readonly { name: string }[]) => replicas.map(({ name }) => name);

test('the replica on the fullest DataNode goes', (t) => {
  const replicas = [replica('a', '/r1', 30), replica('b', '/r1', 10), replica('c', '/r1', 20)];
  t.deepEqual(names(chooseExcess(replicas, 1)), ['b']);
  t.deepEqual(names(chooseExcess(replicas, 2)), ['b', 'c']);
});

test('a rack with one replica keeps it, even on the fullest DataNode', (t) => {
  const replicas = [replica('a', '/r1', 30), replica('b', '/r1', 20), replica('c', '/r2', 1), replica('d', '/r1', 40)];
  t.deepEqual(names(chooseExcess(replicas, 1)), ['b']);
  t.deepEqual(names(chooseExcess(replicas, 2)), ['b', 'a']);
});

test('the one that is named goes instead, unless its rack would be left uncovered', (t) => {
  const replicas = [replica('a', '/r1', 30), replica('b', '/r1', 10), replica('c', '/r2', 20)];
  const named = (wanted: string) => names(chooseExcess(replicas, 1, ({ name }) => name === wanted));
  t.deepEqual(named('a'), ['a']);
  t.deepEqual(named('c'), ['b']);
});

const lists = fc.array(
  fc.record({ rack: fc.constantFrom('/a', '/b', '/c'), remainingBytes: fc.integer({ min: 0, max: 5 }) }),
  { minLength: 1, maxLength: 8 },
);

test('property: just the surplus goes, never the last one, and two racks stay covered', (t) => {
  fc.assert(
    fc.property(lists, fc.integer({ min: 0, max: 8 }), (replicas, surplus) => {
      const chosen = chooseExcess(replicas, surplus);
      const left = replicas.filter((candidate) => !chosen.includes(candidate));
      const racks = (of: typeof replicas): number => new Set(of.map(({ rack }) => rack)).size;
      return (
        chosen.length === Math.min(surplus, replicas.length - 1) &&
        left.length >= 1 &&
        racks(left) >= Math.min(2, left.length, racks(replicas))
      );
    }),
  );
  t.pass();
});
