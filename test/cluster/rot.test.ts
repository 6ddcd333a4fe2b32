/** What goes wrong on a disk at rest is found and repaired although nobody reads it. */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import test from 'ava';
import type { FileSystem } from '../../client/index.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { flipBytes } from './support/files.js';
import { assertFsckWhole, waitUntilWhole } from './support/health.js';
import { intactData, replicasOfBlock } from './support/replicas.js';

const BLOCK_BYTES = 256 * 1024;

async function writeBlock(fs: FileSystem, path: string): Promise<{ blockId: number; data: Buffer }> {
  const data = randomBytes(BLOCK_BYTES);
  const writer = await fs.create(path, { blockSize: BLOCK_BYTES });
  await writer.write(data);
  await writer.close();
  const { files } = await waitUntilWhole(fs, path);
  const blockId = files[0]?.blocks[0]?.block.blockId;
  if (blockId === undefined) throw new Error('there is no block');
  return { blockId, data };
}

async function waitUntilIntact(cluster: TestCluster, blockId: number, data: Buffer): Promise<void> {
  await waitFor(async () => {
    const replicas = await Promise.all((await replicasOfBlock(cluster, blockId)).map(intactData));
    return replicas.length === 3 && replicas.every((replica) => replica?.equals(data));
  }, 'three intact replicas on the disks');
}

test.serial('a bit that flips at rest is found by the scan, and the replica is replaced', async (t) => {
  const settings = {
    'dfs.datanode.scan.period.hours': '1s',
    'dfs.block.scanner.volume.bytes.per.second': '64m',
    'dfs.datanode.directoryscan.interval': '-1',
  };
  // On three DataNodes, the good copy has to take the place of the bad one.
  const cluster = await startCluster(t, { datanodes: 3, settings });
  const fs = await cluster.sdk();
  const { blockId, data } = await writeBlock(fs, '/file');
  for (const part of ['data', 'meta'] as const) {
    const [replica] = await replicasOfBlock(cluster, blockId);
    if (replica === undefined) throw new Error('there is no replica');
    await flipBytes(replica[part], 100);
    t.is(await intactData(replica), undefined);
    await waitUntilIntact(cluster, blockId, data);
    await waitUntilWhole(fs);
  }
  await assertFsckWhole(t, cluster);
  await waitFor(async () => {
    const log = await readFile(cluster.logFile('namenode'), 'utf8');
    return [...log.matchAll(/"blockId":(\d+),"repairMs":\d+/g)].filter(([, id]) => Number(id) === blockId).length === 2;
  }, 'the NameNode to tell how long each repair took');
});

test.serial(
  'a replica whose files are removed by hand is missed by the comparison of directories, and made anew',
  async (t) => {
    const settings = {
      'dfs.block.scanner.volume.bytes.per.second': '0',
      'dfs.datanode.directoryscan.interval': '1s',
    };
    const cluster = await startCluster(t, { datanodes: 4, settings });
    const fs = await cluster.sdk();
    const { blockId, data } = await writeBlock(fs, '/file');
    const [first, second] = await replicasOfBlock(cluster, blockId);
    if (first === undefined || second === undefined) throw new Error('replicas are missing');
    t.deepEqual(await readFile(first.data), data);
    await rm(first.data);
    await rm(second.data);
    await rm(second.meta);
    await waitUntilIntact(cluster, blockId, data);
    await waitUntilWhole(fs);
    await assertFsckWhole(t, cluster);
  },
);
