/**
 * `node scripts/build.js && npx tsx bench/mount-drivers.ts [--dir DIR] [--size MIB] [--rounds N]`, as root: the two drivers of mounts by turns, on the same cluster: one
 * large file, and small operations of eight processes. Who begins changes from round to round.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DRIVERS, type DriverName } from '../client/fuse/driver-choice.js';
import { MIB, makeFile } from './cases/large-file.js';
import { type Figure, largeFile, operations } from './cases/mounted.js';
import { type BenchCluster, startBenchCluster } from './cluster.js';
import { asMarkdown, newReport, rowOf } from './report.js';

async function measured(cluster: BenchCluster, driver: DriverName, large: string, largeMiB: number): Promise<Figure[]> {
  const mount = await cluster.mount(driver, '--driver', driver);
  try {
    await cluster.dfs('mkdir', '/measured');
    const figures = [
      ...(await largeFile(join(mount.directory, 'measured'), { large, largeMiB })),
      ...(await operations(join(mount.directory, 'measured'))),
    ];
    await cluster.dfs('rm', '-r', '-skipTrash', '/measured');
    return figures;
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
    },
  });
  const report = newReport(values.dir);
  report.peer = 'driver fuse-native';
  const [size, rounds] = [Number(values.size), Number(values.rounds)];
  const scratch = await mkdtemp(join(values.dir, 'bench-mount-'));
  const runs: Record<DriverName, Figure[][]> = { kernel: [], 'fuse-native': [] };
  try {
    const large = join(scratch, 'source.bin');
    await makeFile(large, size * MIB);
    const cluster = await startBenchCluster(values.dir, 3, {});
    try {
      for (let round = 0; round < rounds; round++) {
        for (const driver of round % 2 === 0 ? DRIVERS : DRIVERS.toReversed()) {
          runs[driver].push(await measured(cluster, driver, large, size));
        }
      }
    } finally {
      await cluster.stop();
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
  for (const [i, { what, unit }] of (runs.kernel[0] ?? []).entries()) {
    const of = (driver: DriverName) => runs[driver].map((figures) => figures[i]?.value ?? Number.NaN);
    report.rows.push(rowOf(what, unit, { ours: of('kernel'), peer: of('fuse-native') }));
  }
  console.log(asMarkdown(report));
}

await main();
