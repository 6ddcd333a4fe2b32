/**
 * `npm run chaos -- --minutes M --seed N`: ends with exit code 1 when anything was lost, or done that must not be.
 *
 * This process makes what has to be taken away at the end, whatever happens: a directory for processes and disks, and the network. The run
 * itself (run-main.ts) is a process of its own, on the host `client` of that network.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemRandom } from '../../common/random.js';
import { clearAway, startWatchdog } from '../cluster/support/clear-away.js';
import { whyNoDiskImages } from '../cluster/support/disk-image.js';
import { hostNames } from '../cluster/support/machines.js';
import { LoopbackHosts, PrivateNetwork, whyNoNetwork } from '../cluster/support/private-network.js';
import { DATANODES } from './cluster.js';
import type { RunOptions } from './run-main.js';

const RUN = fileURLToPath(new URL('run-main.ts', import.meta.url));
const LOOPBACK_NETWORKS = 16_384;

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= min) return value;
  process.stderr.write(`--${name} takes a number of at least ${min}, not "${text}"\n`);
  process.exit(2);
}

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
});
const minutes = numberOf('minutes', values.minutes, 0.1);
const seed = values.seed === undefined ? systemRandom.int(1_000_000) : numberOf('seed', values.seed, 0);
const command = `npm run chaos -- --minutes ${minutes} --seed ${seed}`;
const directory = mkdtempSync(join(tmpdir(), 'dfs-chaos-'));
const watchdog = startWatchdog(directory);
process.stdout.write(`${command} # -- in ${directory}\n`);

const whyNoDisks = whyNoDiskImages();
if (whyNoNetwork !== undefined)
  process.stdout.write(`NOT DONE: cutting links, as network name spaces cannot be made here (${whyNoNetwork})\n`);
if (whyNoDisks !== undefined)
  process.stdout.write(`NOT DONE: full and failing disks, as disk images cannot be mounted here (${whyNoDisks})\n`);

const built = whyNoNetwork === undefined ? await PrivateNetwork.build(hostNames(DATANODES)) : undefined;
const options: RunOptions = {
  seed,
  minutes,
  directory,
  images: whyNoDisks === undefined,
  network: built?.network.prefix ?? systemRandom.int(LOOPBACK_NETWORKS),
};
const hosts = built?.network ?? new LoopbackHosts(Number(options.network), hostNames(DATANODES));
const [program = '', ...args] = hosts.command('client', [
  process.execPath,
  '--import=tsx',
  RUN,
  JSON.stringify(options),
]);
const run = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    run.kill('SIGKILL');
  });
}
const [code] = (await once(run, 'close')) as [number | null];
await built?.clear();
await clearAway(directory);
watchdog.kill('SIGKILL');
if (interrupted) {
  process.stderr.write('Interrupted: nothing was verified, and everything was taken away.\n');
  process.exitCode = 130;
} else if (code !== 0) {
  process.stderr.write(`Failed. The same faults again: ${command}\n`);
  process.exitCode = 1;
}
