/** Many small files, and metadata calls per second. */
import { randomFillSync } from 'node:crypto';
import type { FileSystem } from '../../client/index.js';
import { type Row, single } from '../report.js';
import { concurrently, percentile } from '../statistics.js';

function rateRow(what: string, count: number, result: { elapsedSeconds: number; latenciesMs: number[] }): Row {
  const p50 = percentile(result.latenciesMs, 0.5).toFixed(2);
  const p99 = percentile(result.latenciesMs, 0.99).toFixed(2);
  return { what, unit: '/s', value: single(count / result.elapsedSeconds), note: `p50 ${p50} ms, p99 ${p99} ms` };
}

/** `count` files of 4 KiB written, then read, `concurrency` at a time. */
export async function smallFiles(fs: FileSystem, count: number, concurrency: number): Promise<Row[]> {
  const data = randomFillSync(Buffer.allocUnsafe(4096));
  const directory = `/bench/small-${concurrency}`;
  await fs.mkdir(directory, { parents: true });
  const written = await concurrently(count, concurrency, async (i) => {
    const writer = await fs.create(`${directory}/f${i}`);
    await writer.write(data);
    await writer.close();
  });
  const read = await concurrently(count, concurrency, async (i) => {
    const reader = await fs.open(`${directory}/f${i}`);
    const bytes = await reader.read(0, 4096);
    await reader.close();
    if (!bytes.equals(data)) throw new Error(`${directory}/f${i}: the bytes differ`);
  });
  return [
    rateRow(`write files of 4 KiB, ${concurrency} at a time`, count, written),
    rateRow(`read files of 4 KiB, ${concurrency} at a time`, count, read),
  ];
}

/** create, stat, rename and delete of `count` empty files, `concurrency` calls under way. */
export async function metadataCalls(fs: FileSystem, count: number, concurrency: number): Promise<Row[]> {
  const directory = `/bench/meta-${concurrency}`;
  await fs.mkdir(directory, { parents: true });
  const name = (i: number): string => `${directory}/f${i}`;
  const calls: readonly [string, (i: number) => Promise<unknown>][] = [
    ['mkdir', (i) => fs.mkdir(name(i))],
    ['stat', (i) => fs.stat(name(i))],
    ['rename', (i) => fs.rename(name(i), `${name(i)}.renamed`)],
    ['delete', (i) => fs.delete(`${name(i)}.renamed`, { recursive: true })],
    [
      'create + close',
      async (i) => {
        const writer = await fs.create(`${directory}/g${i}`);
        await writer.close();
      },
    ],
  ];
  const rows: Row[] = [];
  for (const [call, work] of calls) {
    rows.push(rateRow(`${call}, ${concurrency} at a time`, count, await concurrently(count, concurrency, work)));
  }
  return rows;
}
