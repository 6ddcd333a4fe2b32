/** The balancer with fake DataNodes, in virtual time. */
import test from 'ava';
import type { BalancerSettings } from '../../namenode/balancer.js';
import { BLOCK_BYTES, BLOCK_SETTINGS, FakeCluster, type FakeClusterOptions } from './support/fake-cluster.js';
import type { FakeDatanode } from './support/fake-datanode.js';

const MINUTE = 60_000;
const CAPACITY_BLOCKS = 100;

interface Options extends Omit<FakeClusterOptions, 'settings'> {
  readonly balancer?: Partial<BalancerSettings>;
}

/** A cluster whose DataNodes have room for a hundred blocks each. */
async function withCluster({ balancer = {}, ...options }: Options, run: (cluster: FakeCluster) => Promise<void>) {
  const settings = { balancer: { ...BLOCK_SETTINGS.balancer, ...balancer } };
  const cluster = await FakeCluster.start({ ...options, settings });
  try {
    for (const datanode of cluster.datanodes) countBlocks(datanode);
    await cluster.advance(5_000);
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

function countBlocks(datanode: FakeDatanode): void {
  datanode.countsItsBlocks = true;
  datanode.capacityBytes = CAPACITY_BLOCKS * BLOCK_BYTES;
}

async function addEmpty(cluster: FakeCluster, rack: string): Promise<FakeDatanode> {
  const datanode = cluster.addDatanode(rack);
  countBlocks(datanode);
  datanode.start();
  await cluster.advance(5_000);
  return datanode;
}

const fill = (cluster: FakeCluster): number[] => cluster.datanodes.map(({ blocks }) => blocks.length);

async function balance(cluster: FakeCluster, threshold = 10): Promise<number> {
  const { balancer } = cluster.management;
  balancer.start(threshold);
  return await cluster.waitFor('the end', () => !balancer.status().isRunning, 30 * MINUTE);
}

async function assertWell(t: { deepEqual: (a: unknown, b: unknown) => unknown }, cluster: FakeCluster) {
  const { underReplicated, overReplicated, misReplicated, missing } = (await cluster.check()).summary;
  t.deepEqual([underReplicated, overReplicated, misReplicated, missing], [0, 0, 0, 0]);
}

test('a new DataNode gets its part, and every block keeps its replicas and racks all the time', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    const ids = (await cluster.write('/f', { blocks: 80 })).map(({ id }) => id);
    await addEmpty(cluster, '/b');
    cluster.management.balancer.start(10);
    await cluster.waitFor(
      'the end',
      () => {
        for (const id of ids) {
          const staying = cluster.holders(id).filter(({ leaving }) => !leaving.has(id));
          if (staying.length < 3) throw new Error(`${id} has ${staying.length} replicas`);
          if (new Set(staying.map(({ rack }) => rack)).size < 2) throw new Error(`${id} is on one rack`);
        }
        return !cluster.management.balancer.status().isRunning;
      },
      30 * MINUTE,
    );
    const status = cluster.management.balancer.status();
    t.is(status.result, 'balanced');
    t.is(status.bytesMoved, status.blocksMoved * BLOCK_BYTES);
    const blocks = fill(cluster);
    t.is(
      blocks.reduce((sum, count) => sum + count, 0),
      240,
    );
    for (const count of blocks) t.true(Math.abs(count - 48) <= 10.5, blocks.join());
    await assertWell(t, cluster);
  });
});

test('it is balanced already: that is said at once', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    await cluster.write('/f', { blocks: 20 });
    await cluster.advance(5_000);
    cluster.management.balancer.start(30);
    t.like(cluster.management.balancer.status(), {
      isRunning: false,
      result: 'balanced',
      blocksMoved: 0,
      iteration: 0,
    });
  });
});

test('no more copies at a time than a DataNode may make or take', async (t) => {
  await withCluster({ racks: ['/a', '/a'], balancer: { movesPerNodeMax: 2 } }, async (cluster) => {
    await cluster.write('/f', { blocks: 60, replication: 2 });
    const added = await addEmpty(cluster, '/a');
    await balance(cluster);
    t.true(added.blocks.length >= 30);
    const most = cluster.datanodes.map(({ mostMoves }) => mostMoves);
    t.true(Math.max(...most) <= 2, most.join());
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedTransfers }) => orderedTransfers),
      [],
      'no repair was needed',
    );
  });
});

test('when racks forbid every move it ends, and says so', async (t) => {
  await withCluster({ racks: ['/a', '/b'] }, async (cluster) => {
    await cluster.write('/f', { blocks: 60, replication: 2 });
    await addEmpty(cluster, '/b');
    // What is on /a has to stay there; the rest can move within /b.
    await balance(cluster);
    t.deepEqual(fill(cluster)[0], 60);
    await assertWell(t, cluster);
    await balance(cluster, 1);
    t.is(cluster.management.balancer.status().result, 'no-move-progress');
    await assertWell(t, cluster);
  });
});

test('data leaves the DataNode that is fullest in percent, though it has the most room of all', async (t) => {
  await withCluster({ racks: ['/a'] }, async (cluster) => {
    const [large] = cluster.datanodes as [FakeDatanode];
    large.capacityBytes = 3 * CAPACITY_BLOCKS * BLOCK_BYTES;
    await cluster.advance(5_000);
    for (const path of ['/f', '/g']) await cluster.write(path, { blocks: 90, replication: 1 });
    const small = await addEmpty(cluster, '/a');
    await balance(cluster, 5);
    t.is(cluster.management.balancer.status().result, 'balanced');
    t.true(small.blocks.length >= 39, `${small.blocks.length} of 100`);
    t.is(large.blocks.length + small.blocks.length, 180);
  });
});

test('blocks of one replica move, too', async (t) => {
  await withCluster({ racks: ['/a'] }, async (cluster) => {
    const ids = (await cluster.write('/f', { blocks: 60, replication: 1 })).map(({ id }) => id);
    await addEmpty(cluster, '/b');
    await balance(cluster);
    t.is(cluster.management.balancer.status().result, 'balanced');
    t.true((fill(cluster)[1] ?? 0) >= 19, fill(cluster).join());
    for (const id of ids) t.is(cluster.holders(id).length, 1);
  });
});

test('a DataNode that dies on the way, one that cannot copy, and a stop: nothing is lost', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    const ids = (await cluster.write('/f', { blocks: 60 })).map(({ id }) => id);
    for (const id of ids.slice(0, 5)) cluster.holders(id)[0]?.rot(id);
    const added = await addEmpty(cluster, '/b');
    const { balancer } = cluster.management;
    balancer.start(5);
    t.throws(() => balancer.start(5), { name: 'InvalidArgument', message: /Another balancer is running/ });
    await cluster.advance(10_000);
    added.kill();
    await cluster.advance(15 * MINUTE);
    added.start();
    await cluster.advance(MINUTE);
    balancer.stop();
    t.like(balancer.status(), { isRunning: false });
    await cluster.waitFor(
      'all to be well',
      async () => {
        const { underReplicated, overReplicated, missing } = (await cluster.check()).summary;
        return underReplicated + overReplicated + missing === 0;
      },
      20 * MINUTE,
    );
    for (const id of ids) t.true(cluster.holders(id).length >= 3);
  });
});

test('safe mode holds it up; a decommissioning DataNode takes no part', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    await cluster.write('/f', { blocks: 60 });
    const added = await addEmpty(cluster, '/b');
    cluster.management.balancer.start(5);
    cluster.management.safeMode.enter();
    const before = added.blocks.length;
    await cluster.advance(30_000);
    t.true(added.blocks.length <= before + 5);
    cluster.management.safeMode.leave();
    const leaving = await addEmpty(cluster, '/a');
    cluster.management.datanodes.node(leaving.uuid)?.decide('decommission', 0);
    await cluster.waitFor('the end', () => !cluster.management.balancer.status().isRunning, 30 * MINUTE);
    t.true(added.blocks.length > 10);
    t.is(leaving.blocks.length, 0);
  });
});

test('continuous: it begins by itself when there is something to do, and looks again later', async (t) => {
  await withCluster(
    { racks: ['/a', '/a', '/b', '/b'], balancer: { continuous: true, intervalMs: 5 * MINUTE } },
    async (cluster) => {
      await cluster.write('/f', { blocks: 60 });
      await cluster.advance(MINUTE);
      const added = await addEmpty(cluster, '/b');
      await cluster.waitFor('it to begin', () => added.orderedMoves.length + added.blocks.length > 0, 6 * MINUTE);
      await cluster.waitFor('the end', () => !cluster.management.balancer.status().isRunning, 30 * MINUTE);
      t.is(cluster.management.balancer.status().result, 'balanced');
      await assertWell(t, cluster);
    },
  );
});

test('the bandwidth is told to every DataNode once, and again when it has started anew', async (t) => {
  await withCluster({ racks: ['/a', '/a'] }, async (cluster) => {
    cluster.management.service.setBalancerBandwidth(5_000_000);
    await cluster.advance(5_000);
    t.deepEqual(
      cluster.datanodes.map(({ balancerBandwidth }) => balancerBandwidth),
      [5_000_000, 5_000_000],
    );
    const [first] = cluster.datanodes as [FakeDatanode];
    first.balancerBandwidth = 1;
    await cluster.advance(30_000);
    t.is(first.balancerBandwidth, 1, 'not told again');
    first.kill();
    first.start();
    await cluster.advance(5_000);
    t.is(first.balancerBandwidth, 5_000_000);
  });
});
