/**
 * Processor time that one operation takes in each process of a cluster, and how many calls to write to files and sockets. It says more than the speed where others use the machine
 * too; still compare by turns, and only runs of the same length, because the first thousands of calls are interpreted.
 *
 *     npx tsx bench/processor-time.ts [--count 1000] [--concurrency 64] [--rounds 3] [--only list] [--dir <directory on the disk to measure>]
 *                                     [-D name=value]     settings of servers and client
 */
import { randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/index.js';
import { loadConfiguration } from '../common/config/configuration.js';
import { startBenchCluster } from './cluster.js';
import { processorMs, writeCalls } from './processes.js';
import { concurrently } from './statistics.js';

type Operation = (index: number) => Promise<unknown>;

const LISTED = '/listed';

function operations(fs: FileSystem, directory: string): Record<string, Operation> {
  const data = randomFillSync(Buffer.allocUnsafe(4096));
  return {
    'write 4 KiB': async (i) => {
      const writer = await fs.create(`${directory}/f${i}`);
      await writer.write(data);
      await writer.close();
    },
    'read 4 KiB': async (i) => {
      const reader = await fs.open(`${directory}/f${i}`);
      await reader.read(0, data.length);
      await reader.close();
    },
    mkdir: (i) => fs.mkdir(`${directory}/d${i}`),
    stat: () => fs.stat(directory),
    'list 1,000': async () => {
      for await (const _ of fs.list(LISTED));
    },
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000' },
      concurrency: { type: 'string', default: '64' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      dir: { type: 'string', default: process.cwd() },
      set: { type: 'string', short: 'D', multiple: true, default: [] },
    },
  });
  const [count, concurrency] = [Number(values.count), Number(values.concurrency)];
  const settings = Object.fromEntries(values.set.map((text) => text.split(/=(.*)/, 2) as [string, string]));
  const cluster = await startBenchCluster(values.dir, 3, settings);
  try {
    const { namenode, datanodes } = await cluster.status();
    const processes: [string, number][] = [
      ['client', process.pid],
      ['NameNode', namenode.pid],
      ...datanodes.map(({ pid }, i): [string, number] => [`DataNode ${i + 1}`, pid]),
    ];
    const configuration = loadConfiguration({ overrides: settings });
    const fs = await FileSystem.connect({ namenode: cluster.namenode, configuration });
    await fs.mkdir(LISTED);
    await concurrently(1000, concurrency, async (i) => await (await fs.create(`${LISTED}/file-${i}`)).close());
    console.log(`milliseconds of processor time for each of ${count}, ${concurrency} at a time`);
    for (let round = 0; round < Number(values.rounds); round++) {
      const directory = `/round-${round}`;
      await fs.mkdir(directory);
      for (const [what, operation] of Object.entries(operations(fs, directory))) {
        if (!what.startsWith(values.only)) continue;
        const before = await Promise.all(processes.map(([, pid]) => processorMs(pid)));
        const writesBefore = await Promise.all(processes.map(([, pid]) => writeCalls(pid)));
        const startMs = performance.now();
        await concurrently(count, concurrency, operation);
        const perSecond = (1000 * count) / (performance.now() - startMs);
        const after = await Promise.all(processes.map(([, pid]) => processorMs(pid)));
        const writesAfter = await Promise.all(processes.map(([, pid]) => writeCalls(pid)));
        const each = processes.map(([name], i) => {
          const ms = ((after[i] ?? Number.NaN) - (before[i] ?? Number.NaN)) / count;
          const writes = ((writesAfter[i] ?? Number.NaN) - (writesBefore[i] ?? Number.NaN)) / count;
          return `${name} ${ms.toFixed(2)} (${writes.toFixed(1)} writes)`;
        });
        console.log(`${what.padEnd(12)} ${each.join('  ')}  (${perSecond.toFixed(0)}/s)`);
      }
    }
    await fs.close();
  } finally {
    await cluster.stop();
  }
}

await main();
