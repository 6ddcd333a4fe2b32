import test from 'ava';
import type { FileSystem, FileWriter } from '../../client/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const BLOCK = 16 * 1024;
const CONTENT = testBytes(3 * BLOCK);

async function readAll(fs: FileSystem): Promise<Buffer> {
  const reader = await fs.open('/f');
  const bytes = await reader.read(0, reader.length);
  await reader.close();
  return bytes;
}

/** A file of which `bytes` are flushed, the first one alone. */
async function flushed(fs: FileSystem, bytes: number): Promise<FileWriter> {
  const writer = await fs.create('/f');
  await writer.write(CONTENT.subarray(0, 1));
  await writer.hflush();
  await writer.write(CONTENT.subarray(1, bytes));
  await writer.hflush();
  return writer;
}

for (const bytes of [1, 2, 513, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 700]) {
  test(`${bytes} bytes that were flushed are read, although the NameNode does not know of all of them`, async (t) => {
    const cluster = new FakeCluster(['a', 'b', 'c']);
    const fs = await cluster.connect();
    const writer = await flushed(fs, bytes);
    t.true((await readAll(fs)).equals(CONTENT.subarray(0, bytes)));
    await writer.close();
    await fs.close();
  });
}

test('a reader reads what there was when it opened the file, whatever comes later', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  const writer = await flushed(fs, 1000);
  const reader = await fs.open('/f');
  await writer.write(CONTENT.subarray(1000, BLOCK + 50));
  await writer.hflush();
  t.is(reader.length, 1000);
  t.true((await reader.read(0, 5000)).equals(CONTENT.subarray(0, 1000)));
  t.true((await readAll(fs)).equals(CONTENT.subarray(0, BLOCK + 50)));
  await writer.close();
  await fs.close();
});

test('a reader asks the next DataNode when the first one is gone, and reads on from it', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  const writer = await flushed(fs, 1000);
  const reader = await fs.open('/f');
  cluster.datanode(0).alive = false;
  t.true((await readAll(fs)).equals(CONTENT.subarray(0, 1000)));
  cluster.datanode(0).misbehaviour.refuse = () => 'no more';
  t.true((await reader.read(0, 1000)).equals(CONTENT.subarray(0, 1000)));
  cluster.datanode(0).alive = true;
  await writer.close();
  await fs.close();
});

test('a reader still knows the length when the blocks must be asked for again', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a'], clock);
  const fs = await cluster.connect();
  await flushed(fs, 1000);
  const reader = await fs.open('/f');
  let refusals = 0;
  cluster.datanode(0).misbehaviour.refuse = () => (refusals++ === 0 ? 'busy' : undefined);
  const read = reader.read(0, 1000);
  await clock.advance(5_000);
  t.true((await read).equals(CONTENT.subarray(0, 1000)));
  t.is(refusals, 2);
  await fs.close();
});

test('bytes that not all DataNodes have are not read: a recovery may take them back', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c']);
  const fs = await cluster.connect();
  const writer = await flushed(fs, 1000);
  const [id = 0] = cluster.datanode(0).replicas.keys();
  for (const [index, length] of [1200, 1000, 1100].entries()) {
    const replica = cluster.datanode(index).replicas.get(id);
    if (replica !== undefined) replica.data = CONTENT.subarray(0, length);
  }
  t.is((await readAll(fs)).length, 1000);
  await writer.abort();
  await fs.close();
});

test('a DataNode that does not answer is not waited for long when another one has', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a', 'b'], clock);
  const fs = await cluster.connect();
  await flushed(fs, 1000);
  cluster.datanode(0).misbehaviour.onAskedForLength = () => new Promise(() => {});
  const opening = fs.open('/f');
  await clock.advance(1_000);
  t.is((await opening).length, 1000);
  await fs.close();
});

test('a block whose pipeline is being set up is empty', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  const writer = await flushed(fs, BLOCK);
  await writer.hsync();
  const block = { blockId: 77, generationStamp: 78, numBytes: 0 };
  cluster.file('/f').blocks.push({ block, nodes: cluster.datanodes });
  t.true((await readAll(fs)).equals(CONTENT.subarray(0, BLOCK)));
  cluster.file('/f').blocks.pop();
  await writer.close();
  await fs.close();
});

test('nothing is missing of a block of which nothing was flushed, when nobody can be asked', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(testBytes(100));
  for (const datanode of cluster.datanodes) datanode.die();
  await t.throwsAsync(writer.close());
  t.is((await readAll(fs)).length, 0);
  await fs.close();
});

test('when bytes were flushed and nobody can say how many, a reader is told so after some attempts', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a', 'b'], clock);
  const fs = await cluster.connect();
  await flushed(fs, 1000);
  for (const datanode of cluster.datanodes) datanode.misbehaviour.refuse = () => 'it waits for recovery';
  const opening = t.throwsAsync(fs.open('/f'), {
    name: 'BlockMissing',
    message: /^Cannot obtain block length for blk_\d+_\d+ of \/f, .*a:9866.*waits for recovery; b:9866/,
  });
  await clock.advance(10_000);
  await opening;
  t.is(cluster.called('GetBlockLocations').length, 3);
  await fs.close();
});
