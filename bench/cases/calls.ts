/** Calls a second beside those of an empty unary gRPC call, round by round: what the NameNode does, and what only carries it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import type { FileWriter } from '../../client/index.js';
import type { BenchContext } from '../context.js';
import { EMPTY_SERVICE } from '../empty-call-server.js';
import { type Row, rowOf } from '../report.js';
import { concurrently, percentiles } from '../statistics.js';

type Call = (index: number) => Promise<unknown>;

/** An empty call to a process that does nothing else, until `stop`. */
async function emptyCalls(): Promise<{ call: Call; stop: () => void }> {
  const server = fork(fileURLToPath(new URL('../empty-call-server.ts', import.meta.url)));
  const [port] = (await once(server, 'message')) as [number];
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = EMPTY_SERVICE.Call;
  const nothing = Buffer.alloc(0);
  const call: Call = () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, nothing, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
  const stop = (): void => {
    client.close();
    server.disconnect();
  };
  return { call, stop };
}

const CONCURRENCIES = [1, 32, 128, 512];
const HEADLINE_CONCURRENCY = 128;

interface Figures {
  readonly ours: number[];
  readonly empty: number[];
  readonly latenciesMs: number[];
}

/** `rounds` times `count` calls of each kind in turn, `concurrency` under way; each is durable before it is answered. */
async function atConcurrency(context: BenchContext, concurrency: number, empty: Call): Promise<Row[]> {
  const { fs } = await context.shared();
  const directory = `/calls-${concurrency}`;
  await fs.mkdir(directory, { parents: true });
  const count = concurrency === 1 ? 1000 : 8000;
  let round = 0;
  /** A file that is made and not closed yet. */
  const open: FileWriter[] = [];
  const calls: Record<string, Call> = {
    stat: () => fs.stat(directory),
    'mkdir (durable)': (i) => fs.mkdir(`${directory}/d-${round}-${i}`),
    'create (durable)': async (i) => void open.push(await fs.create(`${directory}/o-${round}-${i}`)),
    'create + close (durable)': async (i) => await (await fs.create(`${directory}/f-${round}-${i}`)).close(),
  };
  const rate = async (call: Call, latenciesMs: number[] = []): Promise<number> => {
    const measured = await concurrently(count, concurrency, call);
    latenciesMs.push(...measured.latenciesMs);
    return count / measured.elapsedSeconds;
  };
  const figures = new Map<string, Figures>();
  for (const name of Object.keys(calls)) figures.set(name, { ours: [], empty: [], latenciesMs: [] });
  for (; round < context.options.rounds; round++)
    for (const [name, call] of Object.entries(calls)) {
      const of = figures.get(name);
      of?.empty.push(await rate(empty));
      of?.ours.push(await rate(call, of.latenciesMs));
      const toClose = open.splice(0);
      await concurrently(toClose.length, concurrency, async (i) => await toClose[i]?.close());
    }
  return [...figures].map(([name, { ours, empty: limit, latenciesMs }]) => {
    const note = `${percentiles(latenciesMs)}; limit: an empty unary gRPC call`;
    const headline = concurrency === HEADLINE_CONCURRENCY;
    return rowOf(`${name} in this process, ${concurrency} at a time`, '/s', { ours, limit }, { note, headline });
  });
}

export async function callsBesideEmptyOnes(context: BenchContext): Promise<Row[]> {
  const empty = await emptyCalls();
  try {
    const rows: Row[] = [];
    for (const concurrency of CONCURRENCIES) rows.push(...(await atConcurrency(context, concurrency, empty.call)));
    return rows;
  } finally {
    empty.stop();
  }
}
