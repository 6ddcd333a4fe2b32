/** Calls a second beside those of an empty unary gRPC call, round by round: what the NameNode does, and what only carries it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import type { FileSystem } from '../../client/index.js';
import { EMPTY_SERVICE } from '../empty-call-server.js';
import type { Row } from '../report.js';
import { concurrently, percentile, spread } from '../statistics.js';

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

/** `rounds` times `count` calls of each kind in turn, `concurrency` under way; each is durable before it is answered. */
export async function callsBesideEmptyOnes(
  fs: FileSystem,
  count: number,
  concurrency: number,
  rounds: number,
): Promise<Row[]> {
  const directory = `/bench/calls-${concurrency}`;
  await fs.mkdir(directory, { parents: true });
  const empty = await emptyCalls();
  let round = 0;
  const ours: readonly [string, Call][] = [
    ['stat', () => fs.stat(directory)],
    ['mkdir (durable)', (i) => fs.mkdir(`${directory}/d-${round}-${i}`)],
  ];
  const rates = new Map<string, number[]>();
  const latencies = new Map<string, number[]>();
  const note = async (name: string, call: Call): Promise<number> => {
    const { elapsedSeconds, latenciesMs } = await concurrently(count, concurrency, call);
    const rate = count / elapsedSeconds;
    rates.set(name, [...(rates.get(name) ?? []), rate]);
    latencies.set(name, [...(latencies.get(name) ?? []), ...latenciesMs]);
    return rate;
  };
  const ratios = new Map<string, number[]>();
  try {
    for (; round < rounds; round++) {
      for (const [name, call] of ours) {
        const emptyRate = await note('empty unary gRPC call', empty.call);
        const rate = await note(name, call);
        ratios.set(name, [...(ratios.get(name) ?? []), rate / emptyRate]);
      }
    }
  } finally {
    empty.stop();
  }
  const rateRows = [...rates].map(([name, values]): Row => {
    const at = (p: number): string => percentile(latencies.get(name) ?? [], p).toFixed(2);
    const percentiles = `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`;
    return { what: `${name}, ${concurrency} at a time`, unit: '/s', value: spread(values), note: percentiles };
  });
  const ratioRows = [...ratios].map(([name, values]): Row => {
    const what = `${name} / empty unary gRPC call, ${concurrency} at a time`;
    return { what, unit: 'times', value: spread(values), note: 'of pairs' };
  });
  return [...rateRows, ...ratioRows];
}
