/** Many files of 4 KiB and of 1 MiB, written and then read by another client; the peer's through its mount, with as many threads and fsync. */
import type { BenchContext, Side } from '../context.js';
import type { Clients } from '../load/clients.js';
import type { Job, Operation } from '../load/job.js';
import { type Row, rowOf } from '../report.js';
import { percentiles } from '../statistics.js';

const CONCURRENCIES = [1, 8, 64];
const HEADLINE_CONCURRENCY = 64;
const WARM_UP_FILES = 2000;
const WARM_UP_MS = 15_000;
const REMOVE_MS = 300_000;

interface Figures {
  readonly rates: number[];
  readonly latenciesMs: number[];
}

const noFigures = (): Figures => ({ rates: [], latenciesMs: [] });

interface Contender {
  readonly writer: Clients;
  readonly reader: Clients;
  write: Figures;
  read: Figures;
}

/** One turn of one side; the files are gone at the end. */
async function turn({ writer, reader, write, read }: Contender, job: Omit<Job, 'operation'>): Promise<void> {
  const run = async (
    clients: Clients,
    operation: Operation,
    count: readonly number[] | undefined,
    figures?: Figures,
  ) => {
    const limitMs = figures === undefined ? REMOVE_MS : job.limitMs;
    const measured = await clients.run({ ...job, operation, limitMs }, count);
    figures?.rates.push(measured.perSecond);
    figures?.latenciesMs.push(...measured.latenciesMs);
    return measured.done;
  };
  await run(writer, 'makeDirectory', [1]);
  const written = await run(writer, 'write', undefined, write);
  await run(reader, 'read', written, read);
  await run(writer, 'remove', written);
}

/** Code that has not run yet is slow, on every side and in every process: that is what the first files would measure. */
async function warmUp(contenders: ReadonlyMap<Side, Contender>): Promise<void> {
  for (const contender of contenders.values())
    await turn(contender, {
      directory: 'warm-up',
      bytes: 4096,
      count: WARM_UP_FILES,
      concurrency: 64,
      limitMs: WARM_UP_MS,
    });
}

async function filesOf(
  context: BenchContext,
  contenders: ReadonlyMap<Side, Contender>,
  bytes: number,
  count: number,
  concurrency: number,
): Promise<Row[]> {
  for (const contender of contenders.values()) {
    contender.write = noFigures();
    contender.read = noFigures();
  }
  for (let round = 0; round < context.options.rounds; round++)
    for (const contender of contenders.values()) {
      await context.settle();
      const directory = `files-${bytes}-${concurrency}-${round}`;
      await turn(contender, { directory, bytes, count, concurrency, limitMs: context.options.turnMs });
    }
  const size = bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`;
  const headline = concurrency === HEADLINE_CONCURRENCY;
  const [ours, peer] = [contenders.get('ours'), contenders.get('peer')];
  return (['write', 'read'] as const).map((what) => {
    const notes = [percentiles(ours?.[what].latenciesMs ?? [])];
    if (peer !== undefined) notes.push(`peer ${percentiles(peer[what].latenciesMs)}`);
    const samples = { ours: ours?.[what].rates ?? [], peer: peer?.[what].rates };
    return rowOf(`${what} files of ${size}, ${concurrency} at a time`, '/s', samples, {
      note: notes.join('; '),
      headline,
    });
  });
}

export async function smallFiles(context: BenchContext): Promise<Row[]> {
  const contenders = new Map<Side, Contender>();
  for (const side of context.sides) {
    const writer = await context.startClients(side, 1);
    const reader = await context.startClients(side, 1, true);
    contenders.set(side, { writer, reader, write: noFigures(), read: noFigures() });
  }
  await warmUp(contenders);
  const rows: Row[] = [];
  for (const [bytes, count] of [
    [4096, context.options.smallFiles],
    [2 ** 20, context.options.mediumFiles],
  ] as const)
    for (const concurrency of CONCURRENCIES)
      rows.push(...(await filesOf(context, contenders, bytes, count, concurrency)));
  for (const { writer, reader } of contenders.values()) {
    await context.stop(writer);
    await context.stop(reader);
  }
  return rows;
}
