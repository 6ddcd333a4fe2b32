/**
 * Clusters of real processes for tests. Each has its own directory and ports, and is gone after its test, whatever happened: at the end
 * of the test, and by a watchdog when the process that runs the test is killed.
 *
 *     const cluster = await startCluster(t, { datanodes: 3, settings: { 'dfs.replication': '2' } });
 *     await cluster.dfs(['put', 'file', '/']);
 *     await cluster.kill9(2);
 *     await waitFor(async () => (await cluster.sdk()).…, 'the replicas to be back');
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import { type DatanodeLayout, HOST } from '../../client/cluster/layout.js';
import { type ClusterStatus, LocalCluster } from '../../client/cluster/local-cluster.js';
import { DFS_SCRIPT } from '../../client/cluster/package-root.js';
import { isFree } from '../../client/cluster/ports.js';
import { type ConnectOptions, FileSystem } from '../../client/index.js';
import { sleep, systemClock } from '../../common/clock.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import { systemRandom } from '../../common/random.js';
import { clearAway, startWatchdog } from './support/clear-away.js';

/** `'namenode'`, or the number of a DataNode, from 1 on. */
export type NodeName = 'namenode' | number;

export interface TestClusterOptions {
  /** Default: 3. */
  readonly datanodes?: number;
  /** Default: 2. */
  readonly racks?: number;
  /** Besides {@link FAST_SETTINGS}, which they win over. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Failures are noticed within about a second, and small blocks are allowed. */
export const FAST_SETTINGS: Readonly<Record<string, string>> = {
  'dfs.heartbeat.interval': '100ms',
  'dfs.namenode.heartbeat.recheck-interval': '500ms',
  'dfs.namenode.stale.datanode.interval': '500ms',
  'dfs.namenode.redundancy.interval.seconds': '200ms',
  'dfs.namenode.reconstruction.pending.timeout-sec': '5s',
  'dfs.namenode.fs-limits.min-block-size': '4096',
};

const WAIT_TIMEOUT_MS = 60_000;
const WAIT_INTERVAL_MS = 25;

/**
 * Returns the first value of `condition` that is neither false nor undefined.
 * @param what what is waited for, for the message when it does not come.
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  timeoutMs = WAIT_TIMEOUT_MS,
): Promise<T> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (systemClock.monotonicMs() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await sleep(systemClock, WAIT_INTERVAL_MS);
  }
}

/** Starts a cluster that lives as long as the test. */
export async function startCluster(t: ExecutionContext, options: TestClusterOptions = {}): Promise<TestCluster> {
  const { started, clear } = launchCluster(options);
  t.teardown(clear);
  return await started;
}

/** One cluster for all tests of a file; what is returned gives it, from within a test. */
export function sharedCluster(test: TestFn, options: TestClusterOptions = {}): () => TestCluster {
  let cluster: TestCluster | undefined;
  let clear = async (): Promise<void> => {};
  test.before(async () => {
    const launched = launchCluster(options);
    clear = launched.clear;
    cluster = await launched.started;
  });
  test.after.always(() => clear());
  return () => {
    if (cluster === undefined) throw new Error('the cluster has not been started');
    return cluster;
  };
}

/** For those who are no test: a cluster that lives until `clear` is called, or until this process ends. */
export function launchCluster(options: TestClusterOptions): {
  started: Promise<TestCluster>;
  clear: () => Promise<void>;
} {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-cluster-'));
  const watchdog = startWatchdog(directory);
  const ports = takePorts();
  const started = ports
    .then(({ basePort }) => startOnFreePorts(directory, options, basePort))
    .then((cluster) => new TestCluster(cluster));
  return {
    started,
    async clear() {
      await started.then((cluster) => cluster.disconnect()).catch(() => undefined); // the test has failed of that already
      await clearAway(directory);
      watchdog.kill('SIGKILL');
      await ports.then(
        ({ guard }) => guard.close(),
        () => undefined,
      );
    },
  };
}

export class TestCluster {
  readonly #cluster: LocalCluster;
  readonly #connections: FileSystem[] = [];

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
  }

  /** `host:port` for clients. */
  get namenode(): string {
    return this.#cluster.namenodeAddress;
  }

  get directory(): string {
    return this.#cluster.directory;
  }

  async status(): Promise<ClusterStatus> {
    return await this.#cluster.status();
  }

  /** `host:port` of the data plane of a DataNode. */
  address(index: number): string {
    return `127.0.0.1:${this.#datanode(index).dataPort}`;
  }

  dataDirectory(node: NodeName): string {
    return join(this.directory, node === 'namenode' ? node : `datanode-${node}`);
  }

  /** Of one DataNode. */
  dataDirectories(datanode: number): readonly string[] {
    return [this.dataDirectory(datanode)];
  }

  get datanodeNumbers(): readonly number[] {
    return this.#cluster.layout.datanodes.map(({ index }) => index);
  }

  logFile(node: NodeName): string {
    return join(this.directory, 'logs', `${node === 'namenode' ? node : `datanode-${node}`}.log`);
  }

  /** Of the running process. */
  async pid(node: NodeName): Promise<number> {
    const { namenode, datanodes } = await this.status();
    const found = node === 'namenode' ? namenode : datanodes[node - 1];
    if (found?.alive !== true || found.pid === null) throw new Error(`${node} is not running`);
    return found.pid;
  }

  /** Returns when the process is gone. */
  async kill9(node: NodeName): Promise<void> {
    const pid = await this.pid(node);
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => !(await this.#isAlive(node)), `the end of ${node}`);
  }

  /** Stops a DataNode in order. */
  async stop(index: number): Promise<void> {
    await this.#cluster.stopDatanode(this.#datanode(index));
  }

  /** Starts a process that has ended; returns when the cluster can be used. */
  async restart(node: NodeName): Promise<void> {
    const { signal } = new AbortController();
    if (node === 'namenode') await this.#cluster.start(signal);
    else await this.#cluster.startDatanode(this.#datanode(node), signal);
  }

  /** Returns the number of the new DataNode. */
  async addDatanode(rack?: string): Promise<number> {
    await this.#cluster.addDatanode(rack, new AbortController().signal);
    return this.#cluster.layout.datanodes.length;
  }

  /** A connection that is closed at the end of the test. Unless `options` have a configuration, it reads over the network: that can fail. */
  async sdk(options: Partial<ConnectOptions> = {}): Promise<FileSystem> {
    const configuration = loadConfiguration({ overrides: { 'dfs.client.read.shortcircuit': 'false' } });
    const fs = await FileSystem.connect({ namenode: this.namenode, configuration, ...options });
    this.#connections.push(fs);
    return fs;
  }

  /** Runs the command `dfs` on this cluster. */
  async dfs(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = this.spawnDfs(args, options);
    child.stdin?.end(options.stdin ?? '');
    return await resultOf(child);
  }

  /** The same, for tests that do something with the process. */
  spawnDfs(args: readonly string[], { cwd, env = {} }: CommandOptions = {}): ChildProcess {
    const child = spawn(process.execPath, [DFS_SCRIPT, ...args], {
      cwd: cwd ?? this.directory,
      env: { ...process.env, DFS_NAMENODE: this.namenode, ...env },
    });
    child.stdin.on('error', () => {}); // a command that fails ends before it has read all
    return child;
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#connections.map((fs) => fs.close()));
  }

  async #isAlive(node: NodeName): Promise<boolean> {
    const { namenode, datanodes } = await this.status();
    return (node === 'namenode' ? namenode : datanodes[node - 1])?.alive === true;
  }

  #datanode(index: number): DatanodeLayout {
    const datanode = this.#cluster.layout.datanodes[index - 1];
    if (datanode === undefined) throw new Error(`there is no DataNode ${index}`);
    return datanode;
  }
}

/** What a process printed, and how it ended. */
export async function resultOf(child: ChildProcess): Promise<CommandResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), code };
}

// ---- Ports -------------------------------------------------------------------------------------------------------------

/** Below the range from which the system takes ports for outgoing connections: nobody else gets them by chance. */
const FIRST_PORT = 18_000;
const LAST_PORT = 30_000;
const PORTS_PER_CLUSTER = 200;
const ATTEMPTS = 100;

async function startOnFreePorts(
  directory: string,
  options: TestClusterOptions,
  basePort: number,
): Promise<LocalCluster> {
  const { datanodes, racks, settings } = options;
  const request = { datanodes, racks, basePort, settings: { ...FAST_SETTINGS, ...settings } };
  const cluster = await LocalCluster.prepare(directory, request, systemClock);
  await cluster.start(new AbortController().signal);
  return cluster;
}

/** Ports that no other test has, not even while a process of this one is not running: as long as `guard` listens on the last of them. */
interface PortRange {
  readonly basePort: number;
  readonly guard: Server;
}

async function takePorts(): Promise<PortRange> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const range = systemRandom.int((LAST_PORT - FIRST_PORT) / PORTS_PER_CLUSTER);
    const basePort = FIRST_PORT + PORTS_PER_CLUSTER * range;
    const guard = createServer();
    const listening = once(guard, 'listening').then(
      () => true,
      () => false,
    );
    guard.listen({ host: HOST, port: basePort + PORTS_PER_CLUSTER - 1, exclusive: true });
    if (!(await listening)) continue;
    if (await isFree(basePort)) return { basePort, guard: guard.unref() };
    guard.close();
  }
  throw new Error(`no free ports between ${FIRST_PORT} and ${LAST_PORT} after ${ATTEMPTS} attempts`);
}
