/** A DataNode that dies in the middle of a write: the write goes on, its bytes are right, and the file heals afterwards. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { resultOf, startCluster, type TestCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { assertFsckWhole, waitUntilWhole } from './support/health.js';
import { openPipeline } from './support/pipeline.js';
import { intactData, replicasOfBlock } from './support/replicas.js';

const MIB = 2 ** 20;

/** Half a file has been given to `dfs put`, its pipeline is open, and the other half waits. */
class HalfDonePut {
  static async start(cluster: TestCluster, settings: readonly string[] = []): Promise<HalfDonePut> {
    const options = ['dfs.blocksize=4m', ...settings].flatMap((setting) => ['-D', setting]);
    const put = new HalfDonePut(cluster.spawnDfs(['put', ...options, '-', '/file']));
    await put.#feed(put.data.subarray(0, 6 * MIB));
    put.pipeline = await waitFor(() => openPipeline(cluster), 'a pipeline of three DataNodes');
    return put;
  }

  readonly data = randomBytes(11 * MIB + 1);
  pipeline: readonly number[] = [];
  readonly #child: ChildProcess;
  readonly #result: ReturnType<typeof resultOf>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#result = resultOf(child);
  }

  async finish(t: ExecutionContext): Promise<void> {
    this.#child.stdin?.end(this.data.subarray(6 * MIB));
    const { code, stderr } = await this.#result;
    t.deepEqual([code, stderr], [0, '']);
  }

  async #feed(data: Buffer): Promise<void> {
    if (this.#child.stdin?.write(data) === false) await once(this.#child.stdin, 'drain');
  }
}

async function assertContent(t: ExecutionContext, cluster: TestCluster, data: Buffer): Promise<void> {
  const fs = await cluster.sdk();
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream('/file')) parts.push(part as Buffer);
  t.is(sha256(Buffer.concat(parts)), sha256(data));
}

for (const [position, name] of ['first', 'second', 'third'].entries()) {
  test.serial(
    `a put survives the death of the ${name} DataNode of its pipeline, and heals when that is back`,
    async (t) => {
      const cluster = await startCluster(t);
      const put = await HalfDonePut.start(cluster);
      const victim = put.pipeline[position] ?? 0;
      await cluster.kill9(victim);
      await put.finish(t);
      await assertContent(t, cluster, put.data);
      await cluster.restart(victim);
      await waitUntilWhole(await cluster.sdk());
      await assertFsckWhole(t, cluster);
      await assertContent(t, cluster, put.data);
    },
  );
}

test.serial('a put that loses a DataNode is whole at the end when a fourth one is there', async (t) => {
  const cluster = await startCluster(t, { datanodes: 4 });
  const put = await HalfDonePut.start(cluster);
  await cluster.kill9(put.pipeline[1] ?? 0);
  await put.finish(t);
  await waitUntilWhole(await cluster.sdk());
  await assertFsckWhole(t, cluster);
  await assertContent(t, cluster, put.data);
});

test.serial('a put that replaces a lost DataNode ends with three replicas, without any repair', async (t) => {
  const cluster = await startCluster(t, {
    datanodes: 5,
    settings: { 'dfs.namenode.redundancy.interval.seconds': '1h' },
  });
  const put = await HalfDonePut.start(cluster, ['dfs.client.block.write.replace-datanode-on-failure.policy=ALWAYS']);
  const victim = put.pipeline[1] ?? 0;
  await cluster.kill9(victim);
  await put.finish(t);
  await assertContent(t, cluster, put.data);
  const fs = await cluster.sdk();
  // The block that was being written, and the one after it. The first one lost a replica when it was complete.
  for (const { block } of await fs.getBlockLocations('/file', 4 * MIB, 8 * MIB)) {
    const replicas = await waitFor(async () => {
      const all = await replicasOfBlock(cluster, block.blockId);
      const current = all.filter(({ generationStamp }) => generationStamp === block.generationStamp);
      return current.length === 3 && current;
    }, `three replicas of blk_${block.blockId}`);
    t.false(replicas.some(({ datanode }) => datanode === victim));
    for (const replica of replicas) t.is((await intactData(replica))?.length, block.numBytes);
  }
});

test.serial('a put waits for a DataNode that restarts in order, and needs no repair', async (t) => {
  const cluster = await startCluster(t, { settings: { 'dfs.namenode.redundancy.interval.seconds': '1h' } });
  // One block: another one could be placed before the DataNode has registered again, and would be given two replicas.
  const put = await HalfDonePut.start(cluster, ['dfs.blocksize=16m']);
  const restarting = put.pipeline[0] ?? 0;
  await cluster.stop(restarting);
  const finished = put.finish(t);
  await cluster.restart(restarting);
  await finished;
  await assertContent(t, cluster, put.data);
  const fs = await cluster.sdk();
  const [located, ...others] = await fs.getBlockLocations('/file', 0, put.data.length);
  t.deepEqual(others, []);
  await waitFor(async () => {
    const replicas = await replicasOfBlock(cluster, located?.block.blockId ?? 0);
    return replicas.filter(({ generationStamp }) => generationStamp === located?.block.generationStamp).length === 3;
  }, 'three replicas of the block');
});

test.serial('a put survives two deaths, one after the other', async (t) => {
  const cluster = await startCluster(t);
  const put = await HalfDonePut.start(cluster);
  const [first = 0, second = 0] = put.pipeline;
  await cluster.kill9(first);
  await cluster.kill9(second);
  await put.finish(t);
  await assertContent(t, cluster, put.data);
  await cluster.restart(first);
  await cluster.restart(second);
  await waitUntilWhole(await cluster.sdk());
  await assertContent(t, cluster, put.data);
});

test.serial('a put without any DataNode left fails with a reason and leaves no file under its name', async (t) => {
  const cluster = await startCluster(t);
  const put = cluster.spawnDfs(['put', '-D', 'dfs.blocksize=4m', '-', '/file']);
  const result = resultOf(put);
  put.stdin?.write(randomBytes(2 * MIB));
  await waitFor(() => openPipeline(cluster), 'a pipeline of three DataNodes');
  await Promise.all([1, 2, 3].map((datanode) => cluster.kill9(datanode)));
  put.stdin?.end(randomBytes(2 * MIB));
  const { code, stderr } = await result;
  t.is(code, 1);
  t.regex(stderr, /^put: .*\/file\._COPYING_.*127\.0\.0\.1:\d+.*\n$/, 'one line that names the file and the DataNodes');
  t.is((await cluster.dfs(['test', '-e', '/file'])).code, 1);
});
