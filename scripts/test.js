/** `npm test [-- AVA's arguments]`: installs and builds what is missing, checks, runs all tests; ends with `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AvaResults } from './ava-results.js';
import { ensureBuilt } from './build.js';
import { failedChecks } from './check.js';
import { ensureInstalled, ROOT } from './requirements.js';

/**
 * Shows what AVA prints while it runs.
 * @param {string[]} args
 */
async function runAva(args) {
  const results = new AvaResults();
  const color = process.stdout.isTTY ? ['--color'] : [];
  const ava = spawn(process.execPath, [join(ROOT, 'node_modules/ava/entrypoints/cli.mjs'), ...color, ...args], {
    cwd: ROOT,
    // AVA draws other marks on the bare Linux console; the counting knows one set.
    env: { ...process.env, TERM: process.env['TERM'] === 'linux' ? 'xterm' : process.env['TERM'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(ava, 'close');
  for await (const line of createInterface({ input: ava.stdout })) {
    results.read(line);
    process.stdout.write(`${line}\n`);
  }
  const [exitCode, signal] = await ended;
  results.end(signal ?? exitCode);
  return results;
}

ensureInstalled();
ensureBuilt();
const failedCheckNames = failedChecks();
const results = await runAva(process.argv.slice(2));
for (const name of failedCheckNames) results.fail(`check: ${name}`);

const failures = results.failures.map((what) => `  ✘ ${what}\n`).join('');
process.stdout.write(failures === '' ? '\n' : `\nFailed:\n${failures}\n`);
process.stdout.write(`${results.summary()}\n`);
process.exitCode = results.failed === 0 ? 0 : 1;
