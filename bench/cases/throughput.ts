/**
 * put and get of one large file and of several at a time, by turns with the peer's mount and with the same bytes through plain files on the same
 * disk. All figures in MiB/s of file data.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSystem } from '../../client/index.js';
import type { BenchContext } from '../context.js';
import { type Row, rowOf } from '../report.js';
import { seconds } from '../statistics.js';
import { copyPlain, getMount, getSdk, MIB, makeFile, putMount, putSdk, readPlain } from './large-file.js';

const REPLICAS = 3;
const IN_PARALLEL = 4;

type Work = (i: number) => Promise<unknown>;

async function sha256(read: (take: (piece: Buffer) => void) => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  await read((piece) => void hash.update(piece));
  return hash.digest('hex');
}

/** @throws {Error} if the file of the cluster is not the local one, byte for byte. */
async function compare(fs: FileSystem, path: string, local: string): Promise<void> {
  const reader = await fs.open(path);
  const ours = await sha256((take) => reader.copyTo(async (pieces) => pieces.forEach(take)));
  await reader.close();
  if (ours !== (await sha256((take) => readPlain(local, async (piece) => take(piece)))))
    throw new Error(`${path} differs from what was put`);
}

/** What one turn does with each of some files; `after` is not timed. */
interface Turn {
  readonly work: Work;
  readonly after?: Work;
}

async function turnsOf(context: BenchContext, local: string, bytes: number) {
  const { cluster, fs } = await context.shared();
  const copy = (i: number, replica: number): string => join(cluster.dir, `plain-${i}-${replica}`);
  const everyCopy = async (work: (path: string) => Promise<unknown>, i: number): Promise<void> => {
    for (let replica = 0; replica < REPLICAS; replica++) await work(copy(i, replica));
  };
  const got = (i: number): string => join(cluster.dir, `got-${i}`);
  const turns: Record<string, Turn> = {
    copies: { work: (i) => everyCopy((path) => copyPlain(local, path), i) },
    read: { work: (i) => readPlain(copy(i, 0)), after: (i) => everyCopy(rm, i) },
    put: { work: (i) => putSdk(fs, local, `/sdk-${i}`) },
    get: { work: (i) => getSdk(fs, `/sdk-${i}`, bytes), after: (i) => fs.delete(`/sdk-${i}`) },
    cliPut: { work: (i) => cluster.dfs('put', '-f', local, `/cli-${i}`) },
    cliGet: {
      work: (i) => cluster.dfs('get', '-f', `/cli-${i}`, got(i)),
      after: async (i) => {
        await compare(fs, `/cli-${i}`, got(i));
        await rm(got(i));
        await fs.delete(`/cli-${i}`);
      },
    },
  };
  const { peer } = context;
  if (peer !== undefined) {
    const written = (i: number): string => `${peer.mounted}/put-${i}`;
    const again = (i: number): string => `${peer.mountedAgain}/put-${i}`;
    turns['peerPut'] = { work: (i) => putMount(local, written(i)) };
    turns['peerGet'] = { work: (i) => getMount(again(i)) };
    turns['peerGetToFile'] = {
      work: (i) => getMount(again(i), got(i)),
      after: async (i) => {
        await rm(got(i));
        await rm(written(i));
      },
    };
  }
  return turns;
}

async function transfers(context: BenchContext, files: number, rounds: number): Promise<Row[]> {
  const bytes = context.options.sizeMiB * MIB;
  const { cluster } = await context.shared();
  const local = join(cluster.dir, 'source.bin');
  await makeFile(local, bytes);
  const turns = await turnsOf(context, local, bytes);
  const all = (work: Work): Promise<unknown> => Promise.all(Array.from({ length: files }, (_, i) => work(i)));
  const rate = async ({ work, after }: Turn): Promise<number> => {
    const elapsed = await seconds(() => all(work));
    if (after !== undefined) await all(after);
    return (files * context.options.sizeMiB) / elapsed;
  };
  const timed = Object.fromEntries(Object.entries(turns).map(([name, turn]) => [name, () => rate(turn)]));
  const figures = await context.byTurns(timed, rounds);
  await rm(local);
  const size = files === 1 ? `${context.options.sizeMiB} MiB` : `${files} × ${context.options.sizeMiB} MiB in parallel`;
  const row = (what: string, our: string, peer: string, limit: string, note: string): Row => {
    const samples = { ours: figures[our] ?? [], peer: figures[peer], limit: figures[limit] };
    return rowOf(`${what} ${size}`, 'MiB/s', samples, { note, headline: true });
  };
  return [
    row('put, SDK,', 'put', 'peerPut', 'copies', 'peer: cp and fsync; limit: three plain copies, each with fsync'),
    row('put, `dfs put`,', 'cliPut', 'peerPut', 'copies', 'with the start of the process'),
    row('get, SDK,', 'get', 'peerGet', 'read', 'peer: dd to /dev/null; limit: one plain file in the page cache'),
    row('get, `dfs get`,', 'cliGet', 'peerGetToFile', 'read', 'peer: dd to a local file, as `dfs get`'),
  ];
}

export async function throughput(context: BenchContext): Promise<Row[]> {
  return await transfers(context, 1, context.options.rounds);
}

/** One round less: four times three times the bytes are many for one disk. */
export async function parallelThroughput(context: BenchContext): Promise<Row[]> {
  return await transfers(context, IN_PARALLEL, Math.max(1, context.options.rounds - 1));
}
