/** A short run of what `npm run chaos` does for as long as you like. */
import test from 'ava';
import { runChaos } from './run.js';

const SEED = 20;

test(`real processes under load that are killed, stopped and damaged lose nothing (seed ${SEED})`, async (t) => {
  t.timeout(300_000);
  const lines: string[] = [];
  const { violations, verified, faults, operations } = await runChaos({
    seed: SEED,
    durationMs: 20_000,
    log: (line) => lines.push(line),
  });
  t.log(faults, operations, verified);
  t.deepEqual(violations, [], `npm run chaos -- --minutes 0.5 --seed ${SEED}\n${lines.join('\n')}`);
  t.is(verified.lost, 0);
  t.true(verified.files > 0 && verified.replicas > 0 && Object.keys(faults).length > 0, 'it was a real run');
});
