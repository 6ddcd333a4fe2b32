import test from 'ava';
import type { Replica, ReplicaState } from '../../datanode/replica.js';
import { mayBecome, readableLength, requireTransition } from '../../datanode/replica.js';

const replica = (state: ReplicaState): Replica => ({
  blockId: 1,
  generationStamp: 2,
  numBytes: 100,
  state,
  volume: 0,
  visibleBytes: 60,
});

test('a finalized replica can be read whole, one being written as far as its pipeline has acknowledged', (t) => {
  t.is(readableLength(replica('FINALIZED')), 100);
  t.is(readableLength(replica('RBW')), 60);
});

for (const state of ['TEMPORARY', 'RWR'] as const) {
  test(`a replica that is ${state} cannot be read`, (t) => {
    const error = t.throws(() => readableLength(replica(state)));
    t.is(error?.name, 'ReplicaNotFound');
    t.true(error?.message.includes(`blk_1_2 is ${state}`));
  });
}

test('a replica never goes back to being a copy in the making', (t) => {
  for (const state of ['RBW', 'FINALIZED', 'RWR'] as const) t.false(mayBecome(state, 'TEMPORARY'));
});

test('a replica that waits for recovery is finalized by it, and never written to again', (t) => {
  t.true(mayBecome('RWR', 'FINALIZED'));
  t.false(mayBecome('RWR', 'RBW'));
});

test('a step that the state machine does not have is a defect, named by block and states', (t) => {
  t.notThrows(() => requireTransition(replica('RBW'), 'FINALIZED'));
  const error = t.throws(() => requireTransition(replica('RWR'), 'RBW'));
  t.is(error?.message, 'Replica blk_1_2 is RWR and cannot become RBW');
});
