/**
 * `node scripts/build.js && npx tsx bench/mount-builds.ts --other CHECKOUT [--dir DIR] [--files N] [--rounds N] [--only PATTERN]`, as root: small requests and small files through the mount of this
 * checkout and through that of another one (with its own `dist/`), by turns on one cluster of this checkout. Beside each speed stands the processor time that the
 * mount's process and the NameNode took.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { mountedAt } from '../client/fuse/mount-table.js';
import { MIB, makeFile } from './cases/large-file.js';
import { type Figure, manyFiles, operations, prepareMountedInputs, randomReads } from './cases/mounted.js';
import { type BenchCluster, startBenchCluster } from './cluster.js';
import { processorMs } from './processes.js';
import { asMarkdown, newReport, rowOf } from './report.js';
import { waitUntil } from './wait.js';

const HERE = new URL('..', import.meta.url).pathname;
const LARGE_MIB = 256;

interface ServedMount {
  readonly directory: string;
  readonly process: ChildProcess;
}

async function serve(cluster: BenchCluster, checkout: string, name: string): Promise<ServedMount> {
  const directory = join(cluster.dir, name);
  await mkdir(directory);
  const staging = `dfs.client.mount.staging.dir=${join(cluster.dir, `staging-${name}`)}`;
  const options = ['--foreground', '--namenode', cluster.namenode, '--driver', 'kernel', '-D', staging];
  const profile = process.env.MOUNT_NODE_OPTIONS?.split(' ') ?? [];
  const child = spawn(process.execPath, [...profile, join(checkout, 'bin/dfs.js'), 'mount', directory, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await waitUntil(`the mount of ${checkout}`, async () => (await mountedAt(directory)) !== undefined);
  return { directory, process: child };
}

async function end({ process: child }: ServedMount): Promise<void> {
  const ended = new Promise((resolveEnd) => child.once('exit', resolveEnd));
  child.kill('SIGTERM');
  await ended;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      other: { type: 'string' },
      dir: { type: 'string', default: process.cwd() },
      files: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const report = newReport(values.dir);
  report.peer = 'the other build';
  const scratch = await mkdtemp(join(values.dir, 'bench-builds-'));
  const checkouts = { ours: HERE, other: resolve(values.other ?? HERE) };
  const runs: Record<keyof typeof checkouts, Figure[][]> = { ours: [], other: [] };
  try {
    const large = join(scratch, 'source.bin');
    await makeFile(large, LARGE_MIB * MIB);
    const inputs = await prepareMountedInputs(scratch, large, LARGE_MIB, Number(values.files));
    const cluster = await startBenchCluster(values.dir, 3, {});
    const mounts: Partial<Record<keyof typeof checkouts, ServedMount>> = {};
    try {
      const { namenode } = await cluster.status();
      await cluster.dfs('put', large, '/large');
      for (const side of ['ours', 'other'] as const) mounts[side] = await serve(cluster, checkouts[side], side);
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const side of round % 2 === 0 ? (['ours', 'other'] as const) : (['other', 'ours'] as const)) {
          const mount = mounts[side] as ServedMount;
          const pids = { mount: mount.process.pid as number, NameNode: namenode.pid };
          const directory = join(mount.directory, `round-${side}-${round}`);
          await mkdir(directory);
          runs[side].push([
            ...(await withProcessor(pids, () => randomReads(join(mount.directory, 'large')))),
            ...(await withProcessor(pids, () => operations(directory))),
            ...(await withProcessor(pids, () => manyFiles(directory, inputs))),
          ]);
          await rm(directory, { recursive: true });
        }
      }
    } finally {
      for (const mount of Object.values(mounts)) await end(mount);
      await cluster.stop();
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
  for (const [i, { what, unit }] of (runs.ours[0] ?? []).entries()) {
    const of = (side: keyof typeof checkouts) => runs[side].map((figures) => figures[i]?.value ?? Number.NaN);
    report.rows.push(rowOf(what, unit, { ours: of('ours'), peer: of('other') }));
  }
  console.log(asMarkdown(report));
}

/** The figures that `work` measured, and what it took of the processors. */
async function withProcessor(pids: Record<string, number>, work: () => Promise<Figure[]>): Promise<Figure[]> {
  const before = await Promise.all(Object.values(pids).map(processorMs));
  const figures = await work();
  const after = await Promise.all(Object.values(pids).map(processorMs));
  const spent = Object.keys(pids).map((name, i) => ({
    what: `processor time of these: ${name}`,
    unit: 'ms',
    value: (after[i] ?? Number.NaN) - (before[i] ?? Number.NaN),
  }));
  return [...figures, ...spent];
}

await main();
