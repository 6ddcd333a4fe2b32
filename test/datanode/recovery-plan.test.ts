import test from 'ava';
import fc from 'fast-check';
import { planBlockRecovery, type RecoveryFindings } from '../../datanode/recovery-plan.js';
import type { ReplicaRecoveryInfo } from '../../datanode/replica-recovery.js';

const STAMP = 1000;

/** `RBW 70` has 70 bytes; `RBW 70 -1` under a stamp that is older by one; `none` is no replica. */
function replica(text: string): ReplicaRecoveryInfo | undefined {
  if (text === 'none') return undefined;
  const [state, length, age = '0'] = text.split(' ');
  return {
    blockId: 1,
    generationStamp: STAMP + Number(age),
    numBytes: Number(length),
    state: state as ReplicaRecoveryInfo['state'],
  };
}

function findings(
  replicas: readonly string[],
  given: Partial<RecoveryFindings> & { known?: number } = {},
): RecoveryFindings {
  const { known = 0, ...more } = given;
  const block = { blockId: 1, generationStamp: STAMP, numBytes: known };
  return { block, truncate: false, replicas: replicas.map(replica), unanswered: 0, givenUp: 0, ...more };
}

const TABLE: readonly (readonly [title: string, replicas: string[], participants: number[], length: number])[] = [
  ['all finalized', ['FINALIZED 90', 'FINALIZED 90'], [0, 1], 90],
  ['finalized ones, and those being written that are as long', ['RBW 90', 'FINALIZED 90', 'RBW 80'], [0, 1], 90],
  ['a finalized one, not what was found after a restart', ['RWR 90', 'FINALIZED 90'], [1], 90],
  ['the shortest of those being written', ['RBW 90', 'RBW 70', 'RBW 80'], [0, 1, 2], 70],
  ['those being written, not what was found after a restart', ['RWR 60', 'RBW 90', 'RBW 70'], [1, 2], 70],
  ['the shortest of those found after a restart', ['RWR 60', 'RWR 50'], [0, 1], 50],
  ['none with an old stamp', ['RBW 50 -1', 'RBW 70', 'FINALIZED 60 -1'], [1], 70],
  ['one with a newer stamp: an earlier attempt was here', ['FINALIZED 70 1', 'RBW 70', 'RBW 90'], [0, 1], 70],
  ['not what is empty', ['RBW 0', 'RBW 70', 'none'], [1], 70],
];

for (const [title, replicas, participants, length] of TABLE) {
  test(`takes part: ${title}`, (t) => {
    t.deepEqual(planBlockRecovery(findings(replicas)), { kind: 'update', participants, length });
  });
}

test('a replica that has lost acknowledged bytes takes none from the others', (t) => {
  const plan = planBlockRecovery(findings(['RWR 30', 'RWR 80', 'RWR 70'], { known: 60 }));
  t.deepEqual(plan, { kind: 'update', participants: [1, 2], length: 70 });
});

test('when nobody has all that was acknowledged, and all have answered, what is there is kept', (t) => {
  const plan = planBlockRecovery(findings(['RWR 30', 'RWR 40'], { known: 60 }));
  t.deepEqual(plan, { kind: 'update', participants: [0, 1], length: 30 });
});

test('finalized replicas of different lengths are left to people', (t) => {
  t.is(planBlockRecovery(findings(['FINALIZED 90', 'FINALIZED 80'])).kind, 'giveUp');
});

test('of what earlier attempts have finalized, each without the others, the longest is the block', (t) => {
  const plan = (...replicas: string[]) => planBlockRecovery(findings(replicas, { known: 40 }));
  t.deepEqual(plan('FINALIZED 70 1', 'FINALIZED 90 2'), { kind: 'update', participants: [1], length: 90 });
  t.deepEqual(plan('FINALIZED 90 1', 'FINALIZED 70 2', 'RBW 90'), { kind: 'update', participants: [0, 2], length: 90 });
  // The first one has been finished by its writer, and was not asked before.
  t.deepEqual(plan('FINALIZED 90', 'FINALIZED 70 1'), { kind: 'update', participants: [0], length: 90 });
});

test('a block is given up only when every DataNode says that it has nothing', (t) => {
  t.deepEqual(planBlockRecovery(findings(['none', 'RBW 0', 'RBW 9 -1'])), { kind: 'delete' });
  t.is(planBlockRecovery(findings(['none', 'RBW 0'], { unanswered: 1 })).kind, 'giveUp');
});

test('while somebody may have more, less than what was acknowledged is not enough', (t) => {
  t.is(planBlockRecovery(findings(['RBW 50'], { known: 60, unanswered: 1 })).kind, 'giveUp');
  t.is(planBlockRecovery(findings(['RWR 90'], { known: 60, unanswered: 1 })).kind, 'giveUp');
  t.is(planBlockRecovery(findings(['RBW 60'], { known: 60, unanswered: 2 })).kind, 'update');
});

test('what was acknowledged is waited for, also from DataNodes that were given up; what nobody was told of is not', (t) => {
  t.is(planBlockRecovery(findings(['none'], { known: 60, givenUp: 1 })).kind, 'giveUp');
  t.is(planBlockRecovery(findings(['RWR 50'], { known: 60, givenUp: 1 })).kind, 'giveUp');
  t.is(planBlockRecovery(findings(['none'], { known: 0, givenUp: 1 })).kind, 'delete');
  t.is(planBlockRecovery(findings(['none'], { known: 60 })).kind, 'delete');
  t.is(planBlockRecovery(findings(['RWR 60'], { known: 60, givenUp: 1 })).kind, 'update');
});

test('a truncation takes every replica that is long enough, whatever an earlier attempt has made of it', (t) => {
  const given = { known: 40, truncate: true, unanswered: 1 };
  t.deepEqual(planBlockRecovery(findings(['FINALIZED 90', 'FINALIZED 40 1', 'RWR 60', 'RWR 39', 'none'], given)), {
    kind: 'update',
    participants: [0, 1, 2],
    length: 40,
  });
  t.is(planBlockRecovery(findings(['none', 'RBW 39'], given)).kind, 'giveUp');
});

test('whatever the replicas of a pipeline have beyond it, acknowledged bytes stay and no replica is stretched', (t) => {
  const length = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(
      length,
      fc.array(length, { minLength: 1, maxLength: 5 }),
      fc.array(fc.boolean()),
      (known, more, gone) => {
        const replicas = more.map((extra, index) => (gone[index] ? 'none' : `RBW ${known + extra}`));
        const unanswered = replicas.filter((text) => text === 'none').length;
        const answered = replicas.filter((text) => text !== 'none');
        const plan = planBlockRecovery(findings(answered, { known, unanswered }));
        if (plan.kind !== 'update') return plan.kind === 'giveUp' ? unanswered > 0 : known === 0;
        const found = findings(answered).replicas;
        return plan.length >= known && plan.participants.every((index) => (found[index]?.numBytes ?? 0) >= plan.length);
      },
    ),
  );
  t.pass();
});
