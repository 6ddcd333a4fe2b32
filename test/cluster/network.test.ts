/** Links that are cut in one direction or in both, without a word, while the processes on both ends live on. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FAST_SETTINGS, resultOf, waitFor } from './harness.js';
import { clearAway, startWatchdog } from './support/clear-away.js';
import { sha256 } from './support/files.js';
import { hostNames, hostOf, Machines } from './support/machines.js';
import { PrivateNetwork, whyNoNetwork } from './support/private-network.js';

const MIB = 2 ** 20;
const DATANODES = 4;
const HOSTS = hostNames(DATANODES);
const SETTINGS = { ...FAST_SETTINGS, 'dfs.namenode.safemode.extension': '0', 'dfs.client.socket-timeout': '3s' };

/** Runs the test where network name spaces can be made; elsewhere it is reported as skipped, with the reason. */
function testWithNetwork(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (whyNoNetwork === undefined) test.serial(title, implementation);
  else test.serial.skip(`${title} (${whyNoNetwork})`, implementation);
}

/** A NameNode, four DataNodes on two racks and a client, each on a host of its own, for as long as the test lives. */
async function startMachines(t: ExecutionContext): Promise<{ machines: Machines; network: PrivateNetwork }> {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-network-'));
  const watchdog = startWatchdog(directory);
  t.teardown(async () => {
    await clearAway(directory);
    watchdog.kill('SIGKILL');
  });
  const { network, clear } = await PrivateNetwork.build(HOSTS);
  t.teardown(clear);
  const machines = new Machines({
    directory,
    hosts: network,
    datanodes: DATANODES,
    settings: SETTINGS,
    clientSettings: { 'dfs.client.socket-timeout': '3s' },
  });
  await machines.startAll();
  return { machines, network };
}

/** The host of a DataNode that is writing a block. */
async function writingDatanode(machines: Machines): Promise<string | undefined> {
  for (const datanode of machines.datanodeNumbers) {
    for (const directory of machines.dataDirectories(datanode)) {
      if ((await readdir(join(directory, 'current', 'rbw'))).length > 0) return hostOf(datanode);
    }
  }
  return undefined;
}

testWithNetwork(
  'a DataNode that is heard no more is replaced, although it hears everything; and taken back',
  async (t) => {
    const { machines, network } = await startMachines(t);
    const data = randomBytes(5 * MIB);
    t.is((await machines.dfs(['put', '-', '/file', '-D', 'dfs.blocksize=1m'], data)).code, 0);
    network.cut('dn1', 'nn');
    await waitFor(async () => (await machines.liveDatanodes()) === 3, 'the DataNode to be given up');
    await waitFor(() => machines.isWhole('/'), 'its blocks to be copied');
    network.mend('dn1', 'nn');
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
    const { machines, network } = await startMachines(t);
    const data = randomBytes(6 * MIB);
    const put = machines.spawnDfs(['put', '-D', 'dfs.blocksize=64m', '-', '/file']);
    const result = resultOf(put);
    put.stdin?.write(data.subarray(0, 3 * MIB));
    const datanode = await waitFor(() => writingDatanode(machines), 'the pipeline');
    for (const other of HOSTS) if (other !== datanode) cut(network, datanode, other);
    put.stdin?.end(data.subarray(3 * MIB));
    const { code, stderr } = await result;
    t.deepEqual([code, stderr], [0, '']);
    await waitFor(() => machines.isWhole('/'), 'three replicas without that DataNode');
    t.is(await hashOf(machines, '/file'), sha256(data));
  });
}

testWithNetwork('a client that is cut off from the NameNode for a while goes on with its put', async (t) => {
  const { machines, network } = await startMachines(t);
  const data = randomBytes(6 * MIB);
  const put = machines.spawnDfs(['put', '-D', 'dfs.blocksize=1m', '-', '/file']);
  const result = resultOf(put);
  put.stdin?.write(data.subarray(0, 2 * MIB));
  await waitFor(async () => (await machines.dfs(['test', '-e', '/file._COPYING_'])).code === 0, 'the file');
  network.cut('nn', 'client');
  put.stdin?.end(data.subarray(2 * MIB));
  // The answers do not come; what was asked for was done. With the first repeat that is answered, it goes on.
  await waitFor(() => network.hasUnheard('nn', 'client'), 'answers to get lost');
  network.mend('nn', 'client');
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
