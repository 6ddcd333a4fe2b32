/**
 * Time from a bit that turns over on a disk until all three replicas of its block are good again, on a cluster of real processes on this
 * machine: found by a reader, or by a scan that has just come by.
 *
 *     npx tsx bench/rot.ts [--rounds 5] [--dir <directory on the disk to measure>]
 */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/index.js';
import { startBenchCluster } from './cluster.js';
import { seconds, spread } from './statistics.js';

const BLOCK_BYTES = 16 * 2 ** 20;
const LIMIT_MS = 120_000;

const SETTINGS = { 'dfs.datanode.directoryscan.interval': '-1' };
const CASES = [
  { found: 'by readers', settings: { ...SETTINGS, 'dfs.block.scanner.volume.bytes.per.second': '0' }, reads: true },
  {
    found: 'by the scan, a pass each second',
    settings: {
      ...SETTINGS,
      'dfs.datanode.scan.period.hours': '1s',
      'dfs.block.scanner.volume.bytes.per.second': '64m',
    },
    reads: false,
  },
];

/** Data files of replicas below the directories of the DataNodes. */
async function dataFiles(dataDirs: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const dir of dataDirs) {
    for (const entry of await readdir(dir, { recursive: true })) {
      if (/\/finalized\/.*\/blk_\d+$/.test(entry)) found.push(join(dir, entry));
    }
  }
  return found;
}

async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, at);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function areGood(dataDirs: readonly string[], content: Buffer): Promise<boolean> {
  const files = await dataFiles(dataDirs);
  const replicas = await Promise.all(files.map((path) => readFile(path).catch(() => undefined)));
  return replicas.length === 3 && replicas.every((bytes) => bytes?.equals(content));
}

async function measure({ settings, reads }: (typeof CASES)[number], parent: string, rounds: number): Promise<number[]> {
  const cluster = await startBenchCluster(parent, 3, settings);
  try {
    const fs = await FileSystem.connect({ namenode: cluster.namenode });
    const content = Buffer.alloc(BLOCK_BYTES, 'mini-hdfs');
    const writer = await fs.create('/rot', { blockSize: BLOCK_BYTES });
    await writer.write(content);
    await writer.close();
    const dataDirs = (await cluster.status()).datanodes.map(({ dataDir }) => dataDir);
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const files = await dataFiles(dataDirs);
      await flipBit(files[round % files.length] as string, 1_000_003 * (round + 1));
      samples.push(await seconds(() => untilGood(fs, dataDirs, content, reads)));
    }
    await fs.close();
    return samples;
  } finally {
    await cluster.stop();
  }
}

async function untilGood(fs: FileSystem, dataDirs: readonly string[], content: Buffer, reads: boolean): Promise<void> {
  for (const endMs = performance.now() + LIMIT_MS; !(await areGood(dataDirs, content)); ) {
    if (performance.now() > endMs) throw new Error(`not repaired within ${LIMIT_MS / 1000} s`);
    if (reads) await readWhole(fs);
    else await sleep(20);
  }
}

async function readWhole(fs: FileSystem): Promise<void> {
  const reader = await fs.open('/rot');
  try {
    for await (const _ of reader.stream({ start: 0, end: BLOCK_BYTES }));
  } finally {
    await reader.close();
  }
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, dir: { type: 'string', default: process.cwd() } },
});
console.log('| a flipped bit is found | all replicas good again after (median, least, most) |\n| --- | --- |');
for (const rotCase of CASES) {
  const { median, min, max } = spread(await measure(rotCase, values.dir, Number(values.rounds)));
  console.log(`| ${rotCase.found} | ${median.toFixed(2)} s (${min.toFixed(2)} to ${max.toFixed(2)} s) |`);
}
