/** The client against a real NameNode and real DataNodes that fail while it works. */
import test from 'ava';
import type { FileSystem, FileWriter } from '../../../client/index.js';
import { seededRandom } from '../../../common/random.js';
import { testBytes } from '../support/fake-cluster.js';
import type { LiveDatanode } from '../support/live-cluster.js';
import { eventually, LiveCluster } from '../support/live-cluster.js';

const BLOCK = 64 * 1024;

async function withCluster(
  settings: Record<string, string>,
  work: (cluster: LiveCluster, fs: FileSystem) => Promise<void>,
): Promise<void> {
  const cluster = await LiveCluster.start(3, settings);
  try {
    await work(cluster, await cluster.connect({ 'dfs.client-write-packet-size': '8k' }));
  } finally {
    await cluster.stop();
  }
}

async function get(fs: FileSystem, path: string): Promise<Buffer> {
  const reader = await fs.open(path);
  return await reader.read(0, reader.length);
}

/** The DataNodes of the block that is being written, in the pipeline's order as far as the NameNode tells it. */
async function pipelineOf(cluster: LiveCluster, fs: FileSystem, writer: FileWriter): Promise<LiveDatanode[]> {
  await writer.hflush();
  const [block] = await fs.getBlockLocations(writer.path, writer.length - 1, 1);
  return (block?.hosts ?? []).map((address) => cluster.datanodeAt(address));
}

for (const [index, name] of ['one', 'another', 'the third'].entries()) {
  test(`a write survives the death of ${name} of its DataNodes in the middle of a block`, async (t) => {
    await withCluster({}, async (cluster, fs) => {
      const content = testBytes(3 * BLOCK + 1000);
      const writer = await fs.create('/f');
      await writer.write(content.subarray(0, BLOCK / 2));
      const nodes = await pipelineOf(cluster, fs, writer);
      t.is(nodes.length, 3);
      const killed = nodes[index];
      await Promise.all([killed?.kill(), writer.write(content.subarray(BLOCK / 2))]);
      await writer.close();
      t.true((await get(fs, '/f')).equals(content));
      const [first] = await fs.getBlockLocations('/f', 0, 1);
      t.false(first?.hosts.includes(killed?.address ?? ''));
    });
  });
}

test('a write survives the death of two of its DataNodes, one after the other', async (t) => {
  await withCluster({}, async (cluster, fs) => {
    const content = testBytes(BLOCK);
    const writer = await fs.create('/f');
    await writer.write(content.subarray(0, 10_000));
    const [first, second, third] = await pipelineOf(cluster, fs, writer);
    await first?.kill();
    await writer.write(content.subarray(10_000, 30_000));
    await writer.hflush();
    await third?.kill();
    await writer.write(content.subarray(30_000));
    await writer.close();
    t.true((await get(fs, '/f')).equals(content));
    const [block] = await fs.getBlockLocations('/f', 0, 1);
    t.deepEqual(block?.hosts, [second?.address ?? '']);
  });
});

test('a write fails with the reasons when all its DataNodes have died', async (t) => {
  await withCluster({}, async (cluster, fs) => {
    const writer = await fs.create('/f');
    await writer.write(testBytes(10_000));
    await writer.hflush();
    await Promise.all(cluster.datanodes.map((datanode) => datanode.kill()));
    await writer.write(testBytes(10_000)).catch(() => {});
    const error = await t.throwsAsync(writer.close(), { name: 'PipelineFailed' });
    for (const { address } of cluster.datanodes) t.true(error.message.includes(address));
  });
});

for (const seed of [1, 2, 3, 4]) {
  test(`whatever is acknowledged is there after a DataNode died at random moment ${seed}`, async (t) => {
    await withCluster({}, async (cluster, fs) => {
      const random = seededRandom(seed);
      const content = testBytes(20 * BLOCK, seed);
      const writer = await fs.create('/f');
      const killAt = random.int(content.length);
      let killing: Promise<void> | undefined;
      for (let at = 0; at < content.length; ) {
        const size = 1 + random.int(30_000);
        const piece = content.subarray(at, at + size);
        if (at + size > killAt) killing ??= cluster.datanode(random.int(3)).kill();
        await writer.write(piece);
        at += piece.length;
      }
      await Promise.all([killing, writer.close()]);
      t.true((await get(fs, '/f')).equals(content));
    });
  });
}

test('an append survives the death of a DataNode', async (t) => {
  await withCluster({}, async (cluster, fs) => {
    const writer = await fs.create('/f');
    await writer.write(testBytes(1000));
    await writer.close();
    await cluster.datanode(1).kill();
    const appending = await fs.append('/f');
    await appending.write(testBytes(2000));
    await appending.close();
    t.true((await get(fs, '/f')).equals(Buffer.concat([testBytes(1000), testBytes(2000)])));
  });
});

test('a read survives the death of the DataNode that it reads from', async (t) => {
  await withCluster({ 'dfs.blocksize': '4m' }, async (cluster, fs) => {
    const content = testBytes(12 * 1024 ** 2);
    const writer = await fs.create('/f');
    await writer.write(content, { handOver: true });
    await writer.close();
    const [block] = await fs.getBlockLocations('/f', 0, 1);
    const reader = await fs.open('/f');
    const copies: Buffer[] = [];
    await reader.copyTo(async (buffers) => {
      if (copies.length === 1) await cluster.datanodeAt(block?.hosts[0] ?? '').kill();
      copies.push(Buffer.concat(buffers));
    });
    t.true(Buffer.concat(copies).equals(content));
  });
});

test('a writer and a reader outlive a restart of the NameNode', async (t) => {
  await withCluster({}, async (cluster, fs) => {
    const content = testBytes(6 * BLOCK);
    const writer = await fs.create('/f');
    await writer.write(content.subarray(0, 2 * BLOCK + 10));
    await writer.hflush();
    await cluster.stopNamenode();
    const writing = writer.write(content.subarray(2 * BLOCK + 10)).then(() => writer.close());
    const reading = get(fs, '/f');
    await cluster.startNamenode();
    await writing;
    t.true((await get(fs, '/f')).equals(content));
    t.true((await reading).length >= 2 * BLOCK + 10);
  });
});

test('whoever connects while there is no NameNode is told so soon', async (t) => {
  const cluster = await LiveCluster.start(0);
  await cluster.stopNamenode();
  const error = await t.throwsAsync(cluster.connect(), { name: 'ConnectionLost' });
  t.regex(error.message, /Cannot reach the NameNode at 127\.0\.0\.1:\d+: connection refused/);
  await cluster.stop();
});

test('the file of a writer that vanished is closed with all that readers have seen', async (t) => {
  await withCluster({}, async (cluster, fs) => {
    const content = testBytes(BLOCK + 5000);
    const vanishing = await cluster.connect();
    const writer = await vanishing.create('/f');
    await writer.write(content);
    await writer.hflush();
    await writer.abort();
    await eventually(() => fs.recoverLease('/f'));
    t.true((await get(fs, '/f')).equals(content));
    const appending = await fs.append('/f');
    await appending.write(testBytes(10));
    await appending.close();
    t.is((await get(fs, '/f')).length, content.length + 10);
  });
});

test('a writer whose file was taken from it, and opened again by the same client, writes nothing more', async (t) => {
  await withCluster({}, async (_cluster, fs) => {
    const overtaken = await fs.create('/f');
    await eventually(() => fs.recoverLease('/f'));
    const content = testBytes(BLOCK);
    const writer = await fs.append('/f');
    await writer.write(content);
    await writer.hflush();
    // The NameNode tells both apart by the calls that opened the file.
    await t.throwsAsync(
      overtaken.write(testBytes(100)).then(() => overtaken.hflush()),
      { name: 'LeaseExpired' },
    );
    await t.throwsAsync(overtaken.close(), { name: 'LeaseExpired' });
    await writer.close();
    t.true((await get(fs, '/f')).equals(content));
  });
});
