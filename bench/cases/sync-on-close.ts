/** What dfs.datanode.synconclose costs: the same writes, by turns, to a cluster that has it and to one that has not. */
import { randomFillSync } from 'node:crypto';
import { FileSystem } from '../../client/index.js';
import { startBenchCluster } from '../cluster.js';
import type { Row } from '../report.js';
import { concurrently, seconds, spread } from '../statistics.js';

const MIB = 2 ** 20;
const SMALL_FILES = 1000;
const SMALL_BYTES = 4096;
const CONCURRENCY = 64;

async function writeLarge(fs: FileSystem, path: string, bytes: number): Promise<void> {
  const piece = randomFillSync(Buffer.allocUnsafe(MIB));
  const writer = await fs.create(path);
  for (let written = 0; written < bytes; written += MIB) await writer.write(piece);
  await writer.close();
  await fs.delete(path);
}

async function writeSmall(fs: FileSystem, directory: string): Promise<void> {
  const data = randomFillSync(Buffer.allocUnsafe(SMALL_BYTES));
  await concurrently(SMALL_FILES, CONCURRENCY, async (i) => {
    const writer = await fs.create(`${directory}/${i}`);
    await writer.write(data);
    await writer.close();
  });
}

/** Each row says how many times as fast the writes are without it, in pairs. */
export async function syncOnClose(parent: string, bytes: number, rounds: number): Promise<Row[]> {
  const clusters = [
    await startBenchCluster(parent, 3, {}),
    await startBenchCluster(parent, 3, { 'dfs.datanode.synconclose': 'false' }),
  ] as const;
  const clients = [
    await FileSystem.connect({ namenode: clusters[0].namenode }),
    await FileSystem.connect({ namenode: clusters[1].namenode }),
  ] as const;
  const ratios = { large: [] as number[], small: [] as number[] };
  try {
    for (let round = 0; round < rounds; round++) {
      const [durable, fast] = clients;
      const large = (fs: FileSystem) => seconds(() => writeLarge(fs, '/large', bytes));
      ratios.large.push((await large(durable)) / (await large(fast)));
      const small = (fs: FileSystem) => seconds(() => writeSmall(fs, `/small-${round}`));
      ratios.small.push((await small(durable)) / (await small(fast)));
    }
  } finally {
    for (const client of clients) await client.close();
    for (const cluster of clusters) await cluster.stop();
  }
  const note = 'dfs.datanode.synconclose=false against true, pairs';
  return [
    { what: `put ${bytes / MIB} MiB without synconclose`, unit: '×', value: spread(ratios.large), note },
    {
      what: `write files of 4 KiB, ${CONCURRENCY} at a time, without synconclose`,
      unit: '×',
      value: spread(ratios.small),
      note,
    },
  ];
}
