import test from 'ava';
import fc from 'fast-check';
import { LazyTimer } from '../../common/lazy-timer.js';
import { FakeClock } from '../support/fake-clock.js';

type Step = { arm: number } | { disarm: true } | { wait: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.nat(50).map((arm) => ({ arm })),
  fc.constant({ disarm: true as const }),
  fc.nat(60).map((wait) => ({ wait })),
);

/** When the calls come, if a timer were set anew each time. */
function expectedCalls(steps: readonly Step[]): number[] {
  const calls: number[] = [];
  let nowMs = 0;
  let deadlineMs: number | undefined;
  for (const step of steps) {
    if ('arm' in step) deadlineMs = step.arm === 0 ? undefined : nowMs + step.arm;
    else if ('disarm' in step) deadlineMs = undefined;
    else {
      nowMs += step.wait;
      if (deadlineMs !== undefined && deadlineMs <= nowMs) {
        calls.push(deadlineMs);
        deadlineMs = undefined;
      }
    }
  }
  return calls;
}

test('it fires when a timer that is set anew each time would', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 20 }), async (steps) => {
      const clock = new FakeClock();
      const calls: number[] = [];
      const timer = new LazyTimer(clock, () => calls.push(clock.monotonicMs()));
      for (const step of steps) {
        if ('arm' in step) timer.arm(step.arm);
        else if ('disarm' in step) timer.disarm();
        else await clock.advance(step.wait);
      }
      t.deepEqual(calls, expectedCalls(steps));
      timer.cancel();
      t.is(clock.pendingTimers, 0);
    }),
  );
});

test('a thousand waits in a row set one timer', (t) => {
  let timersSet = 0;
  const clock = new FakeClock();
  const after = clock.after.bind(clock);
  clock.after = (delayMs, callback) => {
    timersSet++;
    return after(delayMs, callback);
  };
  const timer = new LazyTimer(clock, () => {});
  for (let i = 0; i < 1000; i++) {
    timer.arm(60_000);
    timer.disarm();
  }
  t.is(timersSet, 1);
});
