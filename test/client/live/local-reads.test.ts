/** Reads past the DataNodes: of replicas on this machine, by a client that may open their files. */
import { copyFile, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { FileSystem } from '../../../client/index.js';
import { nodeDisk } from '../../../common/node-disk.js';
import { FaultyDisk, osError } from '../../support/faulty-disk.js';
import { testBytes } from '../support/fake-cluster.js';
import { eventually, LiveCluster } from '../support/live-cluster.js';

const BLOCK = 1024 * 1024;
const ON = { 'dfs.client.read.shortcircuit': 'true' };

let cluster: LiveCluster;

test.before(async () => {
  cluster = await LiveCluster.start(3, { 'dfs.blocksize': String(BLOCK) });
});

test.after.always(async () => {
  await cluster.stop();
});

async function put(fs: FileSystem, path: string, content: Buffer): Promise<void> {
  const writer = await fs.create(path);
  await writer.write(content);
  await writer.close();
}

async function get(fs: FileSystem, path: string): Promise<Buffer> {
  const reader = await fs.open(path);
  try {
    return await reader.read(0, reader.length);
  } finally {
    await reader.close();
  }
}

/** The data files of all replicas of the first block. */
async function replicasOf(fs: FileSystem, path: string): Promise<string[]> {
  const [block] = await fs.getBlockLocations(path, 0, 1);
  if (block === undefined) throw new Error(`${path} has no block`);
  return await Promise.all(block.hosts.map((host) => cluster.datanodeAt(host).fileOf(block.block.blockId)));
}

test('what is read in large pieces comes from the files themselves, byte for byte', async (t) => {
  const fs = await cluster.connect(ON);
  const content = testBytes(3 * BLOCK + 12_345);
  await put(fs, '/large', content);
  t.true((await get(fs, '/large')).equals(content));
  t.deepEqual(
    [fs.readStatistics.totalBytes, fs.readStatistics.shortCircuitBytes],
    // The last block is short: the first read of it is not worth the question where it lies.
    [content.length, 3 * BLOCK],
  );
});

test('short reads go past the DataNode from the second one on, wherever they begin and end', async (t) => {
  const fs = await cluster.connect(ON);
  const content = testBytes(BLOCK);
  await put(fs, '/short', content);
  const reader = await fs.open('/short');
  const [block] = await fs.getBlockLocations('/short', 0, 1);
  for (let i = 0; i < (block?.hosts.length ?? 0); i++) await reader.read(0, 1);
  const { shortCircuitBytes: before, totalBytes } = fs.readStatistics;
  const ranges = Array.from({ length: 64 }, (_, i) => ({ at: (i * 16_411) % BLOCK, length: 1 + ((i * 777) % 9000) }));
  const parts = await Promise.all(ranges.map(({ at, length }) => reader.read(at, length)));
  for (const [i, { at, length }] of ranges.entries())
    t.true(parts[i]?.equals(content.subarray(at, at + length)), `${length} bytes at ${at}`);
  t.is(fs.readStatistics.shortCircuitBytes - before, fs.readStatistics.totalBytes - totalBytes);
  await reader.close();
});

test('a damaged replica on this machine is not believed, is reported and is replaced', async (t) => {
  const fs = await cluster.connect(ON);
  const content = testBytes(BLOCK);
  await put(fs, '/damaged', content);
  const files = await replicasOf(fs, '/damaged');
  const damaged = Buffer.from(content);
  damaged[700_000] = (damaged[700_000] ?? 0) ^ 1;
  await Promise.all(files.slice(0, 2).map((file) => writeFile(file, damaged)));
  // Which one is nearest may change from call to call, so that each is met sooner or later.
  await eventually(async () => {
    t.true((await get(fs, '/damaged')).equals(content));
    const now = await Promise.all(files.map((file) => readFile(file).catch(() => damaged)));
    return now.every((bytes) => bytes.equals(content));
  });
});

test('a client that may not open the files reads over the network', async (t) => {
  const disk = new FaultyDisk(nodeDisk);
  disk.onOperation = (operation) => {
    throw osError('EACCES', operation);
  };
  const fs = await cluster.connect(ON, disk);
  const content = testBytes(BLOCK);
  await put(fs, '/forbidden', content);
  t.true((await get(fs, '/forbidden')).equals(content));
  t.is(fs.readStatistics.shortCircuitBytes, 0);
});

test('a disk that fails in the middle costs nothing but the way over the network', async (t) => {
  const disk = new FaultyDisk(nodeDisk);
  let reads = 0;
  disk.onOperation = (operation) => {
    if (operation.kind === 'read' && ++reads > 6) throw osError('EIO', operation);
  };
  const fs = await cluster.connect(ON, disk);
  const content = testBytes(4 * BLOCK);
  await put(fs, '/failing', content);
  t.true((await get(fs, '/failing')).equals(content));
  const { shortCircuitBytes } = fs.readStatistics;
  t.true(shortCircuitBytes > 0 && shortCircuitBytes < content.length);
});

test('another file under the same name, as a container may have, is not read', async (t) => {
  const content = testBytes(BLOCK);
  let opened = 0;
  const fs = await cluster.connect(ON, {
    ...nodeDisk,
    async open(path, mode) {
      opened++;
      await copyFile(path, `${path}.copy`);
      return await nodeDisk.open(`${path}.copy`, mode);
    },
  });
  await put(fs, '/elsewhere', content);
  t.true((await get(fs, '/elsewhere')).equals(content));
  t.true(opened > 0);
  t.is(fs.readStatistics.shortCircuitBytes, 0);
});

test('a symbolic link in the place of a replica is not followed', async (t) => {
  const fs = await cluster.connect(ON);
  const content = testBytes(BLOCK);
  await put(fs, '/linked', content);
  for (const file of await replicasOf(fs, '/linked')) {
    await rename(file, `${file}.moved`);
    await symlink(`${file}.moved`, file);
  }
  t.true((await get(fs, '/linked')).equals(content));
  t.is(fs.readStatistics.shortCircuitBytes, 0);
});

test('an open file stays readable when it grows or is deleted', async (t) => {
  const fs = await cluster.connect(ON);
  const content = testBytes(BLOCK - 10_000);
  await put(fs, '/growing', content);
  const before = await fs.open('/growing');
  t.true((await before.read(0, before.length)).equals(content));
  const more = testBytes(5_000, 99);
  const writer = await fs.append('/growing');
  await writer.write(more);
  await writer.close();
  t.true((await before.read(0, before.length)).equals(content));
  t.true((await get(fs, '/growing')).equals(Buffer.concat([content, more])));
  await fs.delete('/growing');
  t.true((await before.read(0, before.length)).equals(content));
  await before.close();
});

test('it can be turned off', async (t) => {
  const fs = await cluster.connect({ 'dfs.client.read.shortcircuit': 'false' });
  const content = testBytes(BLOCK);
  await put(fs, '/off', content);
  t.true((await get(fs, '/off')).equals(content));
  t.is(fs.readStatistics.shortCircuitBytes, 0);
});
