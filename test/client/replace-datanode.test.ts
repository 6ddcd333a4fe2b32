import test from 'ava';
import { wantsReplacement } from '../../client/replace-datanode.js';

const rule = (policy: 'DEFAULT' | 'ALWAYS' | 'NEVER') => ({ policy, bestEffort: true });
const left = (replication: number, nodesLeft: number, reliedOn = false) => ({ replication, nodesLeft, reliedOn });

for (const { replication, wanted } of [
  { replication: 1, wanted: [] },
  { replication: 2, wanted: [] },
  { replication: 3, wanted: [1] },
  { replication: 4, wanted: [1, 2] },
  { replication: 5, wanted: [1, 2] },
  { replication: 10, wanted: [1, 2, 3, 4, 5] },
]) {
  test(`by default a block of ${replication} replicas gets another DataNode with ${wanted.join(', ') || 'never any'} left`, (t) => {
    const nodes = Array.from({ length: replication + 2 }, (_, index) => index);
    t.deepEqual(
      nodes.filter((nodesLeft) => wantsReplacement(rule('DEFAULT'), left(replication, nodesLeft))),
      wanted,
    );
  });
}

test('a block that somebody relies on gets another DataNode for each that it loses, if it has three replicas or more', (t) => {
  t.true(wantsReplacement(rule('DEFAULT'), left(3, 2, true)));
  t.false(wantsReplacement(rule('DEFAULT'), left(3, 3, true)));
  t.false(wantsReplacement(rule('DEFAULT'), left(2, 1, true)));
});

test('the other policies are what they are called', (t) => {
  t.true(wantsReplacement(rule('ALWAYS'), left(2, 1)));
  t.false(wantsReplacement(rule('ALWAYS'), left(2, 2)));
  t.false(wantsReplacement(rule('ALWAYS'), left(2, 0)));
  t.false(wantsReplacement(rule('NEVER'), left(3, 1, true)));
});
