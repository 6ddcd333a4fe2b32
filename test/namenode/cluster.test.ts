/** Block management as a whole, with fake DataNodes, in virtual time. */
import test from 'ava';
import { append } from '../../namenode/operations/append.js';
import { setReplication } from '../../namenode/operations/attributes.js';
import { recoverLease } from '../../namenode/operations/lease-recovery.js';
import { truncate } from '../../namenode/operations/truncate.js';
import { parsePath } from '../../namenode/paths.js';
import { fsStats } from '../../namenode/stats.js';
import type { BlockRow } from '../../namenode/storage/rows.js';
import { FakeCluster, type FakeClusterOptions } from './support/fake-cluster.js';
import type { FakeDatanode } from './support/fake-datanode.js';
import { ROOT } from './support/namesystem-fixture.js';

const MINUTE = 60_000;
/** Twice the recheck interval and ten heartbeats. */
const DEAD_AFTER = 630_000;

async function withCluster(options: FakeClusterOptions, run: (cluster: FakeCluster) => Promise<void>): Promise<void> {
  const cluster = await FakeCluster.start(options);
  try {
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

async function isHealthy(cluster: FakeCluster): Promise<boolean> {
  const { underReplicated, overReplicated, misReplicated, missing, corrupt } = (await cluster.check()).summary;
  return underReplicated + overReplicated + misReplicated + missing + corrupt === 0;
}

const idsOf = (blocks: readonly BlockRow[]): number[] => blocks.map(({ id }) => id);

function racksOf(nodes: readonly FakeDatanode[]): Set<string> {
  return new Set(nodes.map(({ rack }) => rack));
}

/** The DataNodes themselves have what they should: three replicas of each, on two racks. */
function assertOnDisk(
  t: { is: (a: unknown, b: unknown, m?: string) => unknown },
  cluster: FakeCluster,
  ids: readonly number[],
): void {
  for (const id of ids) {
    const holders = cluster.holders(id);
    t.is(holders.length, 3, `replicas of ${id}`);
    t.is(racksOf(holders).size, 2, `racks of ${id}`);
  }
}

const FOUR = { racks: ['/a', '/a', '/b', '/b'] };
const THREE = { racks: ['/a', '/a', '/b'] };
const node = (cluster: FakeCluster, index: number): FakeDatanode => cluster.datanodes[index] as FakeDatanode;

test('a file has three replicas on two racks, each on another DataNode', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 5 }));
    t.true(await isHealthy(cluster));
    assertOnDisk(t, cluster, ids);
    await cluster.advance(MINUTE);
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedTransfers }) => orderedTransfers),
      [],
    );
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedDeletions }) => orderedDeletions),
      [],
    );
  });
});

test('a killed DataNode is stale after 30 s and dead after 630 s; then its blocks come back to three replicas on two racks', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 40 }));
    const victim = node(cluster, 1);
    victim.kill();
    const state = () => cluster.management.datanodes.node(victim.uuid)?.state;
    await cluster.advance(25_000);
    t.is(state(), 'live');
    await cluster.advance(10_000);
    t.is(state(), 'stale');
    await cluster.advance(DEAD_AFTER - 45_000);
    t.is(state(), 'stale');
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedTransfers }) => orderedTransfers),
      [],
      'nothing is copied before',
    );
    await cluster.advance(15_000);
    t.is(state(), 'dead');
    await cluster.waitFor('all blocks have three replicas', () => isHealthy(cluster));
    assertOnDisk(t, cluster, ids);
    for (const { mostTransfers } of cluster.datanodes) t.true(mostTransfers <= 2, `${mostTransfers} copies at a time`);
  });
});

test('DataNodes are kept at their number of streams while there is work', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    await cluster.write('/f', { blocks: 60 });
    const victim = node(cluster, 0);
    const lost = victim.blocks.length;
    victim.kill();
    await cluster.advance(DEAD_AFTER);
    const tookMs = await cluster.waitFor('repair', () => isHealthy(cluster));
    // Three sources, two streams each, two seconds a copy: three blocks a second, plus the start.
    t.true(tookMs <= (lost / 3) * 1000 + 12_000, `${lost} blocks took ${tookMs} ms`);
  });
});

test('blocks with one replica left are copied before those with two', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b', '/c'] }, async (cluster) => {
    const written: BlockRow[] = [];
    for (let i = 0; i < 60; i++) written.push(...(await cluster.write(`/f${i}`)));
    const [first, second] = [node(cluster, 0), node(cluster, 1)];
    const lostBy = (id: number): number => [first, second].filter(({ blocks }) => blocks.includes(id)).length;
    const urgent = idsOf(written).filter((id) => lostBy(id) === 2);
    const ordinary = idsOf(written).filter((id) => lostBy(id) === 1);
    t.true(urgent.length > 3 && ordinary.length > 10);
    first.kill();
    second.kill();
    await cluster.advance(DEAD_AFTER);
    await cluster.waitFor('repair', () => isHealthy(cluster), 2 * MINUTE);
    for (const { orderedTransfers, mostTransfers } of cluster.datanodes) {
      const lastUrgent = Math.max(...orderedTransfers.map((id, i) => (urgent.includes(id) ? i : -1)));
      const ordinaryBefore = orderedTransfers.slice(0, lastUrgent).filter((id) => ordinary.includes(id));
      // Some may have been ordered in the moments in which the queue was being filled.
      t.true(ordinaryBefore.length <= 4, `${ordinaryBefore.length} ordinary blocks before an urgent one`);
      t.true(mostTransfers <= 4, `${mostTransfers} copies at a time`);
    }
  });
});

test('a DataNode that comes back makes surplus replicas, which go away; no block ever has fewer than three', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 20 }));
    const victim = node(cluster, 2);
    victim.kill();
    await cluster.advance(DEAD_AFTER);
    await cluster.waitFor('repair', () => isHealthy(cluster));
    victim.start();
    await cluster.waitFor('the surplus is gone', () => {
      for (const id of ids) t.true(cluster.holders(id).length >= 3);
      return ids.every((id) => cluster.holders(id).length === 3);
    });
    t.true(await isHealthy(cluster));
    assertOnDisk(t, cluster, ids);
  });
});

test('three DataNodes, one dies: nothing can be copied, nothing is deleted, and its return makes all well', async (t) => {
  await withCluster(THREE, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 10 }));
    const victim = node(cluster, 0);
    victim.kill();
    await cluster.advance(DEAD_AFTER + MINUTE);
    const { summary } = await cluster.check();
    t.is(summary.underReplicated, 10);
    t.is(cluster.ns.blocks.locate(cluster.fixture.journal.committed, ids[0] ?? 0, '').locations.length, 2);
    victim.start();
    await cluster.waitFor('all is well', () => isHealthy(cluster));
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedDeletions }) => orderedDeletions),
      [],
    );
  });
});

test('a corrupt replica is replaced by a good one elsewhere, and deleted after that', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    const bad = cluster.holders(id)[0] as FakeDatanode;
    bad.rot(id);
    await cluster.advance(MINUTE);
    t.true(bad.isRotten(id), 'nobody has noticed');
    await cluster.ns.blocks.markCorrupt(blockOf(block), bad.uuid, bad.storageIdOf(id) ?? '');
    await cluster.waitFor('the corrupt replica is gone', () => !bad.isRotten(id));
    await cluster.waitFor('all is well', () => isHealthy(cluster));
    t.is(cluster.holders(id).filter((holder) => !holder.isRotten(id)).length, 3);
  });
});

test('three DataNodes: the corrupt replica gives way to a good one on the same DataNode', async (t) => {
  await withCluster(THREE, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    const bad = node(cluster, 1);
    bad.rot(id);
    await cluster.ns.blocks.markCorrupt(blockOf(block), bad.uuid, bad.storageIdOf(id) ?? '');
    await cluster.waitFor('healed', async () => !bad.isRotten(id) && (await isHealthy(cluster)));
    assertOnDisk(t, cluster, [id]);
  });
});

test('three DataNodes, two replicas corrupt: both are healed from the third', async (t) => {
  await withCluster(THREE, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    for (const bad of cluster.datanodes.slice(0, 2)) {
      bad.rot(id);
      await cluster.ns.blocks.markCorrupt(blockOf(block), bad.uuid, '');
    }
    await cluster.waitFor(
      'healed',
      async () => !cluster.datanodes.some((d) => d.isRotten(id)) && (await isHealthy(cluster)),
    );
    assertOnDisk(t, cluster, [id]);
  });
});

test('when all replicas are corrupt none is deleted, and readers are told', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    for (const bad of cluster.holders(id)) await cluster.ns.blocks.markCorrupt(blockOf(block), bad.uuid, '');
    await cluster.advance(5 * MINUTE);
    t.is(cluster.holders(id).length, 3);
    const { locations, corrupt } = cluster.ns.blocks.locate(cluster.fixture.journal.committed, id, '');
    t.true(corrupt);
    t.is(locations.length, 3);
    t.like((await cluster.check()).summary, { corrupt: 1, missing: 0 });
  });
});

test('a replica that vanishes in silence is found by the digest and replaced', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const [block] = await cluster.write('/f', { blocks: 30 });
    const id = block?.id ?? 0;
    const loser = cluster.holders(id)[0] as FakeDatanode;
    await cluster.advance(MINUTE);
    loser.lose(id);
    await cluster.advance(MINUTE);
    t.is(loser.fullReports, 1);
    t.is(cluster.holders(id).length, 3);
    await cluster.waitFor('all is well', () => isHealthy(cluster));
  });
});

test('a replica of a block that nobody knows is deleted', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    await cluster.write('/f');
    const stranger = { blockId: 2 ** 31, generationStamp: 1, numBytes: 5 };
    node(cluster, 0).put(stranger);
    await cluster.waitFor('deleted', () => cluster.holders(stranger.blockId).length === 0);
    t.deepEqual(node(cluster, 0).orderedDeletions, [stranger.blockId]);
    t.true(await isHealthy(cluster));
  });
});

test('a replica with an old stamp is deleted, but only once there are enough good ones', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    const old = cluster.holders(id)[0] as FakeDatanode;
    await cluster.advance(MINUTE);
    old.lose(id);
    old.put({ ...blockOf(block), generationStamp: blockOf(block).generationStamp - 1 });
    await cluster.waitFor('it is found out', async () => (await cluster.check()).blocks[0]?.live === 2);
    await cluster.waitFor('three good replicas', async () => (await cluster.check()).blocks[0]?.live === 3);
    await cluster.waitFor(
      'the old one is gone',
      () => old.orderedDeletions.includes(id) && old.storageIdOf(id) === undefined,
    );
    t.true(await isHealthy(cluster));
  });
});

test('setrep: more replicas are made, fewer are deleted, racks stay covered', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/a', '/b', '/b'] }, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 5 }));
    const path = parsePath('/f');
    await setReplication(cluster.ns, ROOT, path, 5);
    await cluster.waitFor('five replicas', () => ids.every((id) => cluster.holders(id).length === 5));
    await setReplication(cluster.ns, ROOT, path, 2);
    await cluster.waitFor('two replicas', () => ids.every((id) => cluster.holders(id).length === 2));
    for (const id of ids) t.is(racksOf(cluster.holders(id)).size, 2);
    t.true(await isHealthy(cluster));
  });
});

test('surplus replicas go from the DataNodes with the least room', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    const [block] = await cluster.write('/f', { replication: 4 });
    node(cluster, 1).remainingBytes = 2 ** 30;
    await cluster.advance(5_000);
    await setReplication(cluster.ns, ROOT, parsePath('/f'), 3);
    await cluster.waitFor('three replicas', () => cluster.holders(block?.id ?? 0).length === 3);
    t.deepEqual(
      cluster.datanodes.map(({ orderedDeletions }) => orderedDeletions.length),
      [0, 1, 0, 0],
    );
  });
});

test('when a second rack appears, blocks are spread over both', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/a'] }, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 6 }));
    t.true(await isHealthy(cluster));
    cluster.addDatanode('/b').start();
    await cluster.waitFor('spread', () => ids.every((id) => racksOf(cluster.holders(id)).size === 2));
    await cluster.waitFor('three replicas', () => ids.every((id) => cluster.holders(id).length === 3));
    assertOnDisk(t, cluster, ids);
    t.true(await isHealthy(cluster));
  });
});

test('the blocks of a deleted file are deleted on all DataNodes, on those that were away too', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const blocks = await cluster.write('/f', { blocks: 3 });
    const absent = cluster.holders(blocks[0]?.id ?? 0)[0] as FakeDatanode;
    absent.kill();
    await deleteFile(cluster, blocks);
    await cluster.waitFor('deleted', () => blocks.every(({ id }) => cluster.holders(id).length === 0));
    absent.start();
    await cluster.waitFor('deleted there as well', () => absent.blocks.length === 0);
    t.is(cluster.fixture.journal.committed.prepare('SELECT count(*) AS n FROM replicas').pluck().get(), 0);
  });
});

test('blocks that were missing are not, once their file is deleted', async (t) => {
  await withCluster(THREE, async (cluster) => {
    const blocks = await cluster.write('/f', { blocks: 3 });
    for (const datanode of cluster.datanodes) datanode.kill();
    await cluster.advance(DEAD_AFTER + MINUTE);
    const missing = () => fsStats(cluster.fixture.journal, cluster.management.datanodes).missingBlocks;
    t.is(missing(), 3);
    await deleteFile(cluster, blocks);
    await cluster.waitFor('none is missing', () => missing() === 0);
    t.pass();
  });
});

test('what is being written of a deleted file is deleted too', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const blocks = await cluster.write('/f');
    const id = 2 ** 30 + 1000;
    const writing = node(cluster, 0);
    writing.begin({ blockId: id, generationStamp: 2000, numBytes: 0 }, 'ds-0-0');
    await cluster.waitFor('deleted', () => writing.orderedDeletions.includes(id));
    t.is(cluster.holders(blocks[0]?.id ?? 0).length, 3);
  });
});

for (const age of [1, 0]) {
  test(`an unfinished replica of a complete block makes way for a good one; its stamp is ${age} behind`, async (t) => {
    await withCluster(THREE, async (cluster) => {
      const [block] = (await cluster.write('/f')) as [BlockRow];
      const behind = cluster.holders(block.id)[0] as FakeDatanode;
      const storageId = behind.storageIdOf(block.id) ?? '';
      behind.lose(block.id);
      behind.begin({ blockId: block.id, generationStamp: block.generation_stamp - age, numBytes: 10 }, storageId);
      await cluster.waitFor('deleted', () => behind.orderedDeletions.includes(block.id));
      await cluster.waitFor('copied there again', () => cluster.holders(block.id).length === 3);
      await cluster.waitFor('healthy', () => isHealthy(cluster));
      t.pass();
    });
  });
}

test('an unfinished replica that a recovery has left is deleted, though its DataNode has all that is known of it', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const [block] = (await cluster.write('/f')) as [BlockRow];
    const outsider = cluster.datanodes.find((one) => !cluster.holders(block.id).includes(one)) as FakeDatanode;
    const [storageId = ''] = outsider.storages.keys();
    // It was cut under the recovery's stamp, and died before it was finished; the recovery has gone on without it.
    outsider.begin({ blockId: block.id, generationStamp: block.generation_stamp, numBytes: 10 }, storageId);
    await cluster.waitFor('deleted', () => outsider.orderedDeletions.includes(block.id), 3 * MINUTE);
    t.is(outsider.fullReports, 1);
    t.true(await isHealthy(cluster));
    await cluster.advance(5 * MINUTE);
    t.is(outsider.fullReports, 1);
  });
});

test('who leads the recovery of a block is told how many of its DataNodes have been given up', async (t) => {
  await withCluster(THREE, async (cluster) => {
    const [block] = (await cluster.write('/f')) as [BlockRow];
    const targets = cluster.datanodes.map((one) => ({
      datanodeUuid: one.uuid,
      storageUuid: [...one.storages.keys()][0] ?? '',
    }));
    node(cluster, 0).kill();
    await cluster.waitFor(
      'dead',
      () => cluster.management.datanodes.node('dn-0')?.state === 'dead',
      DEAD_AFTER + MINUTE,
    );
    cluster.ns.blocks.recover({ block: blockOf(block), recoveryId: 9999, targets, truncate: false });
    const orders = () => cluster.datanodes.flatMap(({ orderedRecoveries }) => orderedRecoveries);
    await cluster.waitFor('ordered', () => orders().length === 1);
    t.is(orders()[0]?.locations?.length, 2);
    t.is(orders()[0]?.givenUp, 1);
  });
});

/** Of the two DataNodes that have the block, one is dead, and the other has lost it without a word, so that it is opened there alone. */
async function withBlockAway(run: (cluster: FakeCluster, block: BlockRow, away: FakeDatanode) => Promise<void>) {
  await withCluster(THREE, async (cluster) => {
    const [block] = (await cluster.write('/f', { replication: 2, bytesPerBlock: 900 })) as [BlockRow];
    const [away, there] = cluster.holders(block.id) as [FakeDatanode, FakeDatanode];
    for (const one of cluster.datanodes) if (one !== there) one.kill(); // nobody can take a copy
    await cluster.advance(DEAD_AFTER + MINUTE);
    there.lose(block.id);
    await run(cluster, block, away);
  });
}

const recoveriesOrdered = (cluster: FakeCluster) => cluster.datanodes.flatMap((one) => one.orderedRecoveries);

test('a file is opened where its last block is not, and its writer vanishes: the DataNode that has it counts, though it is dead', async (t) => {
  await withBlockAway(async (cluster) => {
    const path = parsePath('/f');
    await append(cluster.ns, ROOT, { path, clientName: 'writer', newBlock: false });
    t.false(await recoverLease(cluster.ns, ROOT, { path }));
    await cluster.waitFor('ordered', () => recoveriesOrdered(cluster).length === 1);
    t.is(recoveriesOrdered(cluster)[0]?.locations?.length, 1);
    t.is(recoveriesOrdered(cluster)[0]?.givenUp, 1, 'else the block would be given up with all that is in it');
  });
});

test('a block is to be cut where it is not: the DataNode that has it takes part when it comes back', async (t) => {
  await withBlockAway(async (cluster, _block, away) => {
    const path = parsePath('/f');
    t.false(await truncate(cluster.ns, ROOT, { path, newLength: 500, clientName: 'writer' }));
    await cluster.waitFor('ordered', () => recoveriesOrdered(cluster).length === 1);
    away.start();
    await cluster.advance(5 * MINUTE);
    t.false(await recoverLease(cluster.ns, ROOT, { path }));
    await cluster.waitFor('ordered again', () => recoveriesOrdered(cluster).length === 2);
    const asked = recoveriesOrdered(cluster)[1]?.locations?.map(({ datanode }) => datanode?.uuid);
    t.true(asked?.includes(away.uuid), `${asked?.join(', ')} are asked`);
  });
});

test('a failed volume: its blocks are copied from others', async (t) => {
  const cluster = await FakeCluster.start({ racks: ['/a', '/b', '/b'] });
  try {
    const twoDisks = cluster.addDatanode('/a', 2);
    twoDisks.start();
    await cluster.advance(5_000);
    const ids = idsOf(await cluster.write('/f', { blocks: 20 }));
    const [failing] = twoDisks.storages.keys();
    const lost = ids.filter((id) => twoDisks.storageIdOf(id) === failing);
    t.true(lost.length > 0);
    twoDisks.storages.get(failing ?? '')?.clear();
    twoDisks.failed.add(failing ?? '');
    await cluster.waitFor(
      'repaired',
      async () => (await isHealthy(cluster)) && lost.every((id) => cluster.holders(id).length === 3),
    );
    t.pass();
  } finally {
    await cluster.close();
  }
});

test('a copy to a DataNode that is gone and not yet dead is tried elsewhere', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b', '/b'] }, async (cluster) => {
    const [block] = await cluster.write('/f');
    const id = block?.id ?? 0;
    const outsiders = cluster.datanodes.filter((datanode) => !cluster.holders(id).includes(datanode));
    outsiders[0]?.kill();
    const bad = cluster.holders(id)[0] as FakeDatanode;
    bad.rot(id);
    await cluster.ns.blocks.markCorrupt(blockOf(block), bad.uuid, '');
    await cluster.waitFor('healed', () => isHealthy(cluster));
    t.true(outsiders[1]?.blocks.includes(id));
  });
});

test('a DataNode that answers on its ports but is silent dies only after the whole interval', async (t) => {
  const heartbeats = { staleAfterMs: 30_000, deadAfterMs: DEAD_AFTER, unreachableAfterMs: 120_000, tickMs: 1_000 };
  await withCluster({ ...FOUR, settings: { heartbeats } }, async (cluster) => {
    const state = (index: number) => cluster.management.datanodes.node(node(cluster, index).uuid)?.state;
    node(cluster, 0).hung = true;
    node(cluster, 1).kill();
    await cluster.advance(125_000);
    t.is(state(0), 'stale');
    t.is(state(1), 'dead', 'its ports do not answer');
    await cluster.advance(DEAD_AFTER - 130_000);
    t.is(state(0), 'stale');
    await cluster.advance(10_000);
    t.is(state(0), 'dead');
    node(cluster, 0).hung = false;
    await cluster.advance(10_000);
    t.is(state(0), 'live', 'it was told to register again');
    t.is(node(cluster, 0).registrations, 2);
  });
});

// ---- Restarts of the NameNode -----------------------------------------------------------------------------------------

test('after a restart safe mode lasts until the DataNodes have registered; no full report is needed, nothing is copied', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 10 }));
    await cluster.restartNamenode();
    t.true(cluster.ns.blocks.safeMode().on);
    t.throws(() => cluster.ns.blocks.requireNoSafeMode('create file /x'), {
      message: /^Cannot create file \/x\. Name node is in safe mode\./,
    });
    const tookMs = await cluster.waitFor('safe mode is over', () => !cluster.ns.blocks.safeMode().on);
    t.true(tookMs <= 6_000, `${tookMs} ms`);
    await cluster.advance(MINUTE);
    assertOnDisk(t, cluster, ids);
    t.true(await isHealthy(cluster));
    t.deepEqual(
      cluster.datanodes.map(({ fullReports }) => fullReports),
      [0, 0, 0, 0],
    );
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedTransfers }) => orderedTransfers),
      [],
    );
  });
});

test('an empty namespace leaves safe mode at once', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    await cluster.stopNamenode();
    for (const datanode of cluster.datanodes) datanode.kill();
    await cluster.restartNamenode();
    await cluster.advance(1_000);
    t.false(cluster.ns.blocks.safeMode().on);
  });
});

test('safe mode waits for blocks that no DataNode has shown, and says so in HDFS’s words', async (t) => {
  await withCluster(THREE, async (cluster) => {
    await cluster.write('/f', { blocks: 5 });
    for (const datanode of cluster.datanodes) datanode.kill();
    await cluster.restartNamenode();
    await cluster.advance(10 * MINUTE);
    t.is(
      cluster.ns.blocks.safeMode().message,
      'The reported blocks 0 needs additional 5 blocks to reach the threshold 0.9990 of total blocks 5. ' +
        'The number of live datanodes 0 has reached the minimum number 0. ' +
        'Safe mode will be turned off automatically once the thresholds have been reached.',
    );
    node(cluster, 2).start();
    await cluster.advance(5_000);
    t.regex(cluster.ns.blocks.safeMode().message, /has reached the threshold .* in \d+ seconds, or as soon as/);
    await cluster.advance(30_000);
    t.false(cluster.ns.blocks.safeMode().on, 'the extension is over');
  });
});

test('the extension is cut short when the last known DataNode has registered', async (t) => {
  await withCluster(THREE, async (cluster) => {
    await cluster.write('/f');
    await cluster.stopNamenode();
    const late = node(cluster, 0);
    late.kill();
    await cluster.restartNamenode();
    await cluster.advance(10_000);
    t.true(cluster.ns.blocks.safeMode().on);
    late.start();
    await cluster.advance(2_000);
    t.false(cluster.ns.blocks.safeMode().on);
  });
});

test('a DataNode that was dead before is not waited for', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    await cluster.write('/f');
    node(cluster, 0).kill();
    await cluster.advance(DEAD_AFTER + MINUTE);
    await cluster.restartNamenode();
    const tookMs = await cluster.waitFor('safe mode is over', () => !cluster.ns.blocks.safeMode().on);
    t.true(tookMs <= 6_000, `${tookMs} ms`);
  });
});

test('what changed on a DataNode while the NameNode was away is learned from its full report', async (t) => {
  await withCluster(FOUR, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 30 }));
    await cluster.stopNamenode();
    const [lost] = node(cluster, 0).blocks;
    node(cluster, 0).lose(lost ?? 0);
    await cluster.restartNamenode();
    await cluster.waitFor('healed', () => cluster.holders(lost ?? 0).length === 3, 2 * MINUTE);
    await cluster.waitFor('all is well', () => isHealthy(cluster));
    assertOnDisk(t, cluster, ids);
  });
});

test('a surplus replica that was to be deleted is kept when the others are gone after a restart', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b'] }, async (cluster) => {
    const [block] = await cluster.write('/f', { replication: 3 });
    const id = block?.id ?? 0;
    const { journal } = cluster.fixture;
    await setReplication(cluster.ns, ROOT, parsePath('/f'), 1);
    for (const datanode of cluster.datanodes) datanode.hung = true; // no order gets out
    const markedExcess = () => journal.committed.prepare('SELECT count(*) FROM replicas WHERE state = 4').pluck().get();
    await cluster.waitFor('two are surplus', () => markedExcess() === 2);
    const surplus = journal.committed.prepare('SELECT storage FROM replicas WHERE state = 4').pluck().all() as number[];
    const survivors = cluster.datanodes.filter(({ uuid }) => {
      const storages = [...(cluster.management.datanodes.node(uuid)?.storages.values() ?? [])];
      return storages.some((storage) => surplus.includes(storage.id));
    });
    for (const datanode of cluster.datanodes) {
      datanode.hung = false;
      if (!survivors.includes(datanode)) datanode.kill();
    }
    await cluster.restartNamenode();
    await cluster.advance(5 * MINUTE);
    t.is(cluster.holders(id).length, 1, 'one surplus replica has become the good one');
    t.true(await isHealthy(cluster));
  });
});

// ---- Identities -------------------------------------------------------------------------------------------------------

test('a new DataNode at the address of an old one replaces it', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b', '/b'] }, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 10 }));
    const old = node(cluster, 0);
    old.kill();
    const fresh = cluster.addDatanode('/a');
    Object.defineProperty(fresh, 'host', { value: old.host });
    fresh.start();
    await cluster.waitFor('the old one is gone', () => cluster.management.datanodes.node(old.uuid) === undefined);
    await cluster.waitFor('repair without waiting for death', () => isHealthy(cluster));
    assertOnDisk(t, cluster, ids);
    t.is(cluster.management.datanodes.node(old.uuid), undefined);
    t.is(cluster.fixture.journal.committed.prepare('SELECT count(*) FROM storages').pluck().get(), 5);
  });
});

test('a DataNode may come back under another address', async (t) => {
  await withCluster(THREE, async (cluster) => {
    await cluster.write('/f');
    const mover = node(cluster, 0);
    mover.kill();
    Object.defineProperty(mover, 'host', { value: 'elsewhere' });
    mover.start();
    await cluster.advance(5_000);
    t.is(cluster.management.datanodes.node(mover.uuid)?.address.host, 'elsewhere');
    t.true(await isHealthy(cluster));
  });
});

function blockOf(row: BlockRow | undefined) {
  return { blockId: row?.id ?? 0, generationStamp: row?.generation_stamp ?? 0, numBytes: row?.length ?? 0 };
}

async function deleteFile(cluster: FakeCluster, blocks: readonly BlockRow[]): Promise<void> {
  const inode = blocks[0]?.inode ?? 0;
  await cluster.fixture.journal.mutate((tx) => {
    tx.log({ op: 'delete', timeMs: 0, id: inode });
    tx.log({ op: 'reap', timeMs: 0, blocks: idsOf(blocks), inodes: [inode] });
  });
}

test('a full report is sent when an administrator wants it', async (t) => {
  await withCluster(THREE, async (cluster) => {
    await cluster.write('/f');
    await cluster.advance(10_000);
    const before = node(cluster, 0).fullReports;
    const [descriptor] = cluster.management.datanodes.named('host-0');
    if (descriptor === undefined) throw new Error('it is not known');
    cluster.management.service.wantFullReports(descriptor);
    await cluster.advance(10_000);
    t.is(node(cluster, 0).fullReports, before + 1);
  });
});

test('a DataNode that is moved to another rack: blocks that stand on one rack now are spread again', async (t) => {
  await withCluster({ racks: ['/a', '/a', '/b', '/b'] }, async (cluster) => {
    const ids = idsOf(await cluster.write('/f', { blocks: 20 }));
    const moved = node(cluster, 2);
    moved.kill();
    moved.rack = '/a';
    moved.start();
    await cluster.waitFor('the registration', () => moved.registrations === 2);
    t.true((await cluster.check()).summary.misReplicated > 0, 'some blocks have no replica on the other rack');
    await cluster.waitFor('all to be well', () => isHealthy(cluster), 10 * MINUTE);
    await cluster.waitFor('the surplus to be gone', () => ids.every((id) => cluster.holders(id).length === 3));
    assertOnDisk(t, cluster, ids);
  });
});

test('the last DataNode of a rack is moved: one rack is enough then', async (t) => {
  await withCluster(THREE, async (cluster) => {
    await cluster.write('/f', { blocks: 5 });
    const moved = node(cluster, 2);
    moved.kill();
    moved.rack = '/a';
    moved.start();
    await cluster.advance(MINUTE);
    t.true(await isHealthy(cluster));
    t.is(fsStats(cluster.fixture.journal, cluster.management.datanodes).underReplicatedBlocks, 0);
    t.deepEqual(
      cluster.datanodes.flatMap(({ orderedTransfers }) => orderedTransfers),
      [],
    );
  });
});
