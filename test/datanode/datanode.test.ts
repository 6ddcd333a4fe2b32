import test from 'ava';
import fc from 'fast-check';
import type { Block } from '../../common/block.js';
import { sleep } from '../../common/clock.js';
import { Status } from '../../common/status.js';
import type { DatanodeCommand__Output } from '../../proto/generated/minihdfs/DatanodeCommand.js';
import { osError } from '../support/faulty-disk.js';
import { type DatanodeFixture, openDatanode } from './support/datanode-fixture.js';
import { FakeNamenode } from './support/fake-namenode.js';
import { lastPacket, numbered, TestConnection, writeOperation } from './support/pipeline-fixture.js';
import { contentOf } from './support/store-fixture.js';

async function write({ network }: DatanodeFixture, block: Block): Promise<void> {
  const connection = await TestConnection.to(network, 'dn1:9866');
  const content = contentOf(block.blockId, block.numBytes);
  await connection.ask(writeOperation({ ...block, numBytes: 0 }, []));
  if (content.length > 0) await connection.send(numbered(0, content, 0, content.length));
  await connection.send(lastPacket(1, content.length));
  let ack = await connection.ackNames();
  if (content.length > 0 && ack === 'SUCCESS') ack = await connection.ackNames();
  if (ack !== 'SUCCESS') throw new Error(ack);
  connection.channel.destroy();
}

const block = (blockId: number, numBytes = blockId % 3000): Block => ({ blockId, generationStamp: 1001, numBytes });

function invalidate(...blocks: readonly Block[]): DatanodeCommand__Output {
  return { command: 'invalidate', invalidate: { blocks: [...blocks] } };
}

test('a new DataNode joins the cluster of the NameNode that it is given, and belongs to it from then on', async (t) => {
  const first = await openDatanode(t);
  t.is(first.datanode.volumes.clusterId, '');
  await first.join();
  t.is(first.datanode.volumes.clusterId, 'CID-test');
  const { datanodeUuid } = first.datanode.volumes;
  await first.datanode.stop();

  const again = await openDatanode(t, { image: first.image });
  t.is(again.datanode.volumes.clusterId, 'CID-test');
  t.is(again.datanode.volumes.datanodeUuid, datanodeUuid);

  const other = new FakeNamenode();
  other.clusterId = 'CID-other';
  const lost = await openDatanode(t, { image: first.image, namenode: other });
  await t.throwsAsync(lost.join(), { name: 'WrongCluster' });
});

test('registration is tried until the NameNode is there, with pauses', async (t) => {
  const fixture = await openDatanode(t);
  fixture.namenode.down = true;
  let joined = false;
  const joining = fixture.join().then(() => {
    joined = true;
  });
  await fixture.clock.advance(60_000);
  t.false(joined);
  const attempts = fixture.namenode.countOf('Register');
  t.true(attempts >= 10 && attempts < 100, `${attempts} attempts`);
  fixture.namenode.down = false;
  await fixture.clock.advance(5000);
  await joining;
  t.true(fixture.datanode.status().registered);
});

test('a heartbeat is sent every interval, with the digest of what was reported', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await fixture.clock.advance(30_000);
  const { heartbeats } = fixture.namenode;
  t.true(heartbeats.length >= 10 && heartbeats.length <= 11);
  t.is(fixture.namenode.mismatches, 0);
  t.is(fixture.namenode.matches, heartbeats.length + 1);
  const [storage] = heartbeats.at(-1)?.storages ?? [];
  t.is(storage?.capacityBytes, 1024 ** 4);
  t.true(Number(storage?.remainingBytes) > 0);
});

test('a finished block is reported at once, without waiting for a heartbeat', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await fixture.clock.advance(1);
  const before = fixture.namenode.heartbeats.length;
  await write(fixture, block(7));
  await fixture.clock.advance(0);
  t.deepEqual(fixture.namenode.believed(), [block(7)]);
  t.is(fixture.namenode.heartbeats.length, before);
});

test('blocks that are finished in quick succession share reports', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await fixture.clock.advance(1000);
  for (let id = 1; id <= 20; id++) await write(fixture, block(id));
  await fixture.clock.advance(100);
  t.is(fixture.namenode.believed().length, 20);
  t.is(fixture.namenode.countOf('BlockReceivedAndDeleted'), 2);
});

test('what happened while the NameNode was away is reported when it is back', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await write(fixture, block(1));
  await fixture.clock.advance(0);
  fixture.namenode.down = true;
  for (const id of [2, 3, 4]) await write(fixture, block(id));
  await fixture.clock.advance(20_000);
  t.deepEqual(fixture.namenode.believed(), [block(1)]);
  t.is(fixture.datanode.status().reportsPending, 3);
  fixture.namenode.down = false;
  await fixture.clock.advance(10_000);
  t.deepEqual(
    fixture.namenode.believed(),
    [1, 2, 3, 4].map((id) => block(id)),
  );
  t.is(fixture.namenode.mismatches, 0);
});

test('a report whose answer is lost is sent again under its number', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  let lost = 2;
  fixture.namenode.losesAnswer = (call) => call === 'BlockReceivedAndDeleted' && lost-- > 0;
  await write(fixture, block(7));
  await fixture.clock.advance(5000);
  t.deepEqual(fixture.namenode.believed(), [block(7)]);
  t.is(fixture.namenode.countOf('BlockReceivedAndDeleted'), 3);
});

test('a NameNode that does not know the registration is registered with again', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  fixture.namenode.forgetRegistrations();
  await write(fixture, block(7));
  await fixture.clock.advance(5000);
  t.is(fixture.namenode.countOf('Register'), 2);
  t.deepEqual(fixture.namenode.believed(), [block(7)]);
  fixture.namenode.commands = [{ command: 'register', register: {} }];
  await fixture.clock.advance(5000);
  t.is(fixture.namenode.countOf('Register'), 3);
});

test('replicas are deleted as ordered, unless they are newer, and the deletion is reported', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  for (const id of [1, 2, 3]) await write(fixture, block(id));
  fixture.namenode.commands = [invalidate(block(1), { ...block(2), generationStamp: 1000 }, block(3), block(99))];
  await fixture.clock.advance(10_000);
  t.deepEqual(fixture.namenode.believed(), [block(2)]);
  const left = [...fixture.image.files()].map(({ path }) => path).filter((path) => path.includes('blk_'));
  t.is(left.length, 2);
  t.true(left.every((path) => path.includes('blk_2')));
  t.is(fixture.datanode.volumes.get(0).space().usedBytes, 2);
});

test('a full report has all replicas, sorted, in parts', async (t) => {
  const namenode = new FakeNamenode();
  const fixture = await openDatanode(t, { namenode });
  await fixture.join();
  for (let id = 1; id <= 20; id++) await write(fixture, block(id * 7919));
  await fixture.clock.advance(100);
  const [storageId = ''] = namenode.rows.keys();
  const before = namenode.believed();
  namenode.rowsOf(storageId).clear();
  namenode.rowsOf(storageId).set(5, block(5));
  namenode.commands = [{ command: 'fullReport', fullReport: { storageIds: [storageId] } }];
  await fixture.clock.advance(5000);
  t.deepEqual(namenode.believed(), before);
  t.is(namenode.countOf('BlockReport 0 last'), 1);
});

test('after a long time a full report is sent unasked', async (t) => {
  const fixture = await openDatanode(t);
  fixture.namenode.blockReportIntervalMs = 60_000;
  await fixture.join();
  await fixture.clock.advance(200_000);
  const count = fixture.namenode.countOf('BlockReport');
  t.true(count >= 2 && count <= 3, `${count}`);
});

test('a replica that cannot be read is reported as bad', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await write(fixture, block(7));
  fixture.image.remove('/data/current/finalized/subdir0/subdir0/blk_7');
  const connection = await TestConnection.to(fixture.network, 'dn1:9866');
  await connection.ask({ op: 'blockChecksum', block: { ...block(7), poolId: 'CID-test' } });
  await fixture.clock.advance(100);
  t.deepEqual(fixture.namenode.badReplicas, [7]);
});

test('after a restart nothing is reported as long as the digest is right', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  for (const id of [1, 2, 3]) await write(fixture, block(id));
  await fixture.clock.advance(100);
  await fixture.datanode.stop();
  const { namenode, image } = fixture;
  const before = namenode.calls.length;
  const again = await openDatanode(t, { namenode, image });
  await again.join();
  await again.clock.advance(10_000);
  t.is(namenode.mismatches, 0);
  t.deepEqual([...new Set(namenode.calls.slice(before))], ['Register', 'Heartbeat']);
});

test('a volume that fails is dropped with its replicas, and the others serve on', async (t) => {
  const settings = { 'dfs.datanode.data.dir': '/a,/b', 'dfs.datanode.failed.volumes.tolerated': '1' };
  const fixture = await openDatanode(t, { settings });
  await fixture.join();
  for (const id of [1, 2, 3, 4]) await write(fixture, block(id));
  await fixture.clock.advance(100);
  const { rows, heartbeats, errors } = fixture.namenode;
  t.deepEqual(
    [...rows.values()].map((blocks) => blocks.size),
    [2, 2],
  );
  fixture.disk.onOperation = (operation) => {
    if (operation.path.startsWith('/a')) throw osError('EIO', operation);
  };
  for (const id of [5, 6]) await write(fixture, block(id)).catch(() => {});
  await fixture.clock.advance(10_000);
  t.is(fixture.datanode.status().failedVolumes, 1);
  t.deepEqual(
    heartbeats.at(-1)?.storages?.map(({ failed }) => failed),
    [true, false],
  );
  t.is(heartbeats.at(-1)?.failedVolumes, 1);
  t.true(errors[0]?.includes('the volume /a has failed'));
  t.is(fixture.datanode.status().replicas, 3);
  await write(fixture, block(9));
  t.deepEqual(fixture.fatal, []);
});

test('a DataNode with more failed volumes than tolerated cannot go on', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  fixture.disk.onOperation = (operation) => {
    if (operation.kind !== 'look') throw osError('EIO', operation);
  };
  await write(fixture, block(1)).catch(() => {});
  await fixture.clock.advance(100);
  t.is(fixture.fatal.length, 1);
  t.true(fixture.fatal[0]?.message.includes('dfs.datanode.failed.volumes.tolerated (0); the last one is /data: EIO'));
});

test('a command that makes no sense is told to the NameNode, and changes nothing', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  fixture.namenode.commands = [
    {
      command: 'transfer',
      transfer: { block: block(7), targets: [{ datanode: null, rack: '', storageId: '' }], balancing: false },
    },
    invalidate({ blockId: 0, generationStamp: 0, numBytes: 0 }),
  ];
  await fixture.clock.advance(5000);
  t.is(fixture.namenode.errors.length, 2);
  t.true(fixture.datanode.status().registered);
});

/** Few blocks, so that much happens to each of them. */
const someBlock = fc.integer({ min: 1, max: 6 });

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ write: someBlock }) },
  { weight: 3, arbitrary: fc.record({ delete: someBlock }) },
  { weight: 3, arbitrary: fc.record({ append: someBlock }) },
  { weight: 1, arbitrary: fc.record({ down: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ forget: true }) },
  { weight: 1, arbitrary: fc.record({ slowMs: fc.constantFrom(0, 0, 100, 1500) }) },
  { weight: 1, arbitrary: fc.record({ losesAnswers: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ passMs: fc.integer({ min: 0, max: 2000 }) }) },
);

async function act(fixture: DatanodeFixture, one: Record<string, unknown>, stamp: number): Promise<void> {
  const { namenode, clock } = fixture;
  if ('write' in one) await write(fixture, block(Number(one.write))).catch(() => {});
  if ('delete' in one) namenode.commands.push(invalidate({ ...block(Number(one.delete)), generationStamp: 9999 }));
  if ('append' in one) await reopen(fixture, Number(one.append), stamp);
  if ('down' in one) namenode.down = one.down === true;
  if ('forget' in one) namenode.forgetRegistrations();
  if ('slowMs' in one)
    namenode.beforeAnswer = (call) => (call === 'Heartbeat' ? Promise.resolve() : sleep(clock, Number(one.slowMs)));
  if ('losesAnswers' in one)
    namenode.losesAnswer = (call) => one.losesAnswers === true && call === 'BlockReceivedAndDeleted';
  if ('passMs' in one) await clock.advance(Number(one.passMs));
}

test('whatever happens, the NameNode comes to know what there is, and is never shown a digest of anything but what it was told', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 60, size: 'max' }), async (actions) => {
      const fixture = await openDatanode(t);
      const { namenode, clock } = fixture;
      await fixture.join();
      for (const [index, one] of actions.entries()) await act(fixture, one, 2000 + index);
      namenode.down = false;
      namenode.losesAnswer = () => false;
      namenode.beforeAnswer = async () => {};
      await clock.advance(30_000);
      t.is(namenode.mismatches, 0);
      t.is(fixture.datanode.status().reportsPending, 0);
      const finalized = [...fixture.image.files()].filter(({ path }) => /finalized.*blk_\d+$/.test(path));
      t.is(namenode.believed().length, finalized.length);
      t.is(namenode.heartbeats.at(-1)?.storages?.[0]?.replicas, finalized.length);
    }),
    { numRuns: 40 },
  );
});

/** Opens a replica for append, and leaves it open. */
async function reopen({ network }: DatanodeFixture, blockId: number, stamp: number): Promise<void> {
  const connection = await TestConnection.to(network, 'dn1:9866');
  const length = blockId % 3000;
  await connection.ask(
    writeOperation(block(blockId), [], {
      stage: 'PIPELINE_SETUP_APPEND',
      minBytesRcvd: length,
      maxBytesRcvd: length,
      latestGenerationStamp: stamp,
    }),
  );
  connection.channel.destroy();
}

test('a DataNode that has not reached its NameNode for a minute takes no new blocks until it has', async (t) => {
  const fixture = await openDatanode(t);
  await fixture.join();
  await fixture.clock.advance(3_000);
  fixture.namenode.down = true;
  await fixture.clock.advance(50_000);
  await write(fixture, block(1));
  await fixture.clock.advance(20_000);
  const connection = await TestConnection.to(fixture.network, 'dn1:9866');
  const { status, message } = await connection.ask(writeOperation(block(2, 0), []));
  t.not(status, Status.SUCCESS);
  t.regex(message ?? '', /^It has not reached its NameNode for [67]\d s and takes no new blocks$/);
  connection.channel.destroy();
  fixture.namenode.down = false;
  await fixture.clock.advance(10_000);
  await write(fixture, block(3));
  t.pass();
});
