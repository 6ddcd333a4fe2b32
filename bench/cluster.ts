/** A cluster of real processes for the bench, started and stopped through the same commands a user has. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isFree } from '../client/cluster/ports.js';
import type { Stoppable } from './tear-down.js';

const run = promisify(execFile);
const DFS = new URL('../bin/dfs.js', import.meta.url).pathname;

export interface BenchCluster {
  readonly namenode: string;
  readonly dir: string;
  dfs(...args: string[]): Promise<string>;
  status(): Promise<ClusterStatus>;
  /** Mounts it on the directory `name` of its own directory, until the mount is stopped. `options`: further ones of `dfs mount`. */
  mount(name: string, ...options: string[]): Promise<BenchMount>;
  stop(): Promise<void>;
}

export interface BenchMount extends Stoppable {
  readonly directory: string;
}

export interface ClusterStatus {
  readonly namenode: { readonly pid: number; readonly rpc: string };
  readonly datanodes: readonly { readonly pid: number; readonly address: string; readonly dataDir: string }[];
}

/** A base port below those that the kernel gives to outgoing connections, all of whose cluster ports are free right now. */
export async function freeBasePort(datanodes: number): Promise<number> {
  const offsets = [0, 1, ...Array.from({ length: datanodes }, (_, i) => [10, 11, 12].map((n) => n + 10 * i)).flat()];
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (!free.includes(false)) return base;
  }
  throw new Error('no range of free ports to be had');
}

/** Starts a cluster below `parent`, which should be on the disk that is to be measured. */
export async function startBenchCluster(
  parent: string,
  datanodes: number,
  settings: Record<string, string>,
): Promise<BenchCluster> {
  const dir = await mkdtemp(join(parent, 'bench-cluster-'));
  const overrides = Object.entries(settings).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const basePort = await freeBasePort(datanodes);
  const place = ['--dir', dir];
  const layout = ['--datanodes', String(datanodes), '--racks', '2', '--base-port', String(basePort)];
  const namenode = `127.0.0.1:${basePort}`;
  const dfs = async (...args: string[]): Promise<string> =>
    (
      await run(process.execPath, [DFS, ...args], {
        env: { ...process.env, DFS_NAMENODE: namenode },
        maxBuffer: 64 << 20,
      })
    ).stdout;
  const stop = async (): Promise<void> => {
    await dfs('cluster', 'stop', ...place);
    await rm(dir, { recursive: true });
  };
  try {
    await dfs('cluster', 'start', '--detach', ...place, ...layout, ...overrides);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  const status = async () => JSON.parse(await dfs('cluster', 'status', ...place, '--json')) as ClusterStatus;
  const mount = async (name: string, ...options: string[]): Promise<BenchMount> => {
    const directory = join(dir, name);
    await mkdir(directory, { recursive: true });
    const staging = `dfs.client.mount.staging.dir=${join(dir, 'staging')}`;
    await dfs('mount', directory, '--log', join(dir, 'logs', 'mount.log'), '-D', staging, ...options);
    return { directory, stop: async () => void (await dfs('umount', directory)) };
  };
  return { namenode, dir, dfs, status, mount, stop };
}
