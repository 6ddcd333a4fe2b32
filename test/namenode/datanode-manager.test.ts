import test, { type ExecutionContext } from 'ava';
import { BlockFixture } from './support/block-fixture.js';

async function withFixture(t: ExecutionContext, run: (fixture: BlockFixture) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await run(fixture);
}

test('a new DataNode is live, and its empty storage is sure at once', async (t) => {
  await withFixture(t, async (fixture) => {
    const { node, registrationId } = await fixture.register(0, { rack: '/r1' });
    t.is(node.state, 'live');
    t.true(fixture.storage(0).isSure);
    t.is(fixture.datanodes.registered('dn-0', registrationId), node);
    t.is(fixture.datanodes.registered('dn-0', 'another'), undefined);
    t.is(fixture.datanodes.registered('dn-1', registrationId), undefined);
  });
});

test('a DataNode of another cluster is refused, with both ids', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.register(0, { clusterId: 'CID-test' });
    const error = await t.throwsAsync(fixture.register(1, { clusterId: 'CID-other' }), { name: 'WrongCluster' });
    t.regex(error?.message ?? '', /CID-other.*CID-test/);
    t.is(fixture.datanodes.node('dn-1'), undefined);
  });
});

test('a second registration ends the first', async (t) => {
  await withFixture(t, async (fixture) => {
    const first = await fixture.register(0);
    const second = await fixture.register(0);
    t.is(second.node, first.node);
    t.is(fixture.datanodes.registered('dn-0', first.registrationId), undefined);
    t.is(fixture.datanodes.registered('dn-0', second.registrationId), first.node);
  });
});

test('a storage whose digest differs does not count; one whose digest is equal does', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    await fixture.replica(0, 1);
    await fixture.node(0, { storages: [fixture.report('ds-0', { replicas: 2 })] });
    t.false(fixture.storage(0).counts);
    await fixture.node(0, { storages: [fixture.report('ds-0', { digest: Buffer.alloc(0) })] });
    t.false(fixture.storage(0).counts, 'a digest that is not told proves nothing');
    const { changed } = await fixture.register(0);
    t.true(fixture.storage(0).isSure);
    t.deepEqual(changed, [fixture.storage(0)], 'its blocks have to be looked at');
    t.deepEqual((await fixture.register(0)).changed, [], 'nothing new');
  });
});

test('after a restart of the NameNode DataNodes are known, and not in service until they register', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0, { rack: '/r1' });
    await fixture.replica(0, 1);
    fixture.reopen();
    const node = fixture.datanodes.node('dn-0');
    t.is(node?.address.rack, '/r1');
    t.false(node?.inService);
    t.false(fixture.storage(0).counts);
    t.is(fixture.datanodes.rackCount, 0);
    await fixture.node(0);
    t.true(fixture.storage(0).isSure);
    t.is(fixture.datanodes.rackCount, 1);
  });
});

test('that a DataNode is dead is known after a restart, until it registers', async (t) => {
  await withFixture(t, async (fixture) => {
    const node = await fixture.node(0);
    node.state = 'dead';
    node.registrationId = undefined;
    await fixture.datanodes.saveDead(node);
    fixture.reopen();
    t.is(fixture.datanodes.node('dn-0')?.state, 'dead');
    await fixture.node(0);
    fixture.reopen();
    t.is(fixture.datanodes.node('dn-0')?.state, 'stale');
  });
});

test('a new uuid at an old address replaces the DataNode that was there', async (t) => {
  await withFixture(t, async (fixture) => {
    const old = await fixture.node(0);
    await fixture.replica(0, 1);
    const storage = fixture.storage(0);
    const { replaced } = await fixture.register(1, { host: 'host-0' });
    t.deepEqual(replaced, [old]);
    t.is(old.state, 'dead');
    t.is(fixture.datanodes.node('dn-0'), undefined);
    t.is(fixture.datanodes.storage(storage.id), undefined);
    fixture.reopen();
    t.deepEqual(
      [...fixture.datanodes.nodes].map(({ uuid }) => uuid),
      ['dn-1'],
    );
  });
});

test('the same uuid at a new address moves', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    const { changed, replaced } = await fixture.register(0, { host: 'elsewhere', rack: '/b' });
    t.is(fixture.datanodes.node('dn-0')?.name, 'elsewhere:9866');
    t.deepEqual(changed, [fixture.storage(0)], 'it stands on another rack now');
    t.deepEqual(replaced, []);
  });
});

test('a storage that moves to another DataNode takes its replicas along', async (t) => {
  await withFixture(t, async (fixture) => {
    const from = await fixture.node(0);
    await fixture.replica(0, 1);
    const storage = fixture.storage(0);
    const to = await fixture.node(1, { storages: [fixture.report('ds-1'), fixture.report('ds-0')] });
    t.is(storage.datanode, to);
    t.is(from.storages.size, 0);
    t.is(to.storages.size, 2);
    t.true(storage.isSure);
    t.is(fixture.datanodes.storageOf({ datanodeUuid: 'dn-0', storageUuid: 'ds-0' }), undefined);
  });
});

test('a storage that is missing from a new registration has failed, and its blocks are looked at', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    const storage = fixture.storage(0);
    const { changed } = await fixture.register(0, { storages: [fixture.report('ds-new')] });
    t.true(storage.failed);
    t.true(changed.includes(storage));
  });
});
