import test from 'ava';
import { DEFAULT_FAULTY_MS, drawOptions, withoutFaults } from './options.js';
import { simulate } from './simulation.js';

/** More of them, for longer: `npm run sim`. */
const SEEDS = 200;
const SEEDS_PER_TEST = 10;
const SEEDS_TWICE = [3, 9, 18];

test.serial('a cluster without faults does what it is asked to', async (t) => {
  const { violations, operations, faults } = await simulate(withoutFaults(drawOptions(1, 30_000)));
  t.deepEqual(violations, []);
  t.true(operations > 10);
  t.deepEqual(faults, {});
});

for (let first = 1; first <= SEEDS; first += SEEDS_PER_TEST) {
  const last = first + SEEDS_PER_TEST - 1;
  test.serial(`whatever fails, nothing acknowledged is lost, and all heals (seeds ${first} to ${last})`, async (t) => {
    t.timeout(600_000);
    for (let seed = first; seed <= last; seed++) {
      const { violations } = await simulate(drawOptions(seed, DEFAULT_FAULTY_MS / 2));
      t.deepEqual(violations, [], `npm run sim -- --seed ${seed} --hours ${DEFAULT_FAULTY_MS / 2 / 3_600_000}`);
    }
  });
}

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
