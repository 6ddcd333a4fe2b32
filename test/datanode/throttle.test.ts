import test from 'ava';
import fc from 'fast-check';
import { Throttle } from '../../datanode/throttle.js';

test('over any time no more than the rate and one burst gets through', (t) => {
  const step = fc.record({ bytes: fc.integer({ min: 0, max: 200_000 }), idleMs: fc.nat(3000) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 7 }), fc.nat(10 ** 6), fc.array(step), (rate, burst, steps) => {
      const throttle = new Throttle(rate, burst, 0);
      let nowMs = 0;
      let total = 0;
      for (const { bytes, idleMs } of steps) {
        nowMs += idleMs;
        nowMs += throttle.take(bytes, nowMs);
        total += bytes;
        t.true(total <= (nowMs / 1000) * rate + burst + 1);
      }
    }),
  );
});

test('work that never pauses gets exactly the rate', (t) => {
  const throttle = new Throttle(1000, 500, 0);
  let nowMs = 0;
  for (let i = 0; i < 100; i++) nowMs += throttle.take(70, nowMs);
  t.is(Math.round(nowMs), 7000);
});

test('a clock that stands still or goes back earns nothing', (t) => {
  const throttle = new Throttle(1000, 500, 1000);
  t.is(throttle.take(100, 1000), 100);
  t.is(throttle.take(0, 500), 100);
});
