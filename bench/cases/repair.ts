/** Time from a DataNode being declared dead until every block has its three replicas again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatanodeReport, FileSystem } from '../../client/index.js';
import { startBenchCluster } from '../cluster.js';
import { type Row, single } from '../report.js';
import { seconds } from '../statistics.js';

const MIB = 2 ** 20;

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 300_000; ; ) {
    if (await condition()) return;
    if (performance.now() > deadline) throw new Error(`gave up waiting: ${what}`);
    await sleep(50);
  }
}

const addressOf = ({ datanode }: DatanodeReport): string => `${datanode.host}:${datanode.dataPort}`;

/** Four DataNodes hold `bytes` in 16 MiB blocks; one is killed. */
export async function repair(parent: string, bytes: number): Promise<Row[]> {
  const cluster = await startBenchCluster(parent, 4, {
    'dfs.heartbeat.interval': '1s',
    'dfs.namenode.heartbeat.recheck-interval': '1000',
    'dfs.namenode.stale.datanode.interval': '3000',
  });
  try {
    const fs = await FileSystem.connect({ namenode: cluster.namenode });
    const piece = Buffer.alloc(4 * MIB, 7);
    const writer = await fs.create('/repair', { blockSize: 16 * MIB });
    for (let written = 0; written < bytes; written += piece.length) await writer.write(piece);
    await writer.close();
    const victim = (await cluster.status()).datanodes[3];
    if (victim === undefined) throw new Error('the cluster has no fourth DataNode');
    const lost = (await fs.datanodeReport()).find((node) => addressOf(node) === victim.address)?.usedBytes ?? 0;
    process.kill(victim.pid, 'SIGKILL');
    await until('the DataNode is declared dead', async () => {
      return (await fs.datanodeReport()).some((node) => addressOf(node) === victim.address && node.state === 'dead');
    });
    const elapsed = await seconds(() =>
      until('all blocks have three replicas', async () => {
        const last = await lastOf(fs.fsck('/repair'));
        return last.kind === 'summary' && last.summary.underReplicated === 0 && last.summary.missing === 0;
      }),
    );
    await fs.close();
    return [
      {
        what: `repair of ${Math.round(lost / MIB)} MiB after a DataNode is declared dead`,
        unit: 's',
        value: single(elapsed),
      },
      { what: 'repair speed', unit: 'MiB/s', value: single(lost / MIB / elapsed), note: 'three DataNodes left' },
    ];
  } finally {
    await cluster.stop();
  }
}

async function lastOf<T>(items: AsyncIterable<T>): Promise<T> {
  let last: T | undefined;
  for await (const item of items) last = item;
  if (last === undefined) throw new Error('the answer was empty');
  return last;
}
