import test from 'ava';
import { BatchPace } from '../../../namenode/storage/batch-pace.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openJournalFixture } from '../support/journal-fixture.js';

/** A pace after a batch of `operations` that began now. */
function paceAfter(operations: number): { clock: FakeClock; pace: BatchPace; begun: () => boolean } {
  const clock = new FakeClock();
  const pace = new BatchPace(clock, 4);
  pace.took(operations, 0);
  let isBegun = false;
  void pace.turn().then(() => (isBegun = true));
  return { clock, pace, begun: () => isBegun };
}

test('what somebody waits for begins a batch at once', async (t) => {
  const { clock, pace, begun } = paceAfter(100);
  pace.arrived(false);
  await clock.advance(0);
  t.true(begun());
  t.is(clock.pendingTimers, 0);
});

test('reports wait for the interval, or until somebody begins a batch', async (t) => {
  const alone = paceAfter(1);
  alone.pace.arrived(true);
  await alone.clock.advance(3);
  t.false(alone.begun());
  await alone.clock.advance(1);
  t.true(alone.begun());
  const joined = paceAfter(1);
  joined.pace.arrived(true);
  joined.pace.arrived(false);
  await joined.clock.advance(0);
  t.true(joined.begun());
});

test('among batches of several operations with reports, everybody waits for the interval', async (t) => {
  const { clock, pace, begun } = paceAfter(5);
  pace.arrived(true);
  pace.arrived(false);
  await clock.advance(3);
  t.false(begun());
  await clock.advance(1);
  t.true(begun());
  pace.took(5, 0);
  let isBegun = false;
  await clock.advance(100);
  void pace.turn().then(() => (isBegun = true));
  await clock.advance(0);
  t.true(isBegun, 'the last report is long past');
});

test('a journal that is paused or closed waits for nobody', async (t) => {
  const fixture = openJournalFixture({ clock: new FakeClock(), batchIntervalMs: 4 });
  const { journal } = fixture;
  const done: string[] = [];
  const run = (name: string): Promise<unknown> => journal.mutate(() => done.push(name), 'report');
  await run('first');
  const paused = run('paused');
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(done, ['first']);
  await journal.whilePaused(async () => {});
  await paused;
  const closed = run('closed');
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(done, ['first', 'paused']);
  await fixture.close();
  await closed;
  t.deepEqual(done, ['first', 'paused', 'closed']);
});
