import test from 'ava';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const PACKET = 4096;
const BLOCK = 16 * 1024;
const POLICY = 'dfs.client.block.write.replace-datanode-on-failure.policy';
const BEST_EFFORT = 'dfs.client.block.write.replace-datanode-on-failure.best-effort';
const ENABLE = 'dfs.client.block.write.replace-datanode-on-failure.enable';

function clusterOf(...names: string[]): FakeCluster {
  const cluster = new FakeCluster(names);
  cluster.replicationMax = 3;
  return cluster;
}

/** The node dies when packet `count` of what it gets reaches it. */
function dieAt(cluster: FakeCluster, index: number, count: number): void {
  let seen = 0;
  cluster.datanode(index).misbehaviour.onPacket = () => (++seen === count ? 'die' : undefined);
}

const hostsOf = (cluster: FakeCluster): string[] => cluster.file('/f').blocks[0]?.nodes.map(({ host }) => host) ?? [];

for (const index of [0, 1, 2]) {
  test(`DataNode ${index} of three is replaced at once where that is always wanted`, async (t) => {
    const cluster = clusterOf('a', 'b', 'c', 'd', 'e');
    const fs = await cluster.connect({ [POLICY]: 'ALWAYS' });
    dieAt(cluster, index, 3);
    const content = testBytes(BLOCK);
    const writer = await fs.create('/f');
    await writer.write(content);
    await writer.close();
    t.true(cluster.content('/f').equals(content));
    t.is(hostsOf(cluster).length, 3);
    t.true(hostsOf(cluster).includes('d'));
    await fs.close();
  });
}

test('by default a lost DataNode is replaced when the block was flushed', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd');
  const fs = await cluster.connect();
  dieAt(cluster, 1, 2);
  const content = testBytes(3000);
  const writer = await fs.create('/f');
  await writer.write(content.subarray(0, 1000));
  await writer.hflush();
  await writer.write(content.subarray(1000));
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster).sort(), ['a', 'c', 'd']);
  await fs.close();
});

test('by default a lost DataNode of a block that nobody has seen is left to the NameNode', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd');
  const fs = await cluster.connect();
  dieAt(cluster, 1, 3);
  const writer = await fs.create('/f');
  await writer.write(testBytes(BLOCK));
  await writer.close();
  t.deepEqual(hostsOf(cluster), ['a', 'c']);
  t.is(cluster.called('GetAdditionalDatanode').length, 0);
  await fs.close();
});

test('by default the last DataNode of three gets another one beside it', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd', 'e');
  const fs = await cluster.connect();
  dieAt(cluster, 0, 2);
  dieAt(cluster, 1, 3);
  const content = testBytes(BLOCK);
  const writer = await fs.create('/f');
  await writer.write(content);
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster).sort(), ['c', 'd']);
  await fs.close();
});

test('a DataNode that cannot get its copy is passed over for the next one', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd', 'e');
  const fs = await cluster.connect({ [POLICY]: 'ALWAYS' });
  dieAt(cluster, 0, 3);
  cluster.datanode(3).alive = false;
  const content = testBytes(BLOCK);
  const writer = await fs.create('/f');
  await writer.write(content);
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster).sort(), ['b', 'c', 'e']);
  t.deepEqual(cluster.called('GetAdditionalDatanode')[1].excludeDatanodes, [
    cluster.datanode(0).uuid,
    cluster.datanode(3).uuid,
  ]);
  await fs.close();
});

test('when no DataNode is to be had the write goes on with those that are left', async (t) => {
  const cluster = clusterOf('a', 'b', 'c');
  const fs = await cluster.connect({ [POLICY]: 'ALWAYS' });
  dieAt(cluster, 2, 2);
  const content = testBytes(BLOCK);
  const writer = await fs.create('/f');
  await writer.write(content);
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster), ['a', 'b']);
  await fs.close();
});

test('without best effort the write fails then, as in HDFS', async (t) => {
  const cluster = clusterOf('a', 'b', 'c');
  const fs = await cluster.connect({ [POLICY]: 'ALWAYS', [BEST_EFFORT]: 'false' });
  dieAt(cluster, 2, 2);
  const writer = await fs.create('/f');
  await writer.write(testBytes(BLOCK));
  const error = await t.throwsAsync(writer.close(), { name: 'PipelineFailed' });
  t.regex(error.message, /Failed to replace a bad datanode .* \(current=\[a:9866, b:9866\]\).* policy is ALWAYS/);
  t.regex(error.message, /\(c:9866: .*\)$/);
  await fs.close();
});

test('nothing is replaced where that is switched off', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd');
  const fs = await cluster.connect({ [POLICY]: 'ALWAYS', [ENABLE]: 'false' });
  dieAt(cluster, 1, 2);
  const writer = await fs.create('/f');
  await writer.write(testBytes(BLOCK));
  await writer.close();
  t.deepEqual(hostsOf(cluster), ['a', 'c']);
  await fs.close();
});

test('a block that is closed is not copied any more', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd');
  const fs = await cluster.connect({ [POLICY]: 'ALWAYS' });
  cluster.datanode(1).misbehaviour.onPacket = ({ last }) => (last ? 'die' : undefined);
  const writer = await fs.create('/f');
  await writer.write(testBytes(BLOCK));
  await writer.close();
  t.deepEqual(hostsOf(cluster), ['a', 'c']);
  await fs.close();
});

test('a block that is appended to gets the DataNodes that it lacks first', async (t) => {
  const cluster = clusterOf('a', 'b', 'c');
  const content = testBytes(5000);
  cluster.put('/f', content.subarray(0, 3000), BLOCK);
  const [placed] = cluster.file('/f').blocks;
  if (placed === undefined) throw new Error('no block');
  placed.nodes = cluster.datanodes.slice(0, 2);
  cluster.datanode(2).replicas.clear();
  const fs = await cluster.connect();
  const writer = await fs.append('/f');
  await writer.write(content.subarray(3000));
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster), ['a', 'b', 'c']);
  await fs.close();
});

test('a new block whose DataNodes all die before they acknowledge anything is written anew elsewhere', async (t) => {
  const cluster = clusterOf('a', 'b', 'c', 'd', 'e');
  const fs = await cluster.connect();
  for (const index of [0, 1, 2]) dieAt(cluster, index, 1);
  const content = testBytes(BLOCK + PACKET);
  const writer = await fs.create('/f');
  await writer.write(content);
  await writer.close();
  t.true(cluster.content('/f').equals(content));
  t.is(cluster.called('AbandonBlock').length, 1);
  t.deepEqual(hostsOf(cluster), ['d', 'e']);
  await fs.close();
});

test('a block with acknowledged bytes is never given back, and the error names all DataNodes', async (t) => {
  const cluster = clusterOf('a', 'b', 'c');
  const fs = await cluster.connect();
  for (const index of [0, 1, 2]) dieAt(cluster, index, 2);
  const writer = await fs.create('/f');
  await writer.write(testBytes(100));
  await writer.hflush();
  await writer.write(testBytes(100));
  const error = await t.throwsAsync(writer.close(), { name: 'PipelineFailed' });
  for (const host of ['a', 'b', 'c']) t.true(error.message.includes(`${host}:9866: `), error.message);
  t.is(cluster.called('AbandonBlock').length, 0);
  await fs.close();
});
