import test from 'ava';
import fc from 'fast-check';
import { planBalance, type Utilization } from '../../namenode/balancer-plan.js';

const TERA = 10 ** 12;

/** A DataNode of one terabyte that is `percent` full. */
function node(uuid: string, percent: number, rack = '/a', capacityBytes = TERA): Utilization {
  const usedBytes = (percent * capacityBytes) / 100;
  return { uuid, rack, usedBytes, capacityBytes, remainingBytes: capacityBytes - usedBytes };
}

const shown = (nodes: readonly Utilization[], threshold = 10, max = TERA): string[] =>
  planBalance(nodes, threshold, max).pairs.map(
    ({ source, target, bytes }) => `${source}->${target} ${bytes / 10 ** 10}`,
  );

test('within the threshold nothing is to be done', (t) => {
  t.deepEqual(planBalance([node('a', 40), node('b', 50), node('c', 59)], 10, TERA), { pairs: [], bytesLeft: 0 });
  t.deepEqual(planBalance([], 10, TERA), { pairs: [], bytesLeft: 0 });
  t.deepEqual(planBalance([node('a', 0, '/a', 0)], 10, TERA), { pairs: [], bytesLeft: 0 });
});

test('the fullest gives to the emptiest, at most one threshold of its capacity at a time', (t) => {
  const nodes = [node('full', 90), node('empty', 10)];
  t.deepEqual(shown(nodes), ['full->empty 10']);
  t.is(planBalance(nodes, 10, TERA).bytesLeft, (30 * TERA) / 100);
  t.deepEqual(shown(nodes, 10, 3 * 10 ** 10), ['full->empty 3']);
});

test('a new, empty DataNode takes from those that are only a little fuller than the average, too', (t) => {
  t.deepEqual(shown([node('a', 60), node('b', 60), node('new', 0)]), ['a->new 10']);
  t.deepEqual(shown([node('a', 44), node('b', 43), node('c', 45), node('new', 10)]), ['a->new 8.5', 'b->new 1.5']);
});

test('within a rack first', (t) => {
  const nodes = [node('full', 80, '/b'), node('far', 20, '/a'), node('near', 20, '/b'), node('x', 40, '/a')];
  t.is(shown(nodes)[0], 'full->near 10');
});

test('property: nobody gives or takes more than brings it to the average, nor more than it has room for', (t) => {
  const any = fc.record({
    percent: fc.integer({ min: 0, max: 100 }),
    rack: fc.constantFrom('/a', '/b'),
    size: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (given, threshold) => {
      const nodes = given.map(({ percent, rack, size }, i) => node(`n${i}`, percent, rack, size * 10 ** 9));
      const { pairs, bytesLeft } = planBalance(nodes, threshold, TERA);
      const capacity = nodes.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);
      const average = nodes.reduce((sum, { usedBytes }) => sum + usedBytes, 0) / capacity;
      const isBalanced = nodes.every(
        (n) => Math.abs(n.usedBytes / n.capacityBytes - average) * 100 <= threshold + 1e-9,
      );
      if (isBalanced !== (bytesLeft === 0) && bytesLeft > 1) return false;
      return nodes.every((n) => {
        const given = pairs.filter(({ source }) => source === n.uuid).reduce((sum, { bytes }) => sum + bytes, 0);
        const taken = pairs.filter(({ target }) => target === n.uuid).reduce((sum, { bytes }) => sum + bytes, 0);
        const difference = n.usedBytes - average * n.capacityBytes;
        return (
          given <= Math.max(0, difference) + 1 && taken <= Math.min(Math.max(0, -difference), n.remainingBytes) + 1
        );
      });
    }),
  );
  t.pass();
});
