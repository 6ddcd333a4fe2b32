import test from 'ava';
import { FOUND_SEEDS } from './found-seeds.js';
import { drawOptions } from './options.js';
import { simulate } from './simulation.js';

const HOUR_MS = 3_600_000;

for (const { seed, faultyMs, found } of FOUND_SEEDS) {
  test.serial(`seed ${seed}, which has found ${found}, finds nothing any more`, async (t) => {
    t.timeout(300_000);
    const { violations } = await simulate(drawOptions(seed, faultyMs));
    t.deepEqual(violations, [], `npm run sim -- --seed ${seed} --hours ${faultyMs / HOUR_MS}`);
  });
}
