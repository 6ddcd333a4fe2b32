/** What dfs.datanode.synconclose costs: the same writes, by turns, to a cluster that has it and to one that has not. */
import { randomFillSync } from 'node:crypto';
import type { FileSystem } from '../../client/index.js';
import type { BenchContext } from '../context.js';
import type { Row } from '../report.js';
import { concurrently, pairwise, seconds } from '../statistics.js';

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
export async function syncOnClose(context: BenchContext): Promise<Row[]> {
  const bytes = context.options.sizeMiB * MIB;
  const durable = await context.startCluster(3, {});
  const fast = await context.startCluster(3, { 'dfs.datanode.synconclose': 'false' });
  const [durableFs, fastFs] = [await context.connect(durable), await context.connect(fast)];
  const large = async (fs: FileSystem): Promise<number> =>
    context.options.sizeMiB / (await seconds(() => writeLarge(fs, '/large', bytes)));
  const small = async (fs: FileSystem, round: number): Promise<number> =>
    SMALL_FILES / (await seconds(() => writeSmall(fs, `/small-${round}`)));
  const rates = await context.byTurns({
    durable: () => large(durableFs),
    fast: () => large(fastFs),
    durableSmall: (round) => small(durableFs, round),
    fastSmall: (round) => small(fastFs, round),
  });
  await context.stop(durable);
  await context.stop(fast);
  const note = 'dfs.datanode.synconclose=false against true';
  return [
    {
      what: `put ${bytes / MIB} MiB without synconclose`,
      unit: '×',
      value: pairwise(rates.fast, rates.durable),
      note,
      headline: true,
    },
    {
      what: `write files of 4 KiB, ${CONCURRENCY} at a time, without synconclose`,
      unit: '×',
      value: pairwise(rates.fastSmall, rates.durableSmall),
      note,
      headline: true,
    },
  ];
}
