/** Time from a DataNode being declared dead until every block has its three replicas again, next to a put of the same bytes to the same cluster. */
import { type DatanodeReport, FileSystem } from '../../client/index.js';
import type { BenchContext } from '../context.js';
import { type Row, rowOf } from '../report.js';
import { seconds } from '../statistics.js';
import { waitUntil } from '../wait.js';
import { MIB } from './large-file.js';

const LIMIT_MS = 300_000;
const PIECE = 4 * MIB;

const addressOf = ({ datanode }: DatanodeReport): string => `${datanode.host}:${datanode.dataPort}`;

interface RepairRound {
  readonly repairMiBs: number;
  readonly putMiBs: number;
  readonly lostMiB: number;
}

/** Four DataNodes hold `bytes` in 16 MiB blocks; one is killed. */
async function round(context: BenchContext, bytes: number): Promise<RepairRound> {
  const cluster = await context.startCluster(4, {
    'dfs.heartbeat.interval': '1s',
    'dfs.namenode.heartbeat.recheck-interval': '1000',
    'dfs.namenode.stale.datanode.interval': '3000',
  });
  const fs = await FileSystem.connect({ namenode: cluster.namenode });
  const piece = Buffer.alloc(PIECE, 7);
  const putSeconds = await seconds(async () => {
    const writer = await fs.create('/repair', { blockSize: 16 * MIB });
    for (let written = 0; written < bytes; written += piece.length) await writer.write(piece);
    await writer.close();
  });
  await context.settle();
  const victim = (await cluster.status()).datanodes[3];
  if (victim === undefined) throw new Error('the cluster has no fourth DataNode');
  const lost = (await fs.datanodeReport()).find((node) => addressOf(node) === victim.address)?.usedBytes ?? 0;
  process.kill(victim.pid, 'SIGKILL');
  const isDead = async (): Promise<boolean> =>
    (await fs.datanodeReport()).some((node) => addressOf(node) === victim.address && node.state === 'dead');
  await waitUntil('the DataNode is declared dead', isDead, LIMIT_MS);
  const isWhole = async (): Promise<boolean> => {
    const last = await lastOf(fs.fsck('/repair'));
    return last.kind === 'summary' && last.summary.underReplicated === 0 && last.summary.missing === 0;
  };
  const repairSeconds = await seconds(() => waitUntil('all blocks have three replicas', isWhole, LIMIT_MS));
  await fs.close();
  await context.stop(cluster);
  return { repairMiBs: lost / MIB / repairSeconds, putMiBs: bytes / MIB / putSeconds, lostMiB: lost / MIB };
}

async function lastOf<T>(items: AsyncIterable<T>): Promise<T> {
  let last: T | undefined;
  for await (const item of items) last = item;
  if (last === undefined) throw new Error('the answer was empty');
  return last;
}

export async function repair(context: BenchContext): Promise<Row[]> {
  const rounds: RepairRound[] = [];
  for (let i = 0; i < context.options.rounds; i++) {
    await context.settle();
    rounds.push(await round(context, context.options.sizeMiB * MIB));
  }
  const lost = Math.round(rounds[0]?.lostMiB ?? 0);
  const samples = { ours: rounds.map(({ repairMiBs }) => repairMiBs), limit: rounds.map(({ putMiBs }) => putMiBs) };
  const note = `about ${lost} MiB, from declared dead to three replicas of every block, three DataNodes left; limit: the put before`;
  return [rowOf('repair', 'MiB/s', samples, { note, headline: true })];
}
