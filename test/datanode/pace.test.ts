import test from 'ava';
import { Pace } from '../../datanode/pace.js';
import { FakeClock } from '../support/fake-clock.js';

test('all users together keep to the rate, and a new rate holds at once', async (t) => {
  const clock = new FakeClock();
  const pace = new Pace(1_000, clock);
  const { signal } = new AbortController();
  let sent = 0;
  const copy = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      sent += 100;
      await pace.rest(100, signal);
    }
  };
  const copies = Promise.all([copy(), copy()]);
  await clock.advance(1_000);
  t.true(sent >= 900 && sent <= 1_300, `${sent} bytes in a second`);
  await clock.advance(1_500);
  t.is(sent, 2_000);
  await copies;
  pace.change(1_000_000);
  t.is(pace.bytesPerSecond, 1_000_000);
  await pace.rest(0, signal);
  sent = 0;
  const fast = copy();
  await clock.advance(10);
  t.is(sent, 1_000);
  await fast;
});

test('who rests can be stopped', async (t) => {
  const pace = new Pace(1, new FakeClock());
  const stop = new AbortController();
  const resting = pace.rest(1_000, stop.signal);
  stop.abort(new Error('stopped'));
  await t.throwsAsync(resting, { message: 'stopped' });
});
