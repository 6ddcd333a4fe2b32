/**
 * `npm run mutants`: plants one bug after the other in a copy of the sources and has the simulator look for it, with the same seeds for each.
 *
 *     npm run mutants                             every bug, 20 seeds for each
 *     npm run mutants -- --seeds 100 --from 1000  other seeds, and more of them
 *     npm run mutants -- --only ack-before-sync   one bug, with the violations that it leads to
 *     npm run mutants -- --first                  no further seeds for a bug that has been found
 *
 * Without a bug the same seeds must find nothing: that is tried first. The exit code is 1 when a bug was not found.
 */
import { parseArgs } from 'node:util';
import { MUTANTS, type Mutant } from './mutants.js';
import { Plantation } from './planting.js';
import type { Outcome } from './trial.js';
import { outcomes } from './trials.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    only: { type: 'string' },
    first: { type: 'boolean', default: false },
  },
});

/** What the seeds found of one bug. */
interface Finding {
  readonly tried: number;
  readonly found: readonly Outcome[];
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const chosen = values.only === undefined ? MUTANTS : MUTANTS.filter(({ name }) => name === values.only);
  if (chosen.length === 0) throw new Error(`there is no mutant ${values.only}: ${MUTANTS.map(({ name }) => name)}`);
  const plantation = new Plantation();
  try {
    const clean = await search(plantation);
    if (clean.found.length > 0) {
      print('without a planted bug, these seeds must find nothing:');
      for (const outcome of clean.found) print(describe(outcome));
      return false;
    }
    print('| planted bug | what does not hold | found by seeds | first | what found it |');
    print('| --- | --- | --- | --- | --- |');
    let found = 0;
    for (const mutant of chosen) if (await isFound(plantation, mutant)) found++;
    print(`\n${found} of ${chosen.length} planted bugs found`);
    return found === chosen.length;
  } finally {
    plantation.remove();
  }
}

async function isFound(plantation: Plantation, mutant: Mutant): Promise<boolean> {
  const takeOut = plantation.plant(mutant);
  const { tried, found } = await search(plantation);
  takeOut();
  const [first] = found;
  const share = `${found.length} of ${tried}`;
  const by = [...new Set(found.map(({ foundBy }) => foundBy))].join(', ');
  print(`| ${mutant.name} | ${mutant.breaks} | ${share} | ${first?.seed ?? '-'} | ${by || 'nothing'} |`);
  if (values.only !== undefined) for (const outcome of found) print(describe(outcome));
  return found.length > 0;
}

/** Simulates the sources as they are now. */
async function search(plantation: Plantation): Promise<Finding> {
  const from = wholeNumber('from', values.from);
  const found: Outcome[] = [];
  let tried = 0;
  for await (const outcome of outcomes(plantation.directory, from, from + wholeNumber('seeds', values.seeds))) {
    tried++;
    if (outcome.foundBy !== null) found.push(outcome);
    if (values.first && found.length > 0) break;
  }
  return { tried, found };
}

function describe({ seed, foundBy, violation }: Outcome): string {
  return `  seed ${seed}, ${foundBy}: ${violation.split('\n')[0]}`;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return value;
}
