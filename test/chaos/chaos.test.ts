/** Short runs of what `npm run chaos` does for as long as you like. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { resultOf, waitFor } from '../cluster/harness.js';

const SEED = '20';

function spawnChaos(minutes: string): ChildProcess {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  return spawn(process.execPath, ['--import=tsx', main, '--minutes', minutes, '--seed', SEED]);
}

test.serial(`real processes, links and disks that fail under load lose nothing (seed ${SEED})`, async (t) => {
  t.timeout(300_000);
  const child = spawnChaos('0.25');
  t.teardown(() => child.kill('SIGTERM'));
  const { code, stdout, stderr } = await resultOf(child);
  t.is(code, 0, `${stdout}\n${stderr}`);
  t.log(stdout.slice(stdout.indexOf('Faults, and to whom')));
  t.regex(stdout, /lost bytes = 0, violations = 0\n$/);
  t.regex(stdout, /[1-9][0-9]* +replicas\n/, 'it was a real run');
});

test.serial('a run that is interrupted leaves nothing behind', async (t) => {
  const child = spawnChaos('1');
  t.teardown(() => child.kill('SIGTERM'));
  let output = '';
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString();
  });
  const result = resultOf(child);
  await waitFor(() => / of (the NameNode|DataNode)|link|disk|->/.test(output), 'a fault');
  child.kill('SIGINT');
  const { code, stderr } = await result;
  t.is(code, 130, stderr);
  const directory = /-- in (\S+)/.exec(output)?.[1] ?? '';
  t.false(existsSync(directory), directory);
  t.false(readFileSync('/proc/mounts', 'utf8').includes(`${directory}/`));
  const names = await readdir('/run/netns').catch(() => []);
  t.deepEqual(
    names.filter((name) => name.startsWith(`dfs-${child.pid}-`)),
    [],
  );
});
