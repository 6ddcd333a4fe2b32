/** DataNodes that are taken out of service by `dfs admin`, with real processes. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { DatanodeReport, FileSystem } from '../../client/index.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { waitUntilWhole } from './support/health.js';
import { replicasOf } from './support/replicas.js';

const BLOCK_BYTES = 128 * 1024;
const SETTINGS = { 'dfs.namenode.decommission.interval': '300ms', 'dfs.replication': '2' };

async function write(fs: FileSystem, path: string, blocks: number): Promise<Buffer> {
  const data = randomBytes(blocks * BLOCK_BYTES);
  const writer = await fs.create(path, { blockSize: BLOCK_BYTES });
  await writer.write(data);
  await writer.close();
  return data;
}

async function read(fs: FileSystem, path: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream(path)) parts.push(part as Buffer);
  return sha256(Buffer.concat(parts));
}

async function report(fs: FileSystem, cluster: TestCluster, index: number): Promise<DatanodeReport | undefined> {
  const port = Number(cluster.address(index).split(':')[1]);
  return (await fs.datanodeReport()).find(({ datanode }) => datanode.dataPort === port);
}

test('a DataNode is decommissioned, the NameNode restarts, and when the DataNode is gone nothing is missing', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t, { datanodes: 4, settings: SETTINGS });
  const fs = await cluster.sdk();
  const data = await write(fs, '/file', 16);
  await waitUntilWhole(fs);

  const address = cluster.address(1);
  const done = await cluster.dfs(['admin', 'decommission', '--wait', address]);
  t.is(done.code, 0, done.stderr);
  t.regex(done.stdout, new RegExp(`${address}: Decommissioned\\n$`));
  t.true((await replicasOf(cluster, 1)).length > 0, 'what it has stays there');

  await cluster.kill9('namenode');
  await cluster.restart('namenode');
  await waitFor(async () => {
    const result = await cluster.dfs(['report']);
    return result.stdout.includes('Decommission Status : Decommissioned');
  }, 'the NameNode to know it again');
  const later = await write(fs, '/later', 8);
  t.is((await report(fs, cluster, 1))?.blocks, (await replicasOf(cluster, 1)).length, 'nothing new is placed there');

  await cluster.kill9(1);
  await waitFor(async () => (await report(fs, cluster, 1))?.state === 'dead', 'it to be dead');
  const { summary } = await waitUntilWhole(fs);
  t.is(summary.missing + summary.underReplicated, 0);
  t.is(await read(fs, '/file'), sha256(data));
  t.is(await read(fs, '/later'), sha256(later));

  t.is((await cluster.dfs(['admin', '-forget', address])).code, 0);
  t.is(await report(fs, cluster, 1), undefined);
});

test('a DataNode in maintenance is away for a while, and nothing is copied for that', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t, { datanodes: 4, settings: SETTINGS });
  const fs = await cluster.sdk();
  await write(fs, '/file', 16);
  await waitUntilWhole(fs);
  const counts = async () => Promise.all([2, 3, 4].map(async (node) => (await replicasOf(cluster, node)).length));
  const before = await counts();

  const address = cluster.address(1);
  const entered = await cluster.dfs(['dfsadmin', '-maintenance', '-for', '1h', '--wait', address]);
  t.is(entered.code, 0, entered.stderr);
  t.regex(entered.stdout, /: In Maintenance until .* UTC\n$/);
  await cluster.kill9(1);
  await waitFor(async () => (await report(fs, cluster, 1))?.state === 'dead', 'it to be dead');
  const { underReplicatedBlocks, missingBlocks } = await fs.stats();
  t.deepEqual([underReplicatedBlocks, missingBlocks], [0, 0]);
  t.deepEqual(await counts(), before);

  await cluster.restart(1);
  t.is((await cluster.dfs(['admin', 'recommission', address])).code, 0);
  t.is((await report(fs, cluster, 1))?.adminState, 'normal');
  await waitUntilWhole(fs);
  t.deepEqual(await counts(), before);
});
