/** DataNodes taken out of service, in virtual time. */
import test from 'ava';
import type { AdminState, DatanodeDescriptor } from '../../namenode/datanode-descriptor.js';
import type { Call } from '../../namenode/namesystem.js';
import { addBlock } from '../../namenode/operations/add-block.js';
import { decideAboutDatanodes, forgetDatanodes } from '../../namenode/operations/administer-datanodes.js';
import { setReplication } from '../../namenode/operations/attributes.js';
import { complete } from '../../namenode/operations/complete.js';
import { create } from '../../namenode/operations/create.js';
import { parsePath } from '../../namenode/paths.js';
import { fsStats } from '../../namenode/stats.js';
import { AdminDecision, ReplicaRowState } from '../../namenode/storage/schema.js';
import { BLOCK_BYTES, FakeCluster, type FakeClusterOptions } from './support/fake-cluster.js';
import type { FakeDatanode } from './support/fake-datanode.js';
import { ROOT } from './support/namesystem-fixture.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FIVE = { racks: ['/a', '/a', '/b', '/b', '/b'] };

async function withCluster(options: FakeClusterOptions, run: (cluster: FakeCluster) => Promise<void>): Promise<void> {
  const cluster = await FakeCluster.start(options);
  try {
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

const datanode = (cluster: FakeCluster, index: number): FakeDatanode => cluster.datanodes[index] as FakeDatanode;

function descriptor(cluster: FakeCluster, index: number): DatanodeDescriptor {
  const node = cluster.management.datanodes.node(`dn-${index}`);
  if (node === undefined) throw new Error(`dn-${index} is not known`);
  return node;
}

async function decide(
  cluster: FakeCluster,
  index: number,
  decision: AdminDecision,
  expiresMs = 0,
  call = ROOT,
): Promise<DatanodeDescriptor[]> {
  const names = [`host-${index}:9866`];
  return await decideAboutDatanodes(cluster.ns, cluster.management, call, { names, decision, expiresMs });
}

const repeatable = (callId: number): Call => ({ ...ROOT, id: { clientId: 'client', callId } });

async function waitForState(cluster: FakeCluster, index: number, state: AdminState, withinMs = 5 * MINUTE) {
  await cluster.waitFor(`dn-${index} to be ${state}`, () => descriptor(cluster, index).adminState === state, withinMs);
}

/** How many DataNodes besides `index` hold each of the blocks. */
function elsewhere(cluster: FakeCluster, index: number, ids: readonly number[]): number[] {
  return ids.map((id) => cluster.holders(id).filter(({ uuid }) => uuid !== `dn-${index}`).length);
}

const copiesOrdered = (cluster: FakeCluster): number =>
  cluster.datanodes.reduce((sum, { orderedTransfers }) => sum + orderedTransfers.length, 0);

async function writeFile(cluster: FakeCluster, path: string, blocks: number, replication = 3): Promise<number[]> {
  return (await cluster.write(path, { blocks, replication })).map(({ id }) => id);
}

test('a surplus replica that nobody was told to delete takes the place of one that leaves', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/a', '/a'] }, async (cluster) => {
    const [id = 0] = await writeFile(cluster, '/f', 1, 4);
    for (const each of cluster.datanodes) each.deaf = true;
    await setReplication(cluster.ns, ROOT, parsePath('/f'), 3);
    await cluster.advance(10_000);
    for (const each of cluster.datanodes) each.deaf = false;
    const sql = `SELECT datanode FROM replicas r JOIN storages s ON s.id = r.storage WHERE r.block = ? AND r.state = ?`;
    const needed = cluster.fixture.journal.committed.prepare(sql).pluck();
    const leaving = cluster.datanodes.findIndex(({ uuid }) => needed.all(id, ReplicaRowState.LIVE).includes(uuid));
    t.is(needed.all(id, ReplicaRowState.EXCESS).length, 1);
    await decide(cluster, leaving, AdminDecision.DECOMMISSION);
    await waitForState(cluster, leaving, 'decommissioned');
    t.deepEqual(elsewhere(cluster, leaving, [id]), [3]);
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedDeletions }) => orderedDeletions),
      [],
    );
  });
});

test('decommissioning: the blocks are copied away, the replicas there stay until then, and new blocks go elsewhere', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 20);
    const held = datanode(cluster, 0).blocks;
    t.true(held.length > 0);
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    t.is(descriptor(cluster, 0).adminState, 'decommission-in-progress');
    const before = await cluster.check();
    t.is(before.summary.underReplicated, 0, 'all replicas are still there');
    t.true(before.blocks.some(({ replicas }) => replicas.some(({ state }) => state === 'DECOMMISSIONING')));
    await cluster.advance(5_000);
    t.true(fsStats(cluster.fixture.journal, cluster.management.datanodes).underReplicatedBlocks > 0);

    const added = await writeFile(cluster, '/g', 20);
    t.deepEqual(
      added.filter((id) => datanode(cluster, 0).blocks.includes(id)),
      [],
    );

    await waitForState(cluster, 0, 'decommissioned');
    t.deepEqual(new Set(elsewhere(cluster, 0, ids)), new Set([3]));
    t.deepEqual(datanode(cluster, 0).blocks, held, 'nothing was deleted there');
    const after = await cluster.check();
    t.is(after.summary.overReplicated + after.summary.misReplicated + after.summary.underReplicated, 0);
  });
});

test('a block whose only replica is there is copied from there', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 10, 1);
    const alone = ids.filter((id) => datanode(cluster, 2).blocks.includes(id));
    t.true(alone.length > 0);
    await decide(cluster, 2, AdminDecision.DECOMMISSION);
    await waitForState(cluster, 2, 'decommissioned');
    t.deepEqual(new Set(elsewhere(cluster, 2, alone)), new Set([1]));
    datanode(cluster, 2).kill();
    await cluster.advance(11 * MINUTE);
    const { summary } = await cluster.check();
    t.is(summary.missing, 0);
  });
});

test('replicas that are not good give way to copies of the only good one, on a DataNode that is to leave', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b'] }, async (cluster) => {
    const [block] = await cluster.write('/f');
    const { id = 0, generation_stamp: generationStamp = 0, length: numBytes = 0 } = block ?? {};
    const others = [1, 2].map((index) => datanode(cluster, index));
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    for (const bad of others) {
      bad.rot(id);
      await cluster.ns.blocks.markCorrupt({ blockId: id, generationStamp, numBytes }, bad.uuid, '');
    }
    await cluster.waitFor('both to be healed', () =>
      others.every((one) => one.blocks.includes(id) && !one.isRotten(id)),
    );
    t.is((await cluster.check()).summary.corrupt, 0);
  });
});

test('progress is told: what is left, and how long it will take', async (t) => {
  await withCluster(
    { ...FIVE, settings: { admin: { intervalMs: 2_000, minReplication: 1, defaultReplication: 3 } } },
    async (cluster) => {
      await writeFile(cluster, '/f', 60, 1);
      await decide(cluster, 1, AdminDecision.DECOMMISSION);
      const { admin } = cluster.management;
      await cluster.waitFor('an estimate', () => admin.progressOf(descriptor(cluster, 1))?.timeLeftMs !== undefined);
      const progress = admin.progressOf(descriptor(cluster, 1));
      t.true((progress?.blocksLeft ?? 0) > 0);
      t.is(progress?.bytesLeft, (progress?.blocksLeft ?? 0) * BLOCK_BYTES);
      t.is(progress?.blocksWithoutLive, progress?.blocksLeft);
      await waitForState(cluster, 1, 'decommissioned');
      t.is(admin.progressOf(descriptor(cluster, 1)), undefined);
    },
  );
});

test('with too few DataNodes it is not finished, and nothing is lost when it is ended', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b'] }, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 5);
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    await cluster.advance(5 * MINUTE);
    t.is(descriptor(cluster, 0).adminState, 'decommission-in-progress');
    t.is(cluster.management.admin.progressOf(descriptor(cluster, 0))?.blocksLeft, 5);
    await decide(cluster, 0, AdminDecision.NORMAL);
    await cluster.advance(MINUTE);
    for (const id of ids) t.is(cluster.holders(id).length, 3);
    t.is(fsStats(cluster.fixture.journal, cluster.management.datanodes).underReplicatedBlocks, 0);
    t.is(copiesOrdered(cluster), 0);
  });
});

test('as many replicas as new files get are enough to let a DataNode go, though a file asks for more', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    await writeFile(cluster, '/f', 5, 5);
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    await waitForState(cluster, 0, 'decommissioned');
    t.pass();
  });
});

test('a DataNode that is taken back: the replicas that are too many now are deleted', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 20);
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    await waitForState(cluster, 0, 'decommissioned');
    await decide(cluster, 0, AdminDecision.NORMAL);
    t.is(descriptor(cluster, 0).adminState, 'normal');
    await cluster.waitFor('three replicas of each', () => ids.every((id) => cluster.holders(id).length === 3));
    const { summary } = await cluster.check();
    t.is(summary.misReplicated + summary.underReplicated, 0);
  });
});

test('the decision survives a restart of the NameNode', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    await writeFile(cluster, '/f', 10);
    await decide(cluster, 0, AdminDecision.DECOMMISSION);
    await decide(cluster, 4, AdminDecision.MAINTENANCE, cluster.clock.now() + HOUR);
    await cluster.restartNamenode();
    t.is(descriptor(cluster, 0).adminState, 'decommission-in-progress');
    t.is(descriptor(cluster, 4).adminState, 'entering-maintenance');
    await waitForState(cluster, 0, 'decommissioned');
    await waitForState(cluster, 4, 'in-maintenance');
    t.true(descriptor(cluster, 4).maintenanceExpiresMs > 0);
    await decide(cluster, 0, AdminDecision.NORMAL);
    await cluster.restartNamenode();
    await cluster.advance(10_000);
    t.is(descriptor(cluster, 0).adminState, 'normal');
  });
});

test('a decision that comes once more, late, does not undo those after it', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const recommission = () => decide(cluster, 0, AdminDecision.NORMAL, 0, repeatable(1));
    await recommission();
    await decide(cluster, 0, AdminDecision.MAINTENANCE);
    await recommission();
    t.is(descriptor(cluster, 0).adminState, 'entering-maintenance');
    await cluster.restartNamenode();
    t.is(descriptor(cluster, 0).adminState, 'entering-maintenance');
  });
});

test('maintenance that is prolonged at the moment at which it would end goes on', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    await decide(cluster, 0, AdminDecision.MAINTENANCE);
    await waitForState(cluster, 0, 'in-maintenance');
    await decide(cluster, 0, AdminDecision.MAINTENANCE, cluster.clock.now() + 1_000);
    await cluster.advance(2_000);
    const untilMs = cluster.clock.now() + HOUR;
    const prolonged = decide(cluster, 0, AdminDecision.MAINTENANCE, untilMs);
    await cluster.management.admin.round(new AbortController().signal);
    await prolonged;
    t.is(descriptor(cluster, 0).adminState, 'in-maintenance');
    t.is(descriptor(cluster, 0).maintenanceExpiresMs, untilMs);
  });
});

test('maintenance: a DataNode may be away, even dead, and nothing is copied; when its time is over, everything is', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 20);
    await decide(cluster, 0, AdminDecision.MAINTENANCE, cluster.clock.now() + HOUR);
    await waitForState(cluster, 0, 'in-maintenance');
    t.is(copiesOrdered(cluster), 0);
    datanode(cluster, 0).kill();
    await cluster.advance(30 * MINUTE);
    t.is(descriptor(cluster, 0).state, 'dead');
    t.is(copiesOrdered(cluster), 0);
    t.is((await cluster.check()).summary.underReplicated, 0);

    await cluster.advance(31 * MINUTE);
    t.is(descriptor(cluster, 0).adminState, 'normal');
    await cluster.waitFor(
      'three replicas of each',
      () => ids.every((id) => cluster.holders(id).length === 3),
      5 * MINUTE,
    );
  });
});

test('maintenance: it is waited for after a restart of the NameNode only as long as it takes the others', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    await writeFile(cluster, '/f', 5);
    await decide(cluster, 0, AdminDecision.MAINTENANCE);
    await waitForState(cluster, 0, 'in-maintenance');
    datanode(cluster, 0).kill();
    await cluster.restartNamenode();
    await cluster.advance(10_000);
    t.false(cluster.management.safeMode.isOn);
    await cluster.advance(20 * MINUTE);
    t.is(copiesOrdered(cluster), 0);
    datanode(cluster, 0).start();
    await decide(cluster, 0, AdminDecision.NORMAL);
    await cluster.advance(MINUTE);
    t.is(copiesOrdered(cluster), 0);
    const { summary } = await cluster.check();
    t.is(summary.underReplicated + summary.overReplicated, 0);
  });
});

test('maintenance: a block that nobody else has is copied first', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 10, 1);
    const alone = ids.filter((id) => datanode(cluster, 2).blocks.includes(id));
    t.true(alone.length > 0);
    await decide(cluster, 2, AdminDecision.MAINTENANCE);
    await waitForState(cluster, 2, 'in-maintenance');
    t.deepEqual(new Set(elsewhere(cluster, 2, alone)), new Set([1]));
    t.is(copiesOrdered(cluster), alone.length);
  });
});

test('a block that is being written there, and nowhere else, is waited for', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const { ns } = cluster;
    const request = { path: parsePath('/open'), clientName: 'writer' };
    const { inode } = await create(ns, ROOT, {
      ...request,
      mode: 0o644,
      overwrite: false,
      createParent: true,
      replication: 1,
      blockSizeBytes: BLOCK_BYTES,
    });
    const writer = { ...request, fileId: inode.id };
    const located = await addBlock(ns, ROOT, {
      ...writer,
      previous: undefined,
      excludeDatanodes: [],
      writerHost: 'host-1',
    });
    const [location] = located.locations;
    const target = cluster.datanodes.find(({ uuid }) => uuid === location?.datanodeUuid);
    const index = cluster.datanodes.indexOf(target as FakeDatanode);
    target?.begin(located.block, location?.storageUuid ?? '');
    await cluster.advance(1_000);
    await decide(cluster, index, AdminDecision.DECOMMISSION);
    await cluster.advance(2 * MINUTE);
    t.is(descriptor(cluster, index).adminState, 'decommission-in-progress');
    t.is(cluster.management.admin.progressOf(descriptor(cluster, index))?.blocksInOpenFiles, 1);

    const finished = { ...located.block, numBytes: BLOCK_BYTES };
    target?.finalize(finished, location?.storageUuid ?? '');
    await cluster.advance(1_000);
    t.true(
      await complete(ns, ROOT, { ...writer, lastBlock: finished }),
      'the replica there is enough to close the file',
    );
    await waitForState(cluster, index, 'decommissioned');
    t.is(elsewhere(cluster, index, [finished.blockId])[0], 1);
  });
});

test('a dead DataNode can be forgotten, and comes back as a new one; a live one cannot', async (t) => {
  await withCluster(FIVE, async (cluster) => {
    const ids = await writeFile(cluster, '/f', 10);
    const forget = () => forgetDatanodes(cluster.ns, cluster.management, repeatable(1), { names: ['host-0'] });
    await t.throwsAsync(forget(), { name: 'InvalidArgument', message: /not dead/ });
    datanode(cluster, 0).kill();
    await cluster.advance(15 * MINUTE);
    await forget();
    t.is(cluster.management.datanodes.node('dn-0'), undefined);
    await cluster.restartNamenode();
    t.is(cluster.management.datanodes.node('dn-0'), undefined);
    await cluster.advance(10_000);
    datanode(cluster, 0).start();
    await cluster.waitFor('it to register', () => cluster.management.datanodes.node('dn-0')?.state === 'live');
    await forget(); // the same call once more
    t.is(cluster.management.datanodes.node('dn-0')?.state, 'live');
    await cluster.waitFor('the surplus to be deleted', () => ids.every((id) => cluster.holders(id).length === 3));
    await t.throwsAsync(decide(cluster, 9, AdminDecision.DECOMMISSION), {
      name: 'InvalidArgument',
      message: /No DataNode is known as host-9:9866/,
    });
  });
});
