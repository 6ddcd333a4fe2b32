import test, { type ExecutionContext } from 'ava';
import { seededRandom } from '../../common/random.js';
import { ReplicationMonitor } from '../../namenode/replication-monitor.js';
import { queueBlock } from '../../namenode/storage/redundancy-rows.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { BlockFixture, blockOf, SILENT } from './support/block-fixture.js';

interface Setting {
  readonly fixture: BlockFixture;
  readonly monitor: ReplicationMonitor;
  /** A block with replicas on these DataNodes, in the queue with that priority. */
  queue(id: number, holders: readonly number[], priority: number, replication?: number): Promise<void>;
  /** A heartbeat of a DataNode; the blocks that it is told to copy. */
  beat(index: number, inProgress?: number, failed?: readonly number[]): number[];
}

/** Four DataNodes on two racks. */
async function withMonitor(t: ExecutionContext, run: (setting: Setting) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  for (const [index, rack] of ['/a', '/a', '/b', '/b'].entries()) await fixture.node(index, { rack });
  const { committed, datanodes, clock } = fixture;
  const settings = { maxStreams: 2, maxStreamsHardLimit: 4, pendingTimeoutMs: 300_000 };
  const monitor = new ReplicationMonitor({
    committed,
    datanodes,
    settings,
    clock,
    random: seededRandom(1),
    logger: SILENT,
  });
  const queue: Setting['queue'] = async (id, holders, priority, replication = 3) => {
    await fixture.block(id, { replication });
    for (const index of holders) await fixture.replica(index, id);
    await fixture.journal.mutate(({ db }) => queueBlock(db, id, priority));
    monitor.queued();
  };
  const beat: Setting['beat'] = (index, inProgress = 0, failed = []) =>
    monitor
      .heartbeat(
        fixture.storage(index).datanode,
        inProgress,
        failed.map((id) => blockOf(id)),
      )
      .map(({ block }) => block.blockId);
  await run({ fixture, monitor, queue, beat });
}

const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

test('a source gets two ordinary copies at a time, and the next when one has ended', async (t) => {
  await withMonitor(t, async ({ fixture, queue, beat }) => {
    fixture.storage(2).datanode.state = 'stale'; // its replicas count, but it makes no copies
    for (let id = 1; id <= 5; id++) await queue(id, [0, 2], 2);
    t.deepEqual(beat(0), [1, 2]);
    t.deepEqual(beat(0, 2), []);
    t.deepEqual(beat(0, 1), [3]);
    t.deepEqual(beat(0, 0), [4, 5]);
  });
});

test('the most urgent ones may take four streams', async (t) => {
  await withMonitor(t, async ({ queue, beat }) => {
    for (let id = 1; id <= 6; id++) await queue(id, [0], 0);
    t.deepEqual(beat(0), [1, 2, 3, 4]);
    t.deepEqual(beat(0, 3), [5]);
  });
});

test('more urgent blocks go first, whatever their ids', async (t) => {
  await withMonitor(t, async ({ queue, beat }) => {
    await queue(1, [0, 2], 2);
    await queue(2, [0, 2], 2);
    await queue(3, [0], 0);
    t.deepEqual(ascending([...beat(0), ...beat(2)]), [1, 2, 3]);
    await queue(4, [1, 3], 2);
    await queue(5, [1], 0);
    t.is(beat(1)[0], 5);
  });
});

test('copies are shared among the sources', async (t) => {
  await withMonitor(t, async ({ queue, beat }) => {
    for (let id = 1; id <= 4; id++) await queue(id, [0, 2], 2);
    t.is(beat(0).length, 2);
    t.is(beat(2).length, 2);
  });
});

test('a stale DataNode is no source and no target', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue, beat }) => {
    fixture.storage(0).datanode.state = 'stale';
    fixture.storage(3).datanode.state = 'stale';
    await queue(1, [0, 2], 2);
    monitor.round();
    const [transfer] = monitor.heartbeat(fixture.storage(2).datanode, 0, []);
    t.is(transfer?.block.blockId, 1);
    t.deepEqual(transfer?.targets, [{ datanodeUuid: 'dn-1', storageUuid: 'ds-1' }]);
    t.deepEqual(beat(1), []);
  });
});

test('all missing replicas of a block go through one pipeline', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue }) => {
    await queue(1, [0], 0);
    const [transfer] = monitor.heartbeat(fixture.storage(0).datanode, 0, []);
    t.is(transfer?.targets.length, 2);
    t.is(monitor.pendingBlocks, 1);
    for (const { datanodeUuid } of transfer?.targets ?? []) monitor.received(1, datanodeUuid);
    t.is(monitor.pendingBlocks, 0);
  });
});

test('rows for which nothing can be done do not hide those behind them', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue, beat }) => {
    // The only good replica is on a DataNode that is silent.
    fixture.storage(1).datanode.state = 'stale';
    await fixture.journal.mutate(({ db }) => {
      for (let id = 1; id <= 1_000; id++) queueBlock(db, id, 0);
    });
    for (let id = 1; id <= 1_000; id++) {
      await fixture.block(id);
      await fixture.replica(1, id);
    }
    await queue(2_000, [0], 0);
    const ordered: number[] = [];
    for (let round = 0; round < 20; round++) {
      monitor.round();
      ordered.push(...beat(0));
    }
    t.deepEqual(ordered, [2_000]);
  });
});

test('a copy that is not reported in time is made again', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue, beat }) => {
    await queue(1, [0], 0);
    t.deepEqual(beat(0), [1]);
    monitor.round();
    t.deepEqual(beat(0), []);
    await fixture.clock.advance(300_000);
    monitor.round();
    t.deepEqual(beat(0), [1]);
  });
});

test('a copy that failed is tried again at once, with another target', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue }) => {
    await queue(1, [0, 2], 2);
    const order = () =>
      [0, 2].flatMap((index) =>
        monitor.heartbeat(fixture.storage(index).datanode, 0, []).map((transfer) => ({ index, transfer })),
      );
    monitor.round();
    const [first] = order();
    const again = monitor.heartbeat(fixture.storage(first?.index ?? 0).datanode, 0, [blockOf(1)]);
    const second = again[0] ?? order()[0]?.transfer;
    t.is(second?.block.blockId, 1);
    t.notDeepEqual(second?.targets, first?.transfer.targets);
  });
});

test('a DataNode that is gone makes no copies and gets none', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue, beat }) => {
    await queue(1, [0], 0, 4);
    monitor.schedule();
    const target = fixture.storage(3).datanode;
    target.state = 'dead';
    target.registrationId = undefined;
    monitor.drop(target);
    t.deepEqual(beat(0), [], 'the copy that waited had it as a target');
    monitor.round();
    const [transfer] = monitor.heartbeat(fixture.storage(0).datanode, 0, []);
    t.deepEqual(transfer?.targets.map(({ datanodeUuid }) => datanodeUuid).sort(), ['dn-1', 'dn-2']);
  });
});

test('what does not belong into the queue is found out', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue }) => {
    await queue(1, [0, 1, 2], 2); // is well
    await queue(2, [0], 0);
    await fixture.journal.mutate(({ db }) =>
      db.prepare('UPDATE blocks SET state = ? WHERE id = 2').run(BlockState.UNDER_CONSTRUCTION),
    );
    await fixture.journal.mutate(({ db }) => queueBlock(db, 3, 0)); // no such block
    monitor.round();
    t.deepEqual(ascending(monitor.takeFindings().recheck), [1, 2, 3]);
    t.deepEqual(monitor.takeFindings().recheck, []);
  });
});

test('a corrupt replica gives way only when no other DataNode can take a good one', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue, beat }) => {
    await queue(1, [0, 2], 2);
    await fixture.replica(1, 1, ReplicaRowState.CORRUPT);
    monitor.round();
    t.deepEqual(monitor.takeFindings().giveWay, []);
    t.deepEqual([...beat(0), ...beat(2)], [1], 'there was a fourth DataNode');
    await queue(2, [0, 2], 2);
    await fixture.replica(1, 2, ReplicaRowState.CORRUPT);
    fixture.storage(3).remainingBytes = 0;
    monitor.round();
    t.deepEqual(monitor.takeFindings().giveWay, [{ block: 2, storage: fixture.storage(1).id }]);
  });
});

test('a block on one rack gets a replica on another rack, or none', async (t) => {
  await withMonitor(t, async ({ fixture, monitor, queue }) => {
    await queue(1, [0, 1], 3, 2);
    fixture.storage(2).remainingBytes = 0;
    monitor.round();
    const transfers = [0, 1].flatMap((index) => monitor.heartbeat(fixture.storage(index).datanode, 0, []));
    t.deepEqual(transfers[0]?.targets, [{ datanodeUuid: 'dn-3', storageUuid: 'ds-3' }]);
    await fixture.node(4, { rack: '/a' });
    fixture.storage(3).remainingBytes = 0;
    await queue(2, [0, 1], 3, 2);
    monitor.round();
    t.deepEqual(
      [0, 1].flatMap((index) => monitor.heartbeat(fixture.storage(index).datanode, 0, [])),
      [],
    );
  });
});

test('blocks without any good replica are left alone', async (t) => {
  await withMonitor(t, async ({ monitor, queue, beat }) => {
    await queue(1, [], 4);
    monitor.round();
    t.deepEqual(
      [0, 1, 2, 3].flatMap((index) => beat(index)),
      [],
    );
    t.deepEqual(monitor.takeFindings(), { recheck: [], giveWay: [] });
  });
});
