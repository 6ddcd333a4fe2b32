import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { MUTANTS } from './mutants.js';
import { Plantation } from './planting.js';

function newPlantation(t: { teardown(action: () => void): void }): Plantation {
  const plantation = new Plantation();
  t.teardown(() => plantation.remove());
  return plantation;
}

test('every bug can be planted, and together they still make a program', (t) => {
  const plantation = newPlantation(t);
  for (const mutant of MUTANTS) t.notThrows(() => plantation.plant(mutant));
  const tsc = join(plantation.directory, 'node_modules/typescript/bin/tsc');
  const unused = ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', '.', ...unused], {
    cwd: plantation.directory,
    encoding: 'utf8',
  });
  t.is(status, 0, stdout);
});

test('a bug that is taken out again leaves no trace, and one whose place is gone is refused', (t) => {
  const plantation = newPlantation(t);
  const [mutant] = MUTANTS;
  if (mutant === undefined) return t.fail('there are no mutants');
  plantation.plant(mutant)();
  plantation.plant(mutant);
  t.throws(() => plantation.plant(mutant), { message: /occurs 0 times/ });
});

test('mutants have names of their own', (t) => {
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
