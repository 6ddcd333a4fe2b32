/** Reads of 4 KiB here and there in one large file, and the time from opening it to its first bytes; the peer's past the kernel's cache. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext, Side } from '../context.js';
import type { Clients } from '../load/clients.js';
import { LARGE_FILE, type Operation, RANDOM_READ_BYTES } from '../load/job.js';
import { type Row, rowOf } from '../report.js';
import { percentile, percentiles } from '../statistics.js';
import { MIB, makeFile, putMount, putSdk } from './large-file.js';

const BYTES = 256 * MIB;
const TURN_MS = 2000;
const MOST_READS = 1_000_000;
const FIRST_BYTES = 50;

async function placeLargeFile(context: BenchContext): Promise<void> {
  const { cluster, fs } = await context.shared();
  const local = join(cluster.dir, LARGE_FILE);
  await makeFile(local, BYTES);
  await putSdk(fs, local, `/${LARGE_FILE}`);
  if (context.peer !== undefined) await putMount(local, `${context.peer.mounted}/${LARGE_FILE}`);
  await rm(local);
}

interface Figures {
  readonly figures: Record<Side, number[]>;
  readonly latenciesMs: Record<Side, number[]>;
}

export async function randomReads(context: BenchContext): Promise<Row[]> {
  await placeLargeFile(context);
  const clients = new Map<Side, Clients>();
  for (const side of context.sides) clients.set(side, await context.startClients(side, 1, true));
  const measure = async (operation: Operation, count: number, concurrency: number): Promise<Figures> => {
    const result: Figures = { figures: { ours: [], peer: [] }, latenciesMs: { ours: [], peer: [] } };
    for (let round = 0; round < context.options.rounds; round++)
      for (const [side, one] of clients) {
        const job = { operation, directory: '', bytes: BYTES, count, concurrency, limitMs: TURN_MS };
        const { perSecond, latenciesMs } = await one.run(job);
        result.figures[side].push(operation === 'firstByte' ? percentile(latenciesMs, 0.5) : perSecond);
        result.latenciesMs[side].push(...latenciesMs);
      }
    return result;
  };
  const rows: Row[] = [];
  const add = (what: string, unit: string, { figures: { ours, peer }, latenciesMs }: Figures): void => {
    const notes = [percentiles(latenciesMs.ours)];
    if (peer.length > 0) notes.push(`peer ${percentiles(latenciesMs.peer)}`);
    rows.push(rowOf(what, unit, { ours, peer }, { note: notes.join('; '), headline: true }));
  };
  for (const concurrency of [1, 32])
    add(
      `random reads of ${RANDOM_READ_BYTES / 1024} KiB in ${BYTES / MIB} MiB, ${concurrency} at a time`,
      '/s',
      await measure('randomRead', MOST_READS, concurrency),
    );
  add('opening a large file, to its first bytes', 'ms', await measure('firstByte', FIRST_BYTES, 1));
  for (const one of clients.values()) await context.stop(one);
  return rows;
}
