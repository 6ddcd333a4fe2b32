/** Links that are cut in one direction or in both, without a word, while the processes on both ends live on. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DFS_SCRIPT } from '../../client/cluster/package-root.js';
import { type CommandResult, FAST_SETTINGS, resultOf, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import type { FsckJson } from './support/health.js';
import { PrivateNetwork, whyNoNetwork } from './support/private-network.js';

const MIB = 2 ** 20;
const DATANODES = ['dn1', 'dn2', 'dn3', 'dn4'];
const HOSTS = ['nn', 'client', ...DATANODES];
const SETTINGS = { ...FAST_SETTINGS, 'dfs.namenode.safemode.extension': '0', 'dfs.client.socket-timeout': '3s' };

/** Runs the test where network name spaces can be made; elsewhere it is reported as skipped, with the reason. */
function testWithNetwork(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (whyNoNetwork === undefined) test.serial(title, implementation);
  else test.serial.skip(`${title} (${whyNoNetwork})`, implementation);
}

/** A NameNode, four DataNodes on two racks and a client, each on a machine of its own. */
class Machines {
  readonly network: PrivateNetwork;
  readonly #directory: string;

  private constructor(network: PrivateNetwork, directory: string) {
    this.network = network;
    this.#directory = directory;
  }

  static async start(t: ExecutionContext): Promise<Machines> {
    const directory = mkdtempSync(join(tmpdir(), 'dfs-network-'));
    t.teardown(() => rm(directory, { recursive: true }));
    const machines = new Machines(await PrivateNetwork.build(t, HOSTS), directory);
    const namenode = machines.#namenodeSettings();
    const format = [DFS_SCRIPT, 'namenode', '--format', ...namenode];
    t.is(spawnSync(process.execPath, format).status, 0);
    machines.#serve('nn', ['namenode', ...namenode]);
    for (const [index, host] of DATANODES.entries())
      machines.#serve(host, ['datanode', ...machines.#datanodeSettings(host, index)]);
    await waitFor(async () => (await machines.liveDatanodes()) === DATANODES.length, 'all DataNodes');
    return machines;
  }

  /** Runs `dfs` on the client's machine. */
  async dfs(args: readonly string[], stdin: string | Uint8Array = ''): Promise<CommandResult> {
    const child = this.spawnDfs(args);
    child.stdin?.on('error', () => {}); // a command that fails ends before it has read all
    child.stdin?.end(stdin);
    return await resultOf(child);
  }

  spawnDfs(args: readonly string[]): ChildProcess {
    const env = { ...process.env, DFS_NAMENODE: `${this.network.address('nn')}:8020` };
    return this.network.spawn(
      'client',
      [process.execPath, DFS_SCRIPT, ...args, '-D', 'dfs.client.socket-timeout=3s'],
      env,
    );
  }

  async liveDatanodes(): Promise<number> {
    const { stdout } = await this.dfs(['report', '-live']);
    return [...stdout.matchAll(/^Name: /gm)].length;
  }

  async isWhole(path: string): Promise<boolean> {
    const { stdout, code } = await this.dfs(['fsck', path, '--json']);
    if (code !== 0) return false;
    const report = JSON.parse(stdout) as FsckJson;
    return report.totalBlocks > 0 && report.underReplicated + report.overReplicated + report.misReplicated === 0;
  }

  /** A DataNode that is writing a block. */
  async writingDatanode(): Promise<string | undefined> {
    for (const host of DATANODES) {
      const unfinished = await readdir(join(this.#directory, host, 'current', 'rbw'));
      if (unfinished.length > 0) return host;
    }
    return undefined;
  }

  #serve(host: string, args: readonly string[]): void {
    this.network.spawn(host, [process.execPath, DFS_SCRIPT, ...args]).on('error', () => {}); // missed by those who wait for it
  }

  #namenodeSettings(): string[] {
    const address = this.network.address('nn');
    return settingArguments({
      'dfs.namenode.name.dir': join(this.#directory, 'nn'),
      'dfs.namenode.rpc-address': `${address}:8020`,
      'dfs.namenode.http-address': `${address}:9870`,
    });
  }

  #datanodeSettings(host: string, index: number): string[] {
    const address = this.network.address(host);
    return settingArguments({
      'dfs.datanode.data.dir': join(this.#directory, host),
      'dfs.datanode.address': `${address}:9866`,
      'dfs.datanode.ipc.address': `${address}:9867`,
      'dfs.datanode.http.address': `${address}:9864`,
      'dfs.datanode.rack': `/rack${index % 2}`,
      'dfs.namenode.rpc-address': `${this.network.address('nn')}:8020`,
    });
  }
}

function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
}

testWithNetwork(
  'a DataNode that is heard no more is replaced, although it hears everything; and taken back',
  async (t) => {
    const machines = await Machines.start(t);
    const data = randomBytes(5 * MIB);
    t.is((await machines.dfs(['put', '-', '/file', '-D', 'dfs.blocksize=1m'], data)).code, 0);
    machines.network.cut('dn1', 'nn');
    await waitFor(async () => (await machines.liveDatanodes()) === 3, 'the DataNode to be given up');
    await waitFor(() => machines.isWhole('/'), 'its blocks to be copied');
    machines.network.mend('dn1', 'nn');
    await waitFor(async () => (await machines.liveDatanodes()) === 4, 'the DataNode to be back');
    await waitFor(() => machines.isWhole('/'), 'surplus replicas to go');
    t.is((await machines.dfs(['cat', '/file'])).code, 0);
  },
);

const ONE_WAY_CUTS: Readonly<Record<string, (network: PrivateNetwork, host: string, other: string) => void>> = {
  'whose packets arrive nowhere': (network, host, other) => network.cut(host, other),
  'that nothing reaches': (network, host, other) => network.cut(other, host),
};

for (const [what, cut] of Object.entries(ONE_WAY_CUTS)) {
  testWithNetwork(`a put goes on when one of its DataNodes is one ${what}`, async (t) => {
    const machines = await Machines.start(t);
    const data = randomBytes(6 * MIB);
    const put = machines.spawnDfs(['put', '-D', 'dfs.blocksize=64m', '-', '/file']);
    const result = resultOf(put);
    put.stdin?.write(data.subarray(0, 3 * MIB));
    const datanode = await waitFor(() => machines.writingDatanode(), 'the pipeline');
    for (const other of HOSTS) if (other !== datanode) cut(machines.network, datanode, other);
    put.stdin?.end(data.subarray(3 * MIB));
    const { code, stderr } = await result;
    t.deepEqual([code, stderr], [0, '']);
    await waitFor(() => machines.isWhole('/'), 'three replicas without that DataNode');
    t.is(await hashOf(machines, '/file'), sha256(data));
  });
}

testWithNetwork('a client that is cut off from the NameNode for a while goes on with its put', async (t) => {
  const machines = await Machines.start(t);
  const data = randomBytes(6 * MIB);
  const put = machines.spawnDfs(['put', '-D', 'dfs.blocksize=1m', '-', '/file']);
  const result = resultOf(put);
  put.stdin?.write(data.subarray(0, 2 * MIB));
  await waitFor(async () => (await machines.dfs(['test', '-e', '/file._COPYING_'])).code === 0, 'the file');
  machines.network.cut('nn', 'client');
  put.stdin?.end(data.subarray(2 * MIB));
  // The answers do not come; what was asked for was done. With the first repeat that is answered, it goes on.
  await waitFor(() => machines.network.hasUnheard('nn', 'client'), 'answers to get lost');
  machines.network.mend('nn', 'client');
  const { code, stderr } = await result;
  t.deepEqual([code, stderr], [0, '']);
  t.is(await hashOf(machines, '/file'), sha256(data));
});

async function hashOf(machines: Machines, path: string): Promise<string> {
  const child = machines.spawnDfs(['cat', path]);
  const parts: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => parts.push(bytes));
  await new Promise((resolve) => child.once('close', resolve));
  return sha256(Buffer.concat(parts));
}
