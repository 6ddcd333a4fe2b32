/** A cluster of real processes for the bench, started and stopped through the same commands a user has. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DFS = new URL('../bin/dfs.js', import.meta.url).pathname;

export interface BenchCluster {
  readonly namenode: string;
  readonly dir: string;
  dfs(...args: string[]): Promise<string>;
  status(): Promise<ClusterStatus>;
  stop(): Promise<void>;
}

export interface ClusterStatus {
  readonly namenode: { readonly pid: number; readonly rpc: string };
  readonly datanodes: readonly { readonly pid: number; readonly address: string; readonly dataDir: string }[];
}

/** A range of ports of which the first is free right now. */
async function freeBasePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port to be had');
  return Math.min(address.port, 65000);
}

/** Starts a cluster below `parent`, which should be on the disk that is to be measured. */
export async function startBenchCluster(
  parent: string,
  datanodes: number,
  settings: Record<string, string>,
): Promise<BenchCluster> {
  const dir = await mkdtemp(join(parent, 'bench-cluster-'));
  const overrides = Object.entries(settings).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const basePort = await freeBasePort();
  const place = ['--dir', dir];
  const layout = ['--datanodes', String(datanodes), '--racks', '2', '--base-port', String(basePort)];
  await run(process.execPath, [DFS, 'cluster', 'start', '--detach', ...place, ...layout, ...overrides]);
  const namenode = `127.0.0.1:${basePort}`;
  const dfs = async (...args: string[]): Promise<string> =>
    (
      await run(process.execPath, [DFS, ...args], {
        env: { ...process.env, DFS_NAMENODE: namenode },
        maxBuffer: 64 << 20,
      })
    ).stdout;
  return {
    namenode,
    dir,
    dfs,
    status: async () => JSON.parse(await dfs('cluster', 'status', ...place, '--json')) as ClusterStatus,
    async stop() {
      await dfs('cluster', 'stop', ...place);
      await rm(dir, { recursive: true });
    },
  };
}

/** Peak and present resident memory of a process in MiB, as the kernel counts it. */
export async function memoryMiB(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
