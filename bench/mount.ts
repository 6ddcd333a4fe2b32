/**
 * `node scripts/build.js && npx tsx bench/mount.ts [--dir DIR] [--size MIB] [--rounds N] [--mounted DIR]`, as root: one large file through a mount, in pairs with the same bytes through
 * the SDK; what small operations take, one at a time; and the figures of cases/mounted.ts, which any mounted directory can be measured by (`--mounted DIR` does that, without a
 * cluster). Every write ends with everything on the disks of three DataNodes; pages that the kernel
 * has cached are dropped before a read.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { FileSystem } from '../client/index.js';
import { makeFile } from './cases/large-file.js';
import { dropPages, type Figure, mountedFigures, mountedRows, prepareMountedInputs } from './cases/mounted.js';
import { type BenchCluster, startBenchCluster } from './cluster.js';
import { asMarkdown, newReport, type Row } from './report.js';
import { seconds, spread } from './statistics.js';

const MIB = 2 ** 20;
const SMALL_OPERATIONS = 300;
const run = promisify(execFile);

async function sdkPut(fs: FileSystem, local: string, path: string): Promise<void> {
  const source = await open(local, 'r');
  const piece = Buffer.allocUnsafe(MIB);
  const writer = await fs.create(path, { overwrite: true });
  for (;;) {
    const { bytesRead } = await source.read(piece, 0, MIB);
    if (bytesRead === 0) break;
    await writer.write(piece.subarray(0, bytesRead));
  }
  await writer.close();
  await source.close();
}

async function sdkGet(fs: FileSystem, path: string): Promise<void> {
  const reader = await fs.open(path);
  await reader.copyTo(async () => {});
  await reader.close();
}

/** In MiB/s: the SDK and the mount take turns, and who begins changes from round to round. */
async function throughput(
  fs: FileSystem,
  mounted: string,
  bytes: number,
  rounds: number,
  local: string,
): Promise<Row[]> {
  const samples = { put: [] as number[], write: [] as number[], get: [] as number[], read: [] as number[] };
  const time = async (name: keyof typeof samples, work: () => Promise<unknown>): Promise<void> => {
    samples[name].push(bytes / MIB / (await seconds(work)));
  };
  const pair = async (round: number, one: () => Promise<void>, two: () => Promise<void>): Promise<void> => {
    for (const work of round % 2 === 0 ? [one, two] : [two, one]) await work();
  };
  await warm(local); // from the page cache in every round
  for (let round = 0; round < rounds; round++) {
    await pair(
      round,
      () => time('put', () => sdkPut(fs, local, '/sdk')),
      () => time('write', () => run('dd', [`if=${local}`, `of=${join(mounted, 'mount')}`, 'bs=1M', 'conv=fsync'])),
    );
    await pair(
      round,
      () => time('get', () => sdkGet(fs, '/sdk')),
      async () => {
        await dropPages(join(mounted, 'mount'));
        await time('read', () => run('dd', [`if=${join(mounted, 'mount')}`, 'of=/dev/null', 'bs=1M']));
      },
    );
  }
  await run('cmp', [local, join(mounted, 'mount')]);
  const ratio = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value / (b[i] ?? Number.NaN));
  const size = `${bytes / MIB} MiB`;
  return [
    { what: `put ${size}, SDK`, unit: 'MiB/s', value: spread(samples.put) },
    { what: `dd of ${size} with fsync, mount`, unit: 'MiB/s', value: spread(samples.write) },
    { what: 'write: mount against SDK', unit: '×', value: spread(ratio(samples.write, samples.put)) },
    { what: `get ${size}, SDK`, unit: 'MiB/s', value: spread(samples.get) },
    { what: `dd of ${size}, mount`, unit: 'MiB/s', value: spread(samples.read) },
    { what: 'read: mount against SDK', unit: '×', value: spread(ratio(samples.read, samples.get)) },
  ];
}

async function warm(path: string): Promise<void> {
  await run('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M', 'status=none']);
}

/** One after the other, by a program of its own: nobody calls a mount from the process that serves it, nor from here. */
const SMALL = `
import os, sys, time
directory, count = sys.argv[1], int(sys.argv[2])
os.makedirs(directory); os.chdir(directory)
def measure(what, work):
    start = time.monotonic()
    for i in range(count): work(i)
    print(what, (time.monotonic() - start) / count * 1000, sep='\\t')
def write(i):
    fd = os.open(f'f{i}', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x' * 4096); os.close(fd)
def read(i):
    fd = os.open(f'f{i}', os.O_RDONLY); os.read(fd, 4096); os.close(fd)
measure('mkdir', lambda i: os.mkdir(f'd{i}'))
measure('a file of 4 KiB: create, write, close', write)
time.sleep(1.1)
measure('stat', lambda i: os.stat(f'f{i}'))
measure('open, read, close', read)
measure('rename', lambda i: os.rename(f'f{i}', f'r{i}'))
measure('unlink', lambda i: os.unlink(f'r{i}'))
big = os.open('big', os.O_CREAT | os.O_RDWR); os.write(big, b'x' * 1048576); os.fsync(big)
def change(i):
    os.pwrite(big, b'y' * 4096, (i * 7919 % 256) * 4096); os.fsync(big)
measure('change 4 KiB within 1 MiB, fsync', change)
`;

async function smallOperations(mounted: string, dir: string): Promise<Row[]> {
  const script = join(dir, 'small.py');
  await writeFile(script, SMALL);
  const { stdout } = await run('python3', [script, join(mounted, 'small'), String(SMALL_OPERATIONS)]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [what = '', ms = ''] = line.split('\t');
      return { what, unit: 'ms', value: spread([Number(ms)]), note: 'mount, one at a time' };
    });
}

async function withMount(cluster: BenchCluster, work: (mounted: string) => Promise<void>): Promise<void> {
  const mount = await cluster.mount('mounted');
  try {
    await work(mount.directory);
  } finally {
    await mount.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string', default: process.cwd() },
      size: { type: 'string', default: '1024' },
      rounds: { type: 'string', default: '3' },
      mounted: { type: 'string' },
    },
  });
  const report = newReport();
  const [size, rounds] = [Number(values.size), Number(values.rounds)];
  const scratch = await mkdtemp(join(values.dir, 'bench-mount-'));
  try {
    const large = join(scratch, 'source.bin');
    await makeFile(large, size * MIB);
    const inputs = await prepareMountedInputs(scratch, large, size);
    const programs = async (mounted: string): Promise<Row[]> => {
      const runs: Figure[][] = [];
      for (let round = 0; round < rounds; round++) runs.push(await mountedFigures(mounted, inputs));
      return mountedRows(runs, mounted === values.mounted ? mounted : 'mount');
    };
    if (values.mounted !== undefined) {
      report.rows.push(...(await programs(values.mounted)));
    } else {
      const cluster = await startBenchCluster(values.dir, 3, {});
      try {
        const fs = await FileSystem.connect({ namenode: cluster.namenode });
        await withMount(cluster, async (mounted) => {
          report.rows.push(...(await throughput(fs, mounted, size * MIB, rounds, large)));
          report.rows.push(...(await smallOperations(mounted, scratch)));
          report.rows.push(...(await programs(mounted)));
        });
        await fs.close();
      } finally {
        await cluster.stop();
      }
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
  console.log(asMarkdown(report));
}

await main();
