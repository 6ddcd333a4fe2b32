import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ClusterStatus } from '../../client/cluster/local-cluster.js';
import { startCluster, waitFor } from './harness.js';

function isRunning(pid: number | null): boolean {
  return pid !== null && existsSync(`/proc/${pid}`);
}

test('a node that was killed is gone, and is the same node when it is started again', async (t) => {
  const cluster = await startCluster(t, { datanodes: 2 });
  const fs = await cluster.sdk();
  const uuids = async () => (await fs.datanodeReport()).map(({ datanode }) => datanode.uuid).sort();
  const before = await uuids();
  const pid = await cluster.pid(2);
  await cluster.kill9(2);
  await waitFor(() => !isRunning(pid), 'its number to be free');
  await t.throwsAsync(cluster.pid(2), { message: '2 is not running' });
  await waitFor(
    async () => (await fs.datanodeReport()).some(({ state }) => state === 'dead'),
    'the DataNode to be dead',
  );
  await cluster.restart(2);
  t.not(await cluster.pid(2), pid);
  t.deepEqual(await uuids(), before);
});

test('a test process that is killed leaves no processes and no files', async (t) => {
  const script = fileURLToPath(new URL('abandoned-cluster.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (bytes: Buffer) => {
    printed += bytes.toString();
  });
  await waitFor(() => printed.endsWith('\n'), 'the cluster to be up');
  const { directory, status } = JSON.parse(printed) as { directory: string; status: ClusterStatus };
  const pids = [status.namenode.pid, ...status.datanodes.map(({ pid }) => pid)];
  t.true(pids.every(isRunning));
  child.kill('SIGKILL');
  await waitFor(() => !pids.some(isRunning) && !existsSync(directory), 'everything to be cleared away');
  t.pass();
});
