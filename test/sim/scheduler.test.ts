import test from 'ava';
import { sleep } from '../../common/clock.js';
import { seededRandom } from '../../common/random.js';
import { Life } from './life.js';
import { EPOCH_MS, ProcessClock } from './process-clock.js';
import { Scheduler } from './scheduler.js';
import { Trace } from './trace.js';

const runAll = (scheduler: Scheduler): Promise<boolean> => scheduler.run(Number.POSITIVE_INFINITY, () => false);

test('events run in the order of their times, those of one time in the order in which they were asked for', async (t) => {
  const scheduler = new Scheduler();
  const random = seededRandom(1);
  const ran: [number, number][] = [];
  for (let i = 0; i < 1_000; i++) {
    const timeMs = random.int(50);
    scheduler.at(timeMs, 'event', () => ran.push([scheduler.nowMs, i]));
    if (i % 7 === 0) scheduler.at(timeMs, 'cancelled', () => t.fail()).cancel();
  }
  await runAll(scheduler);
  t.is(ran.length, 1_000);
  for (let i = 1; i < ran.length; i++) {
    const [[timeA, orderA], [timeB, orderB]] = [ran[i - 1] as [number, number], ran[i] as [number, number]];
    t.true(timeA < timeB || (timeA === timeB && orderA < orderB));
  }
});

test('time stands still until everything that an event set off has come to rest', async (t) => {
  const scheduler = new Scheduler();
  const seen: number[] = [];
  scheduler.at(1, 'first', () => {
    void (async () => {
      for (let i = 0; i < 100; i++) await Promise.resolve();
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
      seen.push(scheduler.nowMs);
    })();
  });
  scheduler.at(2, 'second', () => seen.push(scheduler.nowMs));
  await runAll(scheduler);
  t.deepEqual(seen, [1, 2]);
});

test('a run ends at its end time, and goes on from there', async (t) => {
  const scheduler = new Scheduler();
  let ran = 0;
  scheduler.at(5, 'early', () => ran++);
  scheduler.at(15, 'late', () => ran++);
  t.false(await scheduler.run(10, () => false));
  t.is(scheduler.nowMs, 10);
  t.is(ran, 1);
  t.true(await scheduler.run(20, () => ran === 2));
  t.is(scheduler.nowMs, 15);
});

test.serial('what waits for the real world is refused', async (t) => {
  const { readFile } = await import('node:fs/promises');
  const scheduler = new Scheduler();
  const reading = readFile('package.json');
  await t.throwsAsync(runAll(scheduler), { message: /waits for the real world/ });
  await reading;
});

test('the timers of a process end with it', async (t) => {
  const scheduler = new Scheduler();
  const life = new Life('p');
  const clock = new ProcessClock(scheduler, life, seededRandom(1), { skewMs: 0, drift: 0 });
  clock.after(10, () => t.fail());
  scheduler.at(5, 'crash', () => life.end());
  await runAll(scheduler);
  t.pass();
});

test('a clock may be wrong about the time of day, and run fast', async (t) => {
  const scheduler = new Scheduler();
  const clock = new ProcessClock(scheduler, new Life('p'), seededRandom(1), { skewMs: -5_000, drift: 0.1 });
  const startMs = clock.monotonicMs();
  t.is(clock.now(), EPOCH_MS - 5_000);
  let wokenMs = 0;
  void sleep(clock, 1_100).then(() => {
    wokenMs = scheduler.nowMs;
  });
  await runAll(scheduler);
  t.true(wokenMs >= 1_000 && wokenMs < 1_002);
  t.true(clock.monotonicMs() - startMs >= 1_100);
  t.is(clock.pendingTimers, 0);
});

test('the same things noted in the same order give the same hash, anything else another', (t) => {
  const hashOf = (...things: readonly [string, string | number][]): string => {
    const trace = new Trace(() => 1.5);
    for (const [what, detail] of things) trace.note(what, detail);
    return trace.hash;
  };
  t.is(hashOf(['a', 1], ['b', 'x']), hashOf(['a', 1], ['b', 'x']));
  t.not(hashOf(['a', 1], ['b', 'x']), hashOf(['b', 'x'], ['a', 1]));
  t.not(hashOf(['a', 1]), hashOf(['a', 2]));
  t.not(hashOf(['ab', 'c']), hashOf(['a', 'bc']));
});
