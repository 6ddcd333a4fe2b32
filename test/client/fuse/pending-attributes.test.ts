import test from 'ava';
import { PendingAttributes } from '../../../client/fuse/pending-attributes.js';
import { FakeClock } from '../../support/fake-clock.js';

test('what is pending is in force here until it is taken', (t) => {
  const pending = new PendingAttributes(new FakeClock());
  t.deepEqual(pending.local, {});
  t.is(pending.take(), undefined);
  pending.setTimes({ accessTimeMs: 1, accessTimeNs: 2 });
  pending.setTimes({ modificationTimeMs: 3 });
  pending.setMode(0o640, () => {});
  const times = { accessTimeMs: 1, accessTimeNs: 2, modificationTimeMs: 3, modificationTimeNs: 0 };
  t.deepEqual(pending.local, { mode: 0o640, ...times });
  t.deepEqual(pending.take(), { mode: 0o640, times });
  t.deepEqual(pending.local, {});
  t.is(pending.take(), undefined);
});

test('writing takes back a time of modification, and no other', (t) => {
  const pending = new PendingAttributes(new FakeClock());
  pending.setTimes({ modificationTimeMs: 3, accessTimeMs: 1 });
  pending.forgetModificationTime();
  t.deepEqual(pending.local, { accessTimeMs: 1, accessTimeNs: 0 });
});

test('a mode does not wait for longer than half a second; one that was taken is not due', async (t) => {
  const clock = new FakeClock();
  const pending = new PendingAttributes(clock);
  const due: number[] = [];
  pending.setMode(0o600, () => due.push(1));
  await clock.advance(300);
  pending.setMode(0o640, () => due.push(2));
  await clock.advance(200);
  t.deepEqual(due, [1]);
  t.is(pending.takeMode(), 0o640);
  pending.setMode(0o644, () => due.push(3));
  t.deepEqual(pending.take(), { mode: 0o644, times: {} });
  await clock.advance(1_000);
  t.deepEqual(due, [1]);
  t.is(clock.pendingTimers, 0);
});
