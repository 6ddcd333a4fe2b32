import test from 'ava';
import { SlowNodes } from '../../client/slow-nodes.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const THRESHOLD = 'dfs.client.mark.slownode.as.badnode.threshold';

test('a DataNode is too slow once it was slow with so many packets in a row', (t) => {
  const nodes = new SlowNodes(3, 3);
  const slow = [false, true, false];
  t.is(nodes.count(slow), undefined);
  t.is(nodes.count(slow), undefined);
  t.is(nodes.count(undefined), undefined, 'once fast');
  t.is(nodes.count(slow), undefined);
  t.is(nodes.count(slow), undefined);
  t.is(nodes.count(slow), 1);
});

test('when all are slow, nobody is too slow', (t) => {
  const nodes = new SlowNodes(2, 1);
  t.is(nodes.count([true, true]), undefined);
  t.is(nodes.count([true, false]), 0);
  t.is(new SlowNodes(1, 1).count([true]), undefined);
});

test('a threshold of 0 keeps everybody', (t) => {
  const nodes = new SlowNodes(2, 0);
  for (let i = 0; i < 100; i++) t.is(nodes.count([true, false]), undefined);
});

for (const [index, name] of ['first', 'second', 'last'].entries()) {
  test(`a write goes on without the ${name} DataNode when that is slow, and no packet is sent twice`, async (t) => {
    const cluster = new FakeCluster(['a', 'b', 'c']);
    const fs = await cluster.connect({ [THRESHOLD]: '2', 'dfs.client.write.max-packets-in-flight': '1' });
    cluster.datanode(index).misbehaviour.slow = () => true;
    const content = testBytes(16 * 1024);
    const writer = await fs.create('/f');
    for (let at = 0; at < content.length; at += 4096) {
      await writer.write(content.subarray(at, at + 4096));
      await writer.hflush();
    }
    await writer.close();
    t.true(cluster.content('/f').equals(content));
    t.deepEqual(
      cluster.file('/f').blocks[0]?.nodes,
      cluster.datanodes.filter((_, other) => other !== index),
    );
    const [other] = cluster.datanodes.filter((_, position) => position !== index);
    t.deepEqual(other?.packetsReceived, [0, 1, 2, 3, 4]);
    await fs.close();
  });
}

test('the last packet is not held against anybody', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect({ [THRESHOLD]: '1' });
  cluster.datanode(0).misbehaviour.slow = ({ last }) => last;
  const writer = await fs.create('/f');
  await writer.write(testBytes(100));
  await writer.close();
  t.is(cluster.called('UpdatePipeline').length, 0);
  await fs.close();
});
