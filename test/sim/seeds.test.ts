import test from 'ava';
import { DEFAULT_FAULTY_MS, drawOptions, withoutFaults } from './options.js';
import { simulate } from './simulation.js';

/** More of them, for longer: `npm run sim`. */
const SEEDS = 24;
const SEEDS_TWICE = [3, 9, 18];

test.serial('a cluster without faults does what it is asked to', async (t) => {
  const { violations, operations, faults } = await simulate(withoutFaults(drawOptions(1, 30_000)));
  t.deepEqual(violations, []);
  t.true(operations > 10);
  t.deepEqual(faults, {});
});

test.serial('whatever fails, nothing acknowledged is lost, and all heals', async (t) => {
  t.timeout(180_000);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations } = await simulate(drawOptions(seed, DEFAULT_FAULTY_MS / 2));
    t.deepEqual(violations, [], `npm run sim -- --seed ${seed} --hours ${DEFAULT_FAULTY_MS / 2 / 3_600_000}`);
  }
});

test.serial('the same seed gives the same run, watched or not', async (t) => {
  t.timeout(120_000);
  for (const seed of SEEDS_TWICE) {
    const options = drawOptions(seed, DEFAULT_FAULTY_MS / 4);
    const first = await simulate(options);
    const second = await simulate(options, { onLog: () => {} });
    t.is(first.traceHash, second.traceHash, `seed ${seed}`);
    t.is(first.events, second.events);
    t.deepEqual(first.faults, second.faults);
  }
});
