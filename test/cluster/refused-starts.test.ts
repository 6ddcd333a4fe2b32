/** Servers that must not run end at once, with exit code 1 and a sentence that says why. The others go on. */
import { join } from 'node:path';
import test from 'ava';
import { startCluster, waitFor } from './harness.js';
import { temporaryDirectory } from './support/files.js';
import { assertRefused, spawnServer } from './support/servers.js';

test.serial('servers refuse directories, ports, clusters and settings that are not theirs', async (t) => {
  const cluster = await startCluster(t);
  const other = await startCluster(t, { datanodes: 1, racks: 1 });
  const local = await temporaryDirectory(t);
  const ofNamenode = { 'dfs.namenode.rpc-address': cluster.namenode };

  const directory = cluster.dataDirectory('namenode');
  const holder = await cluster.pid('namenode');
  await assertRefused(t, 'namenode', { 'dfs.namenode.name.dir': directory }, new RegExp(`${directory}.*${holder}`));
  await assertRefused(
    t,
    'datanode',
    { ...ofNamenode, 'dfs.datanode.data.dir': cluster.dataDirectory(2) },
    new RegExp(`${cluster.dataDirectory(2)}.*${await cluster.pid(2)}`),
  );

  await cluster.kill9(3);
  const foreign = { 'dfs.namenode.rpc-address': other.namenode, 'dfs.datanode.data.dir': cluster.dataDirectory(3) };
  await assertRefused(t, 'datanode', foreign, /cluster.*CID-.*CID-/i);

  const unformatted = { 'dfs.namenode.name.dir': join(local, 'nothing') };
  await assertRefused(t, 'namenode', unformatted, /not formatted.*dfs namenode --format/);

  const fresh = { 'dfs.datanode.data.dir': join(local, 'fresh') };
  await assertRefused(
    t,
    'datanode',
    { ...ofNamenode, ...fresh, 'dfs.datanode.address': cluster.address(1) },
    new RegExp(`port ${cluster.address(1).split(':')[1]} .*in use`, 'i'),
  );

  await assertRefused(t, 'datanode', { 'dfs.datanode.rak': '/r' }, /dfs\.datanode\.rak.*dfs\.datanode\.rack/);
  await assertRefused(t, 'datanode', { 'dfs.datanode.rack': 'r7' }, /dfs\.datanode\.rack.*r7/);
  await assertRefused(t, 'namenode', { 'dfs.heartbeat.interval': 'soon' }, /dfs\.heartbeat\.interval.*soon/);
  await assertRefused(t, 'namenode', { 'dfs.namenode.rpc-address': 'localhost' }, /dfs\.namenode\.rpc-address/);

  // Whoever was there before has noticed nothing.
  await cluster.restart(3);
  t.is((await cluster.dfs(['put', '-', '/file'], { stdin: 'still here' })).code, 0);
  t.is((await cluster.dfs(['cat', '/file'])).stdout, 'still here');
});

test.serial('a DataNode that cannot reach its NameNode says so in its log, and joins as soon as it can', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await cluster.kill9('namenode');
  const local = await temporaryDirectory(t);
  const settings = { 'dfs.datanode.data.dir': join(local, 'd'), 'dfs.namenode.rpc-address': cluster.namenode };
  const datanode = spawnServer(t, 'datanode', { ...settings, 'dfs.datanode.rack': '/late' });
  let log = '';
  datanode.stdout?.on('data', (bytes: Buffer) => {
    log += bytes.toString();
  });
  await waitFor(() => /cannot register with the NameNode/.test(log), 'a line in the log');
  t.true(log.includes(cluster.namenode));
  await cluster.restart('namenode');
  const fs = await cluster.sdk();
  await waitFor(async () => (await fs.datanodeReport()).some(({ rack }) => rack === '/late'), 'the DataNode to join');
});
