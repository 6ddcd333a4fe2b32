/** Disks that fill up under DataNodes and under the NameNode. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { FileSystem } from '../../client/index.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { assertFsckWhole, healthOf, waitUntilWhole } from './support/health.js';
import { assertRefused } from './support/servers.js';
import { fillDisk, mountSmallDisk, whyNoSmallDisks } from './support/small-disk.js';

const MIB = 2 ** 20;

/** Runs the test where disks can be mounted; elsewhere it is reported as skipped, with the reason. */
function testWithDisks(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (whyNoSmallDisks === undefined) test.serial(title, implementation);
  else test.serial.skip(`${title} (${whyNoSmallDisks})`, implementation);
}

async function hashOf(fs: FileSystem, path: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream(path)) parts.push(part as Buffer);
  return sha256(Buffer.concat(parts));
}

async function moveToSmallDisk(
  t: ExecutionContext,
  cluster: TestCluster,
  datanode: number,
  size: string,
): Promise<void> {
  await cluster.stop(datanode);
  await mountSmallDisk(t, cluster.dataDirectory(datanode), size);
  await cluster.restart(datanode);
}

testWithDisks('a DataNode whose disk fills up is left out, and used again when there is space', async (t) => {
  const cluster = await startCluster(t, { datanodes: 4 });
  const fs = await cluster.sdk();
  await moveToSmallDisk(t, cluster, 1, '14m');
  const pid = await cluster.pid(1);
  const data = randomBytes(40 * MIB);
  const writer = await fs.create('/large', { blockSize: 2 * MIB });
  await writer.write(data);
  await writer.close();
  t.is(await hashOf(fs, '/large'), sha256(data));
  await waitUntilWhole(fs);
  await assertFsckWhole(t, cluster);
  t.is(await cluster.pid(1), pid, 'it is still running');

  await fs.delete('/large');
  const port = Number(cluster.address(1).split(':')[1]);
  await waitFor(async () => {
    const report = (await fs.datanodeReport()).find(({ datanode }) => datanode.dataPort === port);
    return report?.blocks === 0 && report.remainingBytes > 10 * MIB;
  }, 'the space to be given back');
  await waitFor(async () => {
    const path = `/small-${randomBytes(4).toString('hex')}`;
    const small = await fs.create(path, { blockSize: MIB });
    await small.write(randomBytes(1_000));
    await small.close();
    const replicas = (await healthOf(fs, path)).files[0]?.blocks[0]?.replicas ?? [];
    return replicas.some(({ datanode }) => datanode.dataPort === port);
  }, 'a replica on the DataNode that was full');
});

testWithDisks('a put that no disk has room for fails with the reason of each DataNode', async (t) => {
  const cluster = await startCluster(t);
  for (const datanode of [1, 2, 3]) await moveToSmallDisk(t, cluster, datanode, '12m');
  const pids = await Promise.all([1, 2, 3].map((datanode) => cluster.pid(datanode)));
  const small = await cluster.dfs(['put', '-D', 'dfs.blocksize=1m', '-', '/small'], { stdin: 'small' });
  t.deepEqual([small.code, small.stderr], [0, '']);
  const put = await cluster.dfs(['put', '-D', 'dfs.blocksize=1m', '-', '/large'], { stdin: randomBytes(40 * MIB) });
  t.is(put.code, 1);
  t.regex(put.stderr, /^put: .*\/large.*\n$/, 'one line');
  for (const datanode of [1, 2, 3]) t.true(put.stderr.includes(cluster.address(datanode)), put.stderr);
  t.regex(put.stderr, /free, .* needed|left for a new replica|disk is full/);
  t.is((await cluster.dfs(['cat', '/small'])).stdout, 'small');
  t.deepEqual(await Promise.all([1, 2, 3].map((datanode) => cluster.pid(datanode))), pids, 'all are still running');
  // What the failed put has written does not take the space for ever.
  await waitFor(async () => {
    const again = await cluster.dfs(['put', '-f', '-D', 'dfs.blocksize=1m', '-', '/again'], {
      stdin: randomBytes(2 * MIB),
    });
    return again.code === 0;
  }, 'space for another file');
});

/** A cluster whose NameNode has a disk of 16 MiB. */
async function startOnSmallDisk(t: ExecutionContext, settings: Record<string, string>): Promise<TestCluster> {
  const cluster = await startCluster(t, { settings });
  await cluster.dfs(['cluster', 'stop', '--dir', cluster.directory]);
  await mountSmallDisk(t, cluster.dataDirectory('namenode'), '16m');
  const start = await cluster.dfs(['cluster', 'start', '--detach', '--dir', cluster.directory]);
  t.deepEqual([start.code, start.stderr], [0, '']);
  return cluster;
}

testWithDisks('a NameNode whose disk is nearly full turns to safe mode, and back when there is space', async (t) => {
  const settings = { 'dfs.namenode.resource.du.reserved': '2m', 'dfs.namenode.resource.check.interval': '100ms' };
  const cluster = await startOnSmallDisk(t, settings);
  const fs = await cluster.sdk();
  const pid = await cluster.pid('namenode');
  await fs.mkdir('/before');
  const giveBack = await fillDisk(cluster.dataDirectory('namenode'), MIB);
  const message = await waitFor(async () => {
    const safeMode = await fs.safeMode('get');
    return safeMode.on && safeMode.message;
  }, 'safe mode');
  t.regex(message, /disk is nearly full/);
  const mkdir = await cluster.dfs(['mkdir', '/during']);
  t.is(mkdir.code, 1);
  t.regex(mkdir.stderr, /^mkdir: .*safe mode.*disk.*full.*\n$/i);
  t.is((await cluster.dfs(['ls', '-C', '/'])).stdout, '/before\n', 'it can be read');
  await giveBack();
  await waitFor(async () => !(await fs.safeMode('get')).on, 'safe mode to end by itself');
  await fs.mkdir('/after');
  t.is(await cluster.pid('namenode'), pid, 'it is still running');
});

testWithDisks('a disk that is full before the NameNode notices costs nothing that was acknowledged', async (t) => {
  const settings = { 'dfs.namenode.resource.du.reserved': '0' };
  const cluster = await startOnSmallDisk(t, settings);
  const configuration = loadConfiguration({ overrides: { 'dfs.client.retry.max.total': '1s' } });
  const fs = await cluster.sdk({ configuration });
  const directory = cluster.dataDirectory('namenode');
  const giveBack = await fillDisk(directory);
  const done: string[] = [];
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: 8 }, async (_, worker) => {
      for (let i = 0; failures.length === 0; i++) {
        const name = `dir-${worker}-${i}`;
        await fs.mkdir(`/${name}`).then(
          () => done.push(name),
          (error: unknown) => failures.push(error),
        );
      }
    }),
  );
  const isAlive = async (): Promise<boolean> => (await cluster.status()).namenode.alive;
  if (!/full/i.test(String(failures[0]))) {
    // Only the tables could not be written: the NameNode takes the rest from its log at the next start.
    await waitFor(async () => !(await isAlive()), 'the NameNode to end');
    t.regex(await readFile(cluster.logFile('namenode'), 'utf8'), /namenode: .*full/);
    await assertRefused(t, 'namenode', { ...settings, 'dfs.namenode.name.dir': directory }, /full/);
  }
  await giveBack();
  await waitFor(async () => {
    if (!(await isAlive())) await cluster.restart('namenode');
    return await fs.mkdir('/after').then(
      () => true,
      () => false,
    );
  }, 'changes to be taken again');
  const names = new Set<string>();
  for await (const { name } of fs.list('/')) names.add(name);
  for (const name of done) t.true(names.has(name), name);
});
