/** Clients that stop for a while, as programs that are suspended or busy do. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import test from 'ava';
import { systemClock } from '../../common/clock.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import { startCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { assertFsckWhole, waitUntilWhole } from './support/health.js';

const MIB = 2 ** 20;

const SHORT_TIMEOUTS = { 'dfs.client.socket-timeout': '3s', 'dfs.datanode.socket.write.timeout': '3s' } as const;

/** Much longer than these. */
const PAUSE_MS = 8_000;

async function hashOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return sha256(Buffer.concat(parts));
}

test('a reader that stops reading holds nobody up, and gets the rest when it goes on', async (t) => {
  const cluster = await startCluster(t, { settings: SHORT_TIMEOUTS });
  const fs = await cluster.sdk();
  const data = randomBytes(48 * MIB);
  const writer = await fs.create('/file', { blockSize: 16 * MIB });
  await writer.write(data);
  await writer.close();

  const slow = fs.createReadStream('/file');
  await once(slow, 'readable');
  const startMs = systemClock.monotonicMs();
  // Much longer than every timeout of the other side, and all the while others are served.
  await waitFor(async () => {
    t.is(
      await hashOf(fs.createReadStream('/file', { start: MIB, end: 2 * MIB - 1 })),
      sha256(data.subarray(MIB, 2 * MIB)),
    );
    const other = await fs.create('/other', { overwrite: true });
    await other.write(randomBytes(1_000));
    await other.close();
    return systemClock.monotonicMs() - startMs > PAUSE_MS;
  }, 'the timeouts to pass');
  t.is(await hashOf(slow), sha256(data));
});

test('a writer that pauses for longer than all timeouts goes on afterwards', async (t) => {
  const cluster = await startCluster(t, { settings: SHORT_TIMEOUTS });
  const fs = await cluster.sdk({
    configuration: loadConfiguration({ overrides: { ...SHORT_TIMEOUTS, 'dfs.client.read.shortcircuit': 'false' } }),
  });
  const data = randomBytes(3 * MIB);
  const writer = await fs.create('/file');
  await writer.write(data.subarray(0, MIB));
  await writer.hflush();
  const stampBefore = (await fs.getBlockLocations('/file', 0, 1))[0]?.block.generationStamp;
  const startMs = systemClock.monotonicMs();
  await waitFor(() => systemClock.monotonicMs() - startMs > PAUSE_MS, 'the timeouts to pass');
  await writer.write(data.subarray(MIB));
  await writer.close();
  t.is(await hashOf(fs.createReadStream('/file')), sha256(data));
  const stampAfter = (await fs.getBlockLocations('/file', 0, 1))[0]?.block.generationStamp;
  t.is(stampAfter, stampBefore, 'the pipeline was never rebuilt');
  await waitUntilWhole(fs);
  await assertFsckWhole(t, cluster);
});

test.serial('a put that is suspended for a while, and its DataNode too, goes on and ends well', async (t) => {
  const cluster = await startCluster(t, { datanodes: 4, settings: SHORT_TIMEOUTS });
  const data = randomBytes(24 * MIB);
  const put = cluster.spawnDfs([
    'put',
    '-D',
    'dfs.blocksize=4m',
    '-D',
    `dfs.client.socket-timeout=${SHORT_TIMEOUTS['dfs.client.socket-timeout']}`,
    '-',
    '/file',
  ]);
  const ended = once(put, 'close') as Promise<[number]>;
  put.stdin?.write(data.subarray(0, 6 * MIB));
  const fs = await cluster.sdk();
  await waitFor(async () => await fs.exists('/file._COPYING_'), 'the put to begin');
  const victims = [put.pid ?? 0, await cluster.pid(1)];
  for (const pid of victims) process.kill(pid, 'SIGSTOP');
  await waitFor(
    async () => (await fs.datanodeReport()).some(({ state }) => state === 'dead'),
    'the DataNode to be dead',
  );
  for (const pid of victims) process.kill(pid, 'SIGCONT');
  put.stdin?.end(data.subarray(6 * MIB));
  const [code] = await ended;
  t.is(code, 0);
  t.is(await hashOf(fs.createReadStream('/file')), sha256(data));
  await waitUntilWhole(fs);
  await assertFsckWhole(t, cluster);
});
