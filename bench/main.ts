/**
 * `npm run bench [-- --dir DIR --size MIB --rounds N]`: measures a cluster of real processes on this machine, prints a table and
 * writes it, with a JSON file, to bench/results/.
 */
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/index.js';
import { callsBesideEmptyOnes } from './cases/calls.js';
import { metadataCalls, smallFiles } from './cases/metadata.js';
import { repair } from './cases/repair.js';
import { syncOnClose } from './cases/sync-on-close.js';
import { throughput } from './cases/throughput.js';
import { type BenchCluster, memoryMiB, startBenchCluster } from './cluster.js';
import { asMarkdown, newReport, type Row, single, writeReport } from './report.js';
import { seconds, spread } from './statistics.js';

const CONCURRENCIES = [1, 32, 128];

async function coldStart(cluster: BenchCluster): Promise<Row> {
  const samples: number[] = [];
  for (let i = 0; i < 7; i++) samples.push(1000 * (await seconds(() => cluster.dfs('ls', '/bench'))));
  return { what: 'dfs ls, a new process', unit: 'ms', value: spread(samples) };
}

async function memory(cluster: BenchCluster): Promise<Row[]> {
  const { namenode, datanodes } = await cluster.status();
  const named = [
    { name: 'NameNode', pid: namenode.pid },
    ...datanodes.map(({ pid }, i) => ({ name: `DataNode ${i + 1}`, pid })),
  ];
  const rows: Row[] = [];
  for (const { name, pid } of named) {
    const { now, peak } = await memoryMiB(pid);
    rows.push({ what: `memory of the ${name}`, unit: 'MiB', value: single(now), note: `peak ${Math.round(peak)} MiB` });
  }
  const own = await memoryMiB(process.pid);
  rows.push({
    what: 'memory of the SDK client (this bench)',
    unit: 'MiB',
    value: single(own.now),
    note: `peak ${Math.round(own.peak)} MiB`,
  });
  return rows;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string', default: process.cwd() },
      size: { type: 'string', default: '1024' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const bytes = Number(values.size) * 2 ** 20;
  const report = newReport();
  const add = (rows: readonly Row[]): void => {
    report.rows.push(...rows);
    for (const row of rows)
      console.error(`${row.what}: ${row.value.median.toPrecision(4)} ${row.unit} ${row.note ?? ''}`);
  };
  const cluster = await startBenchCluster(values.dir, 3, {});
  try {
    const fs = await FileSystem.connect({ namenode: cluster.namenode });
    await fs.mkdir('/bench');
    add(await throughput(fs, cluster, bytes, Number(values.rounds)));
    add(await memory(cluster));
    for (const concurrency of [1, 8, 64]) add(await smallFiles(fs, 2000, concurrency));
    for (const concurrency of CONCURRENCIES) add(await metadataCalls(fs, concurrency === 1 ? 500 : 4000, concurrency));
    for (const concurrency of [...CONCURRENCIES, 512])
      add(await callsBesideEmptyOnes(fs, concurrency === 1 ? 1000 : 8000, concurrency, Number(values.rounds)));
    add([await coldStart(cluster)]);
    await fs.close();
  } finally {
    await cluster.stop();
  }
  add(await syncOnClose(values.dir, bytes, Number(values.rounds)));
  add(await repair(values.dir, bytes));
  const path = await writeReport(report, new URL('./results', import.meta.url).pathname);
  console.log(asMarkdown(report));
  console.log(`written to ${path}`);
}

await main();
