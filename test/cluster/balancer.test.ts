/** The balancer with real processes: a new, empty DataNode gets its part. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { startCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { assertFsckWhole, waitUntilWhole } from './support/health.js';
import { replicasOf } from './support/replicas.js';

const BLOCKS = 40;
const BLOCK_BYTES = 2 ** 20;

test('replicas move to a new DataNode until all are about equally full, and every block keeps its replicas and racks', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t, {
    datanodes: 4,
    settings: { 'dfs.datanode.balance.bandwidthPerSec': '40m', 'dfs.datanode.balance.max.concurrent.moves': '4' },
  });
  const fs = await cluster.sdk();
  const data = randomBytes(BLOCKS * BLOCK_BYTES);
  const writer = await fs.create('/file', { blockSize: BLOCK_BYTES });
  await writer.write(data);
  await writer.close();
  await waitUntilWhole(fs);
  const added = await cluster.addDatanode();
  const capacityBytes = await waitFor(async () => {
    const reports = await fs.datanodeReport();
    const isFull = reports.length === 5 && reports.filter(({ usedBytes }) => usedBytes > 0).length === 4;
    return isFull && Math.min(...reports.map((report) => report.capacityBytes));
  }, 'all DataNodes to say how full they are');

  // All of them are on one large disk, so that a few megabytes are a small part of a percent.
  const threshold = ((100 * 6 * BLOCK_BYTES) / capacityBytes).toFixed(12);
  const { code, stdout, stderr } = await cluster.dfs(['balancer', '-threshold', threshold]);
  t.is(code, 0, `${stdout}${stderr}`);
  t.regex(stdout, /^Time Stamp .*Bytes Being Moved\n/);
  t.regex(stdout, /\nThe cluster is balanced\. Exiting\.\.\.\n$/);
  await waitUntilWhole(fs);
  await waitFor(async () => {
    const counts = await Promise.all([1, 2, 3, 4, 5].map(async (node) => (await replicasOf(cluster, node)).length));
    return counts.reduce((sum, count) => sum + count, 0) === 3 * BLOCKS;
  }, 'the surplus replicas to be gone from the disks');
  t.true((await replicasOf(cluster, added)).length >= 12, 'its part is 24');
  await assertFsckWhole(t, cluster);
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream('/file')) parts.push(part as Buffer);
  t.is(sha256(Buffer.concat(parts)), sha256(data));
});
