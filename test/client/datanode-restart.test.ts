import test from 'ava';
import { FakeClock } from '../support/fake-clock.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const BLOCK = 16 * 1024;

/** The node says at packet `count` that it restarts, and is gone. */
function restartAt(cluster: FakeCluster, index: number, count: number): void {
  let seen = 0;
  cluster.datanode(index).misbehaviour.onPacket = () => (++seen === count ? 'restart' : undefined);
}

const hostsOf = (cluster: FakeCluster): string[] => cluster.file('/f').blocks[0]?.nodes.map(({ host }) => host) ?? [];

async function write(cluster: FakeCluster, clientHost: string): Promise<{ written: Promise<void>; content: Buffer }> {
  const fs = await cluster.connect({}, clientHost);
  const content = testBytes(BLOCK);
  const writer = await fs.create('/f');
  await writer.write(content.subarray(0, 100));
  await writer.hflush();
  const write = async (): Promise<void> => {
    await writer.write(content.subarray(100));
    await writer.close();
    await fs.close();
  };
  return { written: write(), content };
}

test('a writer waits for the only DataNode of its pipeline', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a'], clock);
  restartAt(cluster, 0, 2);
  const { written, content } = await write(cluster, '');
  await clock.advance(20_000);
  t.false(cluster.datanode(0).alive);
  t.is(cluster.called('UpdateBlockForPipeline').length, 0, 'no stamp is taken as long as it is away');
  cluster.datanode(0).alive = true;
  await clock.advance(1_000);
  await written;
  t.true(cluster.content('/f').equals(content));
});

test('a writer waits for the DataNode on its own machine, wherever it stands', async (t) => {
  for (const index of [0, 1, 2]) {
    const clock = new FakeClock();
    const cluster = new FakeCluster(['a', 'b', 'c'], clock);
    restartAt(cluster, index, 3);
    const { written, content } = await write(cluster, cluster.datanode(index).host);
    await clock.advance(5_000);
    cluster.datanode(index).alive = true;
    await clock.advance(1_000);
    await written;
    t.true(cluster.content('/f').equals(content));
    t.deepEqual(hostsOf(cluster), ['a', 'b', 'c']);
  }
});

test('others are not waited for: the rest of the pipeline goes on at once', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c'], new FakeClock());
  restartAt(cluster, 1, 2);
  const { written, content } = await write(cluster, 'a');
  await written;
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster), ['a', 'c']);
});

test('a DataNode that does not come back in time is left out', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a', 'b', 'c'], clock);
  restartAt(cluster, 0, 2);
  const { written, content } = await write(cluster, 'a');
  await clock.advance(29_000);
  t.is(cluster.called('UpdatePipeline').length, 0);
  await clock.advance(1_000);
  await written;
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(hostsOf(cluster), ['b', 'c']);
});

test('when it was the only one, the error says that it has not come back', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a'], clock);
  restartAt(cluster, 0, 2);
  const { written } = await write(cluster, '');
  const failed = t.throwsAsync(written, { name: 'PipelineFailed', message: /a:9866: it restarts/ });
  await clock.advance(31_000);
  await failed;
});
