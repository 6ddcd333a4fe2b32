/** What `dfs fsck` does about a file that has lost a block, with real processes. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { startCluster, waitFor } from './harness.js';
import { flipBytes, sha256 } from './support/files.js';
import { waitUntilWhole } from './support/health.js';
import { replicasOfBlock } from './support/replicas.js';

const BLOCK_BYTES = 128 * 1024;

test('the blocks that are left of a file are saved to /lost+found, and the file is deleted', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const data = randomBytes(4 * BLOCK_BYTES - 100);
  const writer = await fs.create('/d/file', { blockSize: BLOCK_BYTES });
  await writer.write(data);
  await writer.close();
  const { files } = await waitUntilWhole(fs);
  const lost = files[0]?.blocks[1]?.block;
  if (lost === undefined) throw new Error('there is no block');
  const name = `blk_${lost.blockId}`;
  const before = await cluster.dfs(['fsck', '-blockId', name]);
  t.is(before.code, 0, before.stderr);
  t.regex(before.stdout, /\nBlock belongs to: \/d\/file\n.*\nNo\. of live Replica: 3\n/s);

  for (const replica of await replicasOfBlock(cluster, lost.blockId)) await flipBytes(replica.data, 50_000);
  await cluster.dfs(['cat', '/d/file']); // finds out
  await waitFor(async () => {
    const list = await cluster.dfs(['fsck', '/', '-list-corruptfileblocks']);
    return list.code === 1 && list.stdout.includes(`${name}\t/d/file\n`);
  }, 'the block to be known as corrupt');

  const treated = await cluster.dfs(['fsck', '/', '-move', '-delete']);
  t.is(treated.code, 1);
  t.regex(treated.stdout, /copied what can be read to \/lost\+found\/d\/file \(2 files\).*\/d\/file: deleted\./s);
  const saved = async (chain: number) => {
    const parts: Buffer[] = [];
    for await (const part of fs.createReadStream(`/lost+found/d/file/${chain}`)) parts.push(part as Buffer);
    return sha256(Buffer.concat(parts));
  };
  t.is(await saved(0), sha256(data.subarray(0, BLOCK_BYTES)));
  t.is(await saved(1), sha256(data.subarray(2 * BLOCK_BYTES)));
  t.false(await fs.exists('/d/file'));
  await waitUntilWhole(fs);
  t.is((await cluster.dfs(['fsck', '/'])).code, 0);
  t.regex((await cluster.dfs(['fsck', '-blockId', name])).stdout, /does not exist/);
});
