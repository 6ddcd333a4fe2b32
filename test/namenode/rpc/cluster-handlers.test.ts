import test, { type ExecutionContext } from 'ava';
import type { CallerSettings } from '../../../namenode/rpc/callers.js';
import type { ClusterHandlers } from '../../../namenode/rpc/client-protocol.js';
import { clusterHandlers } from '../../../namenode/rpc/cluster-handlers.js';
import type { CallHeader__Output } from '../../../proto/generated/minihdfs/CallHeader.js';
import type { FsckResponse } from '../../../proto/generated/minihdfs/FsckResponse.js';
import { BLOCK_BYTES, FakeCluster } from '../support/fake-cluster.js';

const CALLERS: CallerSettings = {
  superuser: 'root',
  supergroup: 'supergroup',
  permissionsEnabled: true,
  groups: () => new Map(),
};
const CONTEXT = { peerHost: '127.0.0.1', signal: new AbortController().signal };

const headerOf = (user: string): CallHeader__Output => ({ user, clientId: Buffer.alloc(0), callId: 0 });
const ROOT = headerOf('root');
const ALICE = headerOf('alice');

async function withHandlers(
  t: ExecutionContext,
  run: (cluster: FakeCluster, handlers: ClusterHandlers) => Promise<void>,
) {
  const cluster = await FakeCluster.start({ racks: ['/a', '/a', '/b'] });
  t.teardown(() => cluster.close());
  await run(cluster, clusterHandlers(cluster.ns, cluster.management, CALLERS));
}

test('GetFsStats: space, counts and what is wrong', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    await cluster.write('/f', { blocks: 2 });
    const stats = await handlers.GetFsStats({ header: ROOT }, CONTEXT);
    t.like(stats, {
      capacityBytes: 3 * 100 * 2 ** 30,
      remainingBytes: 3 * 50 * 2 ** 30,
      files: 1,
      directories: 1,
      blocks: 2,
      underReplicatedBlocks: 0,
      missingBlocks: 0,
      safeMode: false,
      safeModeMessage: '',
    });
    for (const datanode of cluster.datanodes.slice(0, 2)) datanode.kill();
    await cluster.advance(700_000);
    t.like(await handlers.GetFsStats({ header: ROOT }, CONTEXT), { underReplicatedBlocks: 2, missingBlocks: 0 });
    cluster.datanodes[2]?.kill();
    await cluster.advance(700_000);
    t.like(await handlers.GetFsStats({ header: ROOT }, CONTEXT), {
      underReplicatedBlocks: 0,
      missingBlocks: 2,
      capacityBytes: 0,
    });
  });
});

test('GetDatanodeReport: every DataNode with its state, in the order of addresses', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    await cluster.write('/f', { blocks: 2 });
    cluster.datanodes[1]?.kill();
    await cluster.advance(60_000);
    const { datanodes } = await handlers.GetDatanodeReport({ header: ROOT }, CONTEXT);
    t.deepEqual(
      datanodes?.map(({ id, rack, state, blocks }) => [id?.host, rack, state, blocks]),
      [
        ['host-0', '/a', 'LIVE', 2],
        ['host-1', '/a', 'STALE', 2],
        ['host-2', '/b', 'LIVE', 2],
      ],
    );
    t.true(Number(datanodes?.[1]?.lastContactMs) >= 55_000);
    t.true(Number(datanodes?.[0]?.lastContactMs) <= 3_000);
    await cluster.advance(600_000);
    t.is((await handlers.GetDatanodeReport({ header: ROOT }, CONTEXT)).datanodes?.[1]?.state, 'DEAD');
  });
});

test('SetSafeMode: everybody may ask, only the superuser may change it', async (t) => {
  await withHandlers(t, async (_cluster, handlers) => {
    const set = (action: 'GET' | 'ENTER' | 'LEAVE' | 'FORCE_EXIT', header = ROOT) =>
      handlers.SetSafeMode({ header, action: `SAFE_MODE_${action}` }, CONTEXT);
    t.deepEqual(await set('GET', ALICE), { on: false, message: '' });
    await t.throwsAsync(set('ENTER', ALICE), { name: 'AccessControl' });
    t.like(await set('ENTER'), { on: true });
    await t.throwsAsync(set('LEAVE', ALICE), { name: 'AccessControl' });
    await t.throwsAsync(set('FORCE_EXIT', ALICE), { name: 'AccessControl' });
    t.like(await set('GET', ALICE), { on: true });
    t.like(await set('LEAVE'), { on: false });
  });
});

test('safe mode stops repair; leaving it lets repair go on', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    const [block] = await cluster.write('/f');
    cluster.addDatanode('/b').start();
    await cluster.advance(5_000);
    await handlers.SetSafeMode({ header: ROOT, action: 'SAFE_MODE_ENTER' }, CONTEXT);
    cluster.datanodes[0]?.kill();
    await cluster.advance(700_000);
    t.is(cluster.holders(block?.id ?? 0).length, 2);
    await handlers.SetSafeMode({ header: ROOT, action: 'SAFE_MODE_LEAVE' }, CONTEXT);
    await cluster.waitFor('repaired', () => cluster.holders(block?.id ?? 0).length === 3);
    t.pass();
  });
});

async function runFsck(
  cluster: FakeCluster,
  handlers: ClusterHandlers,
  path: string,
  header = ROOT,
  blockIds: number[] = [],
): Promise<FsckResponse[]> {
  const responses: FsckResponse[] = [];
  const stream = handlers.Fsck({ header, path, blockIds }, CONTEXT)[Symbol.asyncIterator]();
  for (;;) {
    const next = stream.next();
    await cluster.advance(0);
    const { done, value } = await next;
    if (done) return responses;
    responses.push(value);
  }
}

test('Fsck: files with their replicas, the summary last', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    await cluster.write('/d/f', { blocks: 2 });
    const responses = await runFsck(cluster, handlers, '/d');
    const summary = responses.pop()?.summary;
    t.like(summary, {
      totalFiles: 1,
      totalDirectories: 1,
      totalBlocks: 2,
      totalBytes: 2 * BLOCK_BYTES,
      datanodes: 3,
      racks: 2,
    });
    const [file] = responses.flatMap(({ files }) => files ?? []);
    t.like(file, { path: '/d/f', length: 2 * BLOCK_BYTES, replication: 3, underConstruction: false });
    const replicas = file?.blocks?.[0]?.replicas ?? [];
    t.deepEqual(replicas.map(({ datanode, rack, state }) => `${datanode?.host} ${rack} ${state}`).sort(), [
      'host-0 /a LIVE',
      'host-1 /a LIVE',
      'host-2 /b LIVE',
    ]);
  });
});

test('Fsck: refused for others than the superuser, and for what does not exist', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    await t.throwsAsync(runFsck(cluster, handlers, '/', ALICE), { name: 'AccessControl' });
    await t.throwsAsync(runFsck(cluster, handlers, '/nothing'), { name: 'FileNotFound' });
    await t.throwsAsync(runFsck(cluster, handlers, 'relative'), { name: 'InvalidPath' });
  });
});

test('AdministerDatanodes: only the superuser may; the answer has the DataNodes, and what may keep it from being finished', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    await cluster.write('/f', { blocks: 2 });
    const datanodesMeant = ['host-0', 'dn-0'];
    const request = { action: 'DECOMMISSION' as const, datanodes: datanodesMeant, maintenanceExpiresMs: 0 };
    await t.throwsAsync(handlers.AdministerDatanodes({ ...request, header: ALICE }, CONTEXT), {
      name: 'AccessControl',
    });
    const answer = await handlers.AdministerDatanodes({ ...request, header: ROOT }, CONTEXT);
    t.deepEqual(
      answer.datanodes?.map(({ id, adminState, leaving }) => [id?.host, adminState, leaving]),
      [['host-0', 'DECOMMISSION_INPROGRESS', null]],
    );
    t.regex(answer.warnings?.[0] ?? '', /^2 DataNodes take blocks now/);
    await cluster.advance(31_000);
    const { datanodes } = await handlers.GetDatanodeReport({ header: ROOT }, CONTEXT);
    t.like(datanodes?.[0]?.leaving, { blocksLeft: 2, blocksWithoutLive: 0, blocksInOpenFiles: 0 });

    const administer = (change: object) =>
      handlers.AdministerDatanodes({ ...request, ...change, header: ROOT }, CONTEXT);
    const invalid = { name: 'InvalidArgument' } as const;
    await t.throwsAsync(administer({ action: 'DATANODE_ADMIN_ACTION_UNSPECIFIED' }), invalid);
    await t.throwsAsync(administer({ datanodes: [] }), invalid);
    await t.throwsAsync(administer({ datanodes: ['host-9'] }), invalid);
    await t.throwsAsync(administer({ action: 'MAINTENANCE', maintenanceExpiresMs: 1 }), invalid);
    await t.throwsAsync(administer({ action: 'FORGET' }), { ...invalid, message: /not dead/ });
  });
});

test('Fsck of single blocks: each with its file; those that do not exist are left out', async (t) => {
  await withHandlers(t, async (cluster, handlers) => {
    const [first, second] = await cluster.write('/d/f', { blocks: 2 });
    const responses = await runFsck(cluster, handlers, '', ROOT, [second?.id ?? 0, 17]);
    t.deepEqual(
      responses
        .flatMap(({ files }) => files ?? [])
        .map(({ path, blocks }) => [path, blocks?.map(({ block }) => block?.blockId)]),
      [['/d/f', [second?.id]]],
    );
    t.not(first?.id, second?.id);
    await t.throwsAsync(runFsck(cluster, handlers, '', ALICE, [1]), { name: 'AccessControl' });
    await t.throwsAsync(
      runFsck(
        cluster,
        handlers,
        '',
        ROOT,
        Array.from({ length: 1_001 }, () => 1),
      ),
      {
        name: 'InvalidArgument',
      },
    );
  });
});

test('RunBalancer: everybody may ask how far it is; the superuser starts and stops it, with a threshold within bounds', async (t) => {
  await withHandlers(t, async (_cluster, handlers) => {
    const request = { action: 'BALANCER_START' as const, thresholdBillionths: 0 };
    t.like(await handlers.RunBalancer({ ...request, action: 'BALANCER_STATUS', header: ALICE }, CONTEXT), {
      running: false,
      result: 'none',
    });
    await t.throwsAsync(handlers.RunBalancer({ ...request, header: ALICE }, CONTEXT), { name: 'AccessControl' });
    await t.throwsAsync(handlers.RunBalancer({ ...request, thresholdBillionths: 10 ** 9 + 1, header: ROOT }, CONTEXT), {
      name: 'InvalidArgument',
    });
    t.like(await handlers.RunBalancer({ ...request, header: ROOT }, CONTEXT), { running: false, result: 'balanced' });
    const bandwidth = (bytesPerSecond: number, header = ROOT) =>
      handlers.SetBalancerBandwidth({ header, bytesPerSecond }, CONTEXT);
    await t.throwsAsync(bandwidth(0), { name: 'InvalidArgument' });
    await t.throwsAsync(bandwidth(1, ALICE), { name: 'AccessControl' });
    t.deepEqual(await bandwidth(1), {});
  });
});
