import test from 'ava';
import { withDeadline } from '../../common/deadline.js';
import { DfsError } from '../../common/errors.js';
import { FakeClock } from '../support/fake-clock.js';

function never(): Promise<never> {
  return new Promise(() => {});
}

test('work that ends in time gives its result and leaves nothing behind', async (t) => {
  const clock = new FakeClock();
  const controller = new AbortController();
  let given: AbortSignal | undefined;
  const result = await withDeadline(
    clock,
    100,
    controller.signal,
    async (signal) => {
      given = signal;
      return 'done';
    },
    'working',
  );
  t.is(result, 'done');
  t.is(clock.pendingTimers, 0);
  controller.abort();
  t.false(given?.aborted);
});

test('work that takes too long is told to stop, and rejected by its name', async (t) => {
  const clock = new FakeClock();
  let given: AbortSignal | undefined;
  const result = t.throwsAsync(
    withDeadline(
      clock,
      100,
      undefined,
      (signal) => {
        given = signal;
        return never();
      },
      'reading blk_1_2 from 10.0.0.7:9866',
    ),
    { name: 'Timeout', message: 'reading blk_1_2 from 10.0.0.7:9866 took longer than 100 ms' },
  );
  await clock.advance(99);
  t.false(given?.aborted);
  await clock.advance(1);
  await result;
  t.true(given?.aborted);
});

test('an abort stops the work at once', async (t) => {
  const clock = new FakeClock();
  const controller = new AbortController();
  let given: AbortSignal | undefined;
  const result = t.throwsAsync(
    withDeadline(
      clock,
      100,
      controller.signal,
      (signal) => {
        given = signal;
        return never();
      },
      'reading',
    ),
    { name: 'Cancelled', message: 'reading was cancelled' },
  );
  controller.abort();
  await result;
  t.true(given?.aborted);
  t.is(clock.pendingTimers, 0);
});

test('an abort for a reason that is an error of ours keeps the reason', async (t) => {
  const controller = new AbortController();
  const reason = new DfsError('LeaseExpired', 'the lease is gone');
  const result = withDeadline(new FakeClock(), 100, controller.signal, never, 'writing');
  controller.abort(reason);
  await t.throwsAsync(result, { is: reason });
});

test('work is not begun when the signal has aborted before', async (t) => {
  let begun = false;
  const work = async () => {
    begun = true;
  };
  await t.throwsAsync(withDeadline(new FakeClock(), 100, AbortSignal.abort(), work, 'reading'), { name: 'Cancelled' });
  t.false(begun);
});

test('work that fails rejects with its own error', async (t) => {
  const clock = new FakeClock();
  const error = new DfsError('Corrupt', 'bad bytes');
  await t.throwsAsync(
    withDeadline(clock, 100, undefined, () => Promise.reject(error), 'reading'),
    { is: error },
  );
  t.is(clock.pendingTimers, 0);
});

test('work that fails after its deadline disturbs nobody', async (t) => {
  const clock = new FakeClock();
  const work = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped late'))));
  const result = t.throwsAsync(withDeadline(clock, 100, undefined, work, 'reading'), { name: 'Timeout' });
  await clock.advance(100);
  await result;
});
