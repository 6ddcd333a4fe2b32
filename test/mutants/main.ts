/**
 * `npm run mutants`: plants one bug after the other in a copy of the sources and has the simulator look for it, with the same seeds for each.
 *
 *     npm run mutants                             every bug, with 24 seeds
 *     npm run mutants -- --seeds 100 --from 1000  other seeds, and more of them
 *     npm run mutants -- --only ack-before-sync   one bug (or several, separated by commas), with the violations that it leads to
 *     npm run mutants -- --first                  no further seeds for a bug that has been found
 *
 * A seed that has found something must find nothing without the bug: that is tried in the end. The exit code is 1 when it does, or when a bug was
 * not found.
 */
import { parseArgs } from 'node:util';
import { MUTANTS, type Mutant } from './mutants.js';
import { Plantation } from './planting.js';
import type { Outcome } from './trial.js';
import { outcomes } from './trials.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '24' },
    from: { type: 'string', default: '1' },
    only: { type: 'string' },
    first: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const only = values.only?.split(',');
  const unknown = only?.find((wanted) => !MUTANTS.some(({ name }) => name === wanted));
  if (unknown !== undefined)
    throw new Error(`there is no bug "${unknown}": ${MUTANTS.map(({ name }) => name).join(', ')}`);
  const chosen = MUTANTS.filter(({ name }) => only === undefined || only.includes(name));
  const plantation = new Plantation();
  process.once('SIGINT', () => {
    plantation.remove();
    process.exit(130);
  });
  const seeds = new Set<number>();
  try {
    print('| planted bug | what does not hold | found by seeds | first | what found it |');
    print('| --- | --- | --- | --- | --- |');
    let found = 0;
    for (const mutant of chosen) {
      const outcomesOfIt = await look(plantation, mutant);
      for (const { seed } of outcomesOfIt) seeds.add(seed);
      if (outcomesOfIt.length > 0) found++;
    }
    print(`\n${found} of ${chosen.length} planted bugs found`);
    return (await areClean(plantation, seeds)) && found === chosen.length;
  } finally {
    plantation.remove();
  }
}

/** Plants the bug; returns the seeds that found it. */
async function look(plantation: Plantation, mutant: Mutant): Promise<readonly Outcome[]> {
  const takeOut = plantation.plant(mutant);
  const from = wholeNumber('from', values.from);
  const found: Outcome[] = [];
  let tried = 0;
  for await (const outcome of outcomes(plantation.directory, from, from + wholeNumber('seeds', values.seeds))) {
    tried++;
    if (outcome.foundBy !== null) found.push(outcome);
    if (values.first && found.length > 0) break;
  }
  takeOut();
  const by = [...new Set(found.map(({ foundBy }) => foundBy))].join(', ') || 'nothing';
  print(`| ${mutant.name} | ${mutant.breaks} | ${found.length} of ${tried} | ${found[0]?.seed ?? '-'} | ${by} |`);
  if (values.only !== undefined) for (const outcome of found) print(describe(outcome));
  return found;
}

/** Whether the seeds find nothing where there is nothing to be found. */
async function areClean(plantation: Plantation, seeds: ReadonlySet<number>): Promise<boolean> {
  const failed: Outcome[] = [];
  for (const seed of seeds) {
    for await (const outcome of outcomes(plantation.directory, seed, seed + 1))
      if (outcome.foundBy !== null) failed.push(outcome);
  }
  print(`${seeds.size - failed.length} of the ${seeds.size} seeds that found something find nothing without a bug`);
  for (const outcome of failed) print(describe(outcome));
  return failed.length === 0;
}

function describe({ seed, foundBy, violation }: Outcome): string {
  return `  seed ${seed}, ${foundBy}: ${violation.split('\n')[0]}`;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return value;
}
