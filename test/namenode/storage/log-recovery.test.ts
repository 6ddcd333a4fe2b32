import test from 'ava';
import fc from 'fast-check';
import type { Run, SurveyedSegment } from '../../../namenode/storage/edit-survey.js';
import { planLog } from '../../../namenode/storage/log-recovery.js';

/** Transactions of one segment; `holes` are damaged. */
function segment(firstTxid: number, lastTxid: number, holes: readonly number[] = []): SurveyedSegment {
  const path = `edits_${firstTxid}-${lastTxid}`;
  const runs: Run[] = [];
  for (let txid = firstTxid; txid <= lastTxid; txid++) {
    if (holes.includes(txid)) continue;
    const last = runs.at(-1);
    if (last?.lastTxid === txid - 1) runs[runs.length - 1] = { ...last, lastTxid: txid, end: txid + 1 };
    else runs.push({ path, firstTxid: txid, lastTxid: txid, start: txid, end: txid + 1 });
  }
  return { name: { firstTxid, lastTxid }, path, epoch: 1, runs, tailBytes: 0, lastKnownTxid: lastTxid };
}

const kept = (runs: readonly Run[]): string => runs.map((run) => `${run.firstTxid}-${run.lastTxid}`).join(' ');

test('a whole log stays as it is', (t) => {
  const plan = planLog([segment(1, 10), segment(11, 20)], 12);
  t.deepEqual([plan.isSound, plan.lastTxid, plan.lastKnownTxid], [true, 20, 20]);
});

test('what is behind a hole is lost, unless the tables cover the hole', (t) => {
  const segments = [segment(1, 10), segment(11, 20, [15]), segment(21, 30)];
  const lost = planLog(segments, 12);
  t.deepEqual([kept(lost.runs), lost.lastTxid, lost.lastKnownTxid, lost.isSound], ['1-10 11-14', 14, 30, false]);
  const covered = planLog(segments, 15);
  t.deepEqual([kept(covered.runs), covered.lastTxid], ['16-20 21-30', 30]);
  t.is(planLog(segments, 20).isSound, true, 'a start does not read that segment');
});

test('a log that ends before the tables do is begun anew', (t) => {
  const plan = planLog([segment(1, 10)], 20);
  t.deepEqual([plan.runs, plan.lastTxid, plan.isSound], [[], 20, false]);
});

test('the same transactions once more, as an interrupted recovery leaves them, do no harm', (t) => {
  const plan = planLog([segment(1, 10), { ...segment(1, 10), name: { firstTxid: 1, lastTxid: undefined } }], 0);
  t.deepEqual([kept(plan.runs), plan.lastTxid, plan.isSound], ['1-10', 10, false]);
});

test('property: what is kept is intact, without a hole, follows the tables, and is as much as there can be', (t) => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 5 });
  const holes = fc.uniqueArray(fc.integer({ min: 1, max: 61 }), { maxLength: 6 });
  fc.assert(
    fc.property(cuts, holes, fc.integer({ min: 0, max: 61 }), (ends, damaged, appliedTxid) => {
      const bounds = [0, ...[...ends].sort((a, b) => a - b), 61];
      const segments = bounds.slice(1).flatMap((end, i) => {
        const begin = (bounds[i] as number) + 1;
        return begin > end ? [] : [segment(begin, end, damaged)];
      });
      const { runs, lastTxid, lastKnownTxid } = planLog(segments, appliedTxid);
      let expected = appliedTxid;
      while (expected < 61 && !damaged.includes(expected + 1)) expected++;
      const whole = runs.every((run, i) => i === 0 || run.firstTxid === (runs[i - 1] as Run).lastTxid + 1);
      const first = runs[0]?.firstTxid ?? appliedTxid + 1;
      return whole && first <= appliedTxid + 1 && lastTxid === expected && lastKnownTxid === 61;
    }),
  );
  t.pass();
});
