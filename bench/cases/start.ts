/** How long a person waits: for `dfs ls` of a new process, and from `npm start` to the first file that is put. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freeBasePort } from '../cluster.js';
import type { BenchContext } from '../context.js';
import { type Row, rowOf } from '../report.js';
import { seconds } from '../statistics.js';
import type { Stoppable } from '../tear-down.js';
import { waitUntil } from '../wait.js';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const STARTS = 7;
const DATANODES = 3;

export async function coldCommand(context: BenchContext): Promise<Row[]> {
  const { cluster } = await context.shared();
  const { ls, node } = await context.byTurns(
    {
      ls: async () => 1000 * (await seconds(() => cluster.dfs('ls', '/'))),
      node: async () => 1000 * (await seconds(() => run(process.execPath, ['-e', '0']))),
    },
    STARTS,
  );
  const note = 'a new process; limit: `node -e 0`';
  return [rowOf('`dfs ls` from cold', 'ms', { ours: ls, limit: node }, { note, headline: true })];
}

/** `npm start` in a process group of its own, with its data in `directory`. */
function npmStart(directory: string, basePort: number): Stoppable {
  const place = ['--dir', join(directory, 'data'), '--base-port', String(basePort)];
  const child = spawn('npm', ['start', '--', ...place], { cwd: ROOT, stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  return {
    async stop() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** One start on an empty directory. */
async function startToFirstPut(context: BenchContext): Promise<number> {
  const directory = await mkdtemp(join(context.options.dir, 'bench-start-'));
  const basePort = await freeBasePort(DATANODES);
  const local = join(directory, 'file');
  await writeFile(local, 'first');
  const put = ['bin/dfs.js', 'put', local, '/first'];
  const env = { ...process.env, DFS_NAMENODE: `127.0.0.1:${basePort}` };
  const isPut = (): Promise<boolean> =>
    run(process.execPath, put, { cwd: ROOT, env }).then(
      () => true,
      () => false,
    );
  const start = performance.now();
  const started = await context.take(Promise.resolve(npmStart(directory, basePort)));
  await waitUntil('a file can be put', isPut);
  const elapsed = (performance.now() - start) / 1000;
  await context.stop(started);
  return elapsed;
}

export async function firstStart(context: BenchContext): Promise<Row[]> {
  const samples: number[] = [];
  for (let i = 0; i < context.options.rounds; i++) samples.push(await startToFirstPut(context));
  const note = 'on an empty directory, everything built; the time of `dfs put` included';
  return [rowOf('`npm start` to the first successful put', 's', { ours: samples }, { note, headline: true })];
}
