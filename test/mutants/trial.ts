/** Runs in a copy of the sources: simulates one seed after the other and prints what became of each, a line of JSON for each. */
import { DEFAULT_FAULTY_MS, drawOptions } from '../sim/options.js';
import { simulate } from '../sim/simulation.js';

export interface Outcome {
  readonly seed: number;
  /** Which checker has found a violation; null when none has. */
  readonly foundBy: string | null;
  /** The first violation, as text. */
  readonly violation: string;
}

/** As long as in seeds.test.ts: what is found here, npm test would find. */
const FAULTY_MS = DEFAULT_FAULTY_MS / 2;

process.once('SIGTERM', () => process.exit(1));
const [first, end] = process.argv.slice(2).map(Number) as [number, number];
for (let seed = first; seed < end; seed++) {
  const { foundBy = null, violations } = await simulate(drawOptions(seed, FAULTY_MS));
  const outcome: Outcome = { seed, foundBy, violation: violations[0] ?? '' };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
