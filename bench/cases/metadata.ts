/**
 * Calls a second, each durable before it is answered, from one and from four client processes, with 1 to 512 under way in all of them together; the
 * peer through its mount with as many threads. One round less than the rest: there are many rows.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Side } from '../context.js';
import type { Clients, Measured } from '../load/clients.js';
import { type Job, LISTED_ENTRIES, type Operation } from '../load/job.js';
import { type Row, rowOf } from '../report.js';
import { percentiles } from '../statistics.js';

const CLIENTS = [1, 4];
const CONCURRENCIES = [1, 32, 128, 512];
const MOST_FILES = 40_000;
const TURN_MS = 600;
const CREATE_MS = 1200;
const PREPARE_MS = 120_000;
/** As long as the kernel believes what a peer told it of a file when it was made. */
const ATTRIBUTES_VALID_MS = 1100;

const AFTER_CREATE: readonly Operation[] = ['stat', 'open', 'rename', 'removeRenamed'];
const NAMES = {
  create: 'create + close',
  stat: 'stat',
  open: 'open',
  list: `list ${LISTED_ENTRIES} entries`,
  rename: 'rename',
  removeRenamed: 'delete',
};
type Measurement = keyof typeof NAMES;
type Figures = Record<Measurement, { rates: number[]; latenciesMs: number[] }>;

const noFigures = (): Figures =>
  Object.fromEntries(Object.keys(NAMES).map((name) => [name, { rates: [], latenciesMs: [] }])) as unknown as Figures;

const jobOf = (operation: Operation, directory: string, rest: Partial<Job>): Job => ({
  operation,
  directory,
  count: MOST_FILES,
  concurrency: 1,
  bytes: 0,
  limitMs: TURN_MS,
  ...rest,
});

async function makeDirectory(clients: Clients, directory: string): Promise<void> {
  await clients.run(jobOf('makeDirectory', directory, { count: 1 }));
}

/** One turn of one side. */
async function turn(
  clients: Clients,
  directory: string,
  listed: string,
  concurrency: number,
  figures: Figures,
): Promise<void> {
  const note = (name: Measurement, { perSecond, latenciesMs }: Measured): void => {
    figures[name].rates.push(perSecond);
    figures[name].latenciesMs.push(...latenciesMs);
  };
  await makeDirectory(clients, directory);
  const created = await clients.run(jobOf('create', directory, { concurrency, limitMs: CREATE_MS }));
  note('create', created);
  await sleep(ATTRIBUTES_VALID_MS);
  let { done } = created;
  for (const operation of AFTER_CREATE) {
    const measured = await clients.run(jobOf(operation, directory, { concurrency }), done);
    note(operation as Measurement, measured);
    if (operation === 'rename') ({ done } = measured);
  }
  note('list', await clients.run(jobOf('list', listed, { concurrency })));
}

async function prepare(clients: Clients, listed: string): Promise<void> {
  await makeDirectory(clients, listed);
  const each = { count: LISTED_ENTRIES * clients.count, concurrency: 32, limitMs: PREPARE_MS };
  await clients.run(jobOf('create', listed, each));
}

function rowsOf(clients: number, concurrency: number, ours: Figures, peer: Figures): Row[] {
  const from = clients === 1 ? 'one client' : `${clients} clients`;
  return (Object.keys(NAMES) as Measurement[]).map((name) => {
    const headline = clients === 1 && concurrency === 128;
    const what = `${NAMES[name]}, ${concurrency} at a time, ${from}`;
    const notes = [percentiles(ours[name].latenciesMs)];
    if (peer[name].latenciesMs.length > 0) notes.push(`peer ${percentiles(peer[name].latenciesMs)}`);
    const samples = { ours: ours[name].rates, peer: peer[name].rates };
    return rowOf(what, '/s', samples, { note: notes.join('; '), headline });
  });
}

async function fromClients(context: BenchContext, count: number): Promise<Row[]> {
  const listed = `metadata-${count}/listed`;
  const { sides } = context;
  const clients = new Map<Side, Clients>();
  for (const side of sides) clients.set(side, await context.startClients(side, count));
  for (const one of clients.values()) await prepare(one, listed);
  const rows: Row[] = [];
  for (const concurrency of CONCURRENCIES.filter((all) => all >= count)) {
    const figures = { ours: noFigures(), peer: noFigures() };
    for (let round = 0; round < Math.max(1, context.options.rounds - 1); round++)
      for (const [side, one] of clients) {
        await context.settle();
        await turn(one, `metadata-${count}/${concurrency}-${round}`, listed, concurrency, figures[side]);
      }
    rows.push(...rowsOf(count, concurrency, figures.ours, figures.peer));
  }
  for (const one of clients.values()) await context.stop(one);
  return rows;
}

export async function metadata(context: BenchContext): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of CLIENTS) rows.push(...(await fromClients(context, count)));
  return rows;
}
