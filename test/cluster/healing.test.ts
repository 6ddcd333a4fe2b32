/** Lost and damaged replicas are replaced without anybody asking for it, and readers never see wrong bytes meanwhile. */
import { randomBytes } from 'node:crypto';
import { rm, stat, truncate } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { FileSystem } from '../../client/index.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { flipBytes, sha256 } from './support/files.js';
import { assertFsckWhole, type FsckJson, healthOf, waitUntilWhole } from './support/health.js';
import { intactData, type ReplicaOnDisk, replicasOf, replicasOfBlock } from './support/replicas.js';

const BLOCK_BYTES = 256 * 1024;

async function write(fs: FileSystem, path: string, blocks: number): Promise<Buffer> {
  const data = randomBytes(blocks * BLOCK_BYTES - 1_000);
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

test.serial(
  'the replicas of a dead DataNode are made anew elsewhere, and the surplus goes when it is back',
  async (t) => {
    const cluster = await startCluster(t, { datanodes: 4 });
    const fs = await cluster.sdk();
    const data = await write(fs, '/file', 12);
    await waitUntilWhole(fs);
    t.true((await replicasOf(cluster, 1)).length > 0);

    await cluster.kill9(1);
    await waitFor(async () => {
      const reports = await fs.datanodeReport();
      return reports.some(({ state }) => state === 'dead');
    }, 'the DataNode to be declared dead');
    await waitUntilWhole(fs);
    await assertFsckWhole(t, cluster);
    t.is(await read(fs, '/file'), sha256(data));

    await cluster.restart(1);
    await waitUntilWhole(fs);
    await waitFor(async () => {
      const counts = await Promise.all([1, 2, 3, 4].map(async (node) => (await replicasOf(cluster, node)).length));
      return counts.reduce((sum, count) => sum + count, 0) === 12 * 3;
    }, 'the surplus replicas to be deleted from the disks');
    await assertFsckWhole(t, cluster);
    t.is(await read(fs, '/file'), sha256(data));
  },
);

type Damage = (replica: ReplicaOnDisk) => Promise<void>;

const DAMAGES: Readonly<Record<string, Damage>> = {
  'flipped bits in the data': ({ data }) => flipBytes(data, 100_000, 3),
  'flipped bits in the checksums': ({ meta }) => flipBytes(meta, 20, 2),
  'a destroyed header of the checksums': ({ meta }) => flipBytes(meta, 0, 7),
  'cut-off data': async ({ data }) => truncate(data, (await stat(data)).size - 5_000),
  'cut-off checksums': async ({ meta }) => truncate(meta, (await stat(meta)).size - 6),
  'no data file': ({ data }) => rm(data),
  'no checksum file': ({ meta }) => rm(meta),
};

/** Damages a replica of each block in one way after the other, reads, and waits until all replicas are good again. */
async function damageAndHeal(t: ExecutionContext, cluster: TestCluster): Promise<void> {
  const fs = await cluster.sdk();
  const data = await write(fs, '/file', 2);
  const { files } = await waitUntilWhole(fs);
  const block = files[0]?.blocks[0]?.block;
  if (block === undefined) throw new Error('there is no block');
  const good = data.subarray(0, BLOCK_BYTES);
  for (const [what, damage] of Object.entries(DAMAGES)) {
    // Whichever replica is read first: with two damaged ones out of three every read meets one sooner or later.
    const [first, second] = await replicasOfBlock(cluster, block.blockId);
    if (first === undefined || second === undefined) throw new Error('replicas are missing');
    await damage(first);
    await damage(second);
    await waitFor(async () => {
      t.is(await read(fs, '/file'), sha256(data), `after ${what}`);
      return (await areGood(cluster, block.blockId, good)) && (await healthOf(fs)).summary.underReplicated === 0;
    }, `the replicas to be replaced after ${what}`);
    await waitUntilWhole(fs);
    t.pass(what);
  }
}

/** Three replicas on disks, each with the right data and checksums that fit. */
async function areGood(cluster: TestCluster, blockId: number, good: Buffer): Promise<boolean> {
  const replicas = await Promise.all((await replicasOfBlock(cluster, blockId)).map(intactData));
  return replicas.length === 3 && replicas.every((data) => data?.equals(good));
}

test.serial(
  'damaged replicas are replaced when a fourth DataNode can take the copy, and reads stay right',
  async (t) => {
    t.timeout(180_000);
    await damageAndHeal(t, await startCluster(t, { datanodes: 4 }));
  },
);

test.serial('damaged replicas are replaced on the same node when there are only three', async (t) => {
  t.timeout(180_000);
  await damageAndHeal(t, await startCluster(t, { datanodes: 3 }));
});

test.serial('a block of which no good replica is left is reported, and never served', async (t) => {
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const other = await write(fs, '/other', 1);
  await write(fs, '/file', 2);
  const { files } = await waitUntilWhole(fs);
  const block = files.find(({ path }) => path === '/file')?.blocks[1]?.block;
  if (block === undefined) throw new Error('there is no block');
  for (const replica of await replicasOfBlock(cluster, block.blockId)) await flipBytes(replica.data, 50_000);

  const cat = await cluster.dfs(['cat', '/file']);
  t.is(cat.code, 1);
  t.regex(cat.stderr, new RegExp(`^cat: .*blk_${block.blockId}.*\n$`));
  const fsck = await waitFor(async () => {
    const result = await cluster.dfs(['fsck', '/file', '--json']);
    return result.code === 1 && result;
  }, 'fsck to find out');
  const report = JSON.parse(fsck.stdout) as FsckJson;
  t.deepEqual([report.status, report.corrupt + report.missing], ['CORRUPT', 1]);
  t.is((await replicasOfBlock(cluster, block.blockId)).length, 3, 'what is left is kept');
  t.is(await read(fs, '/other'), sha256(other));
});
