import test, { type ExecutionContext } from 'ava';
import { seededRandom } from '../../common/random.js';
import { BlockManager } from '../../namenode/block-manager.js';
import { BlockRecoveries } from '../../namenode/block-recoveries.js';
import { ReplicaWaits } from '../../namenode/replica-waits.js';
import { SafeMode } from '../../namenode/safe-mode.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { Verifications } from '../../namenode/verifications.js';
import { BlockFixture, blockOf, LENGTH, SILENT, STAMP } from './support/block-fixture.js';

const { LIVE, CORRUPT, EXCESS, INVALIDATE } = ReplicaRowState;

interface Setting {
  readonly fixture: BlockFixture;
  readonly blocks: BlockManager;
  readonly verifications: Verifications;
  /** UUIDs of the DataNodes that a reader is sent to, in order. */
  locate(id: number, readerHost?: string): string[];
}

/** Four DataNodes: two on rack /a, two on /b. */
async function withBlocks(t: ExecutionContext, run: (setting: Setting) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  for (const [index, rack] of ['/a', '/a', '/b', '/b'].entries()) await fixture.node(index, { rack });
  const { journal, committed, datanodes, clock } = fixture;
  const settings = { threshold: 0.999, minDatanodes: 0, extensionMs: 30_000, minReplication: 1 };
  const safeMode = new SafeMode({ committed, datanodes, settings, logger: SILENT });
  const recoveries = new BlockRecoveries({ datanodes, clock, timeoutMs: 30_000, logger: SILENT });
  const verifications = new Verifications();
  const blocks = new BlockManager({
    journal,
    datanodes,
    safeMode,
    recoveries,
    verifications,
    waits: new ReplicaWaits(clock),
    clock,
    random: seededRandom(1),
    logger: SILENT,
  });
  const locate: Setting['locate'] = (id, readerHost = '') =>
    blocks.locate(committed, id, readerHost).locations.map(({ datanodeUuid }) => datanodeUuid);
  await run({ fixture, blocks, verifications, locate });
}

test('locate: the reader’s host first, then its rack, stale ones last', async (t) => {
  await withBlocks(t, async ({ fixture, locate }) => {
    await fixture.block(1);
    for (const index of [0, 1, 2]) await fixture.replica(index, 1);
    t.deepEqual(locate(1, 'host-1'), ['dn-1', 'dn-0', 'dn-2']);
    t.deepEqual(locate(1, 'host-3')[0], 'dn-2');
    fixture.storage(1).datanode.state = 'stale';
    t.deepEqual(locate(1, 'host-1'), ['dn-0', 'dn-2', 'dn-1']);
    fixture.storage(0).datanode.state = 'dead';
    t.deepEqual(locate(1, 'host-1'), ['dn-2', 'dn-1']);
  });
});

test('locate: surplus ones only if there are no others, corrupt ones only if there is nothing else', async (t) => {
  await withBlocks(t, async ({ fixture, blocks, locate }) => {
    await fixture.block(1);
    await fixture.replica(0, 1, CORRUPT);
    await fixture.replica(3, 1, INVALIDATE);
    t.deepEqual(locate(1), ['dn-0']);
    t.true(blocks.locate(fixture.committed, 1, '').corrupt);
    await fixture.replica(1, 1, EXCESS);
    t.deepEqual(locate(1), ['dn-1']);
    t.false(blocks.locate(fixture.committed, 1, '').corrupt);
    await fixture.replica(2, 1, LIVE);
    t.deepEqual(locate(1), ['dn-2']);
  });
});

test('locate: a replica with another stamp or length is as good as corrupt', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    await fixture.block(1);
    await fixture.replica(0, 1, LIVE, { generationStamp: STAMP - 1 });
    await fixture.replica(1, 1, LIVE, { numBytes: LENGTH - 1 });
    const { locations, corrupt } = blocks.locate(fixture.committed, 1, '');
    t.is(locations.length, 2);
    t.true(corrupt);
  });
});

test('locate: a block that is being written is where its pipeline is', async (t) => {
  await withBlocks(t, async ({ fixture, locate }) => {
    const expected = [
      ['dn-2', 'ds-2'],
      ['dn-0', 'ds-0'],
      ['dn-9', 'ds-9'],
    ] as const;
    await fixture.block(1, { state: BlockState.UNDER_CONSTRUCTION, expected });
    t.deepEqual(locate(1, 'host-0'), ['dn-0', 'dn-2']);
    fixture.storage(0).datanode.state = 'dead';
    t.deepEqual(locate(1, 'host-0'), ['dn-2']);
  });
});

test('locate: nothing is known of a block that is gone', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    t.deepEqual(blocks.locate(fixture.committed, 99, ''), { locations: [], corrupt: false });
    await fixture.block(1);
    t.deepEqual(blocks.locate(fixture.committed, 1, ''), { locations: [], corrupt: false });
  });
});

test('locate: right after a restart of the NameNode readers are sent where the replicas were', async (t) => {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await fixture.node(0);
  await fixture.block(1);
  await fixture.replica(0, 1);
  fixture.reopen();
  const { journal, committed, datanodes, clock } = fixture;
  const safeMode = new SafeMode({
    committed,
    datanodes,
    settings: { threshold: 1, minDatanodes: 0, extensionMs: 0, minReplication: 1 },
    logger: SILENT,
  });
  const recoveries = new BlockRecoveries({ datanodes, clock, timeoutMs: 30_000, logger: SILENT });
  const verifications = new Verifications();
  const blocks = new BlockManager({
    journal,
    datanodes,
    safeMode,
    recoveries,
    verifications,
    waits: new ReplicaWaits(clock),
    clock,
    random: seededRandom(1),
    logger: SILENT,
  });
  t.is(blocks.locate(committed, 1, '').locations.length, 1);
  t.is(blocks.countLive(committed, blockOf(1)), 0, 'but they count only once the DataNode has registered');
});

test('countLive: good replicas with just this stamp and length, on storages that count', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    await fixture.block(1, { state: BlockState.UNDER_CONSTRUCTION, length: 0 });
    const count = (over = {}) => blocks.countLive(fixture.committed, blockOf(1, over));
    t.is(count(), 0);
    for (const index of [0, 1, 2]) await fixture.replica(index, 1);
    t.is(count(), 3);
    t.is(count({ numBytes: 5 }), 0);
    t.is(count({ generationStamp: STAMP + 1 }), 0);
    fixture.storage(0).trust = 'unknown';
    fixture.storage(1).datanode.state = 'stale';
    t.is(count(), 2);
    await fixture.replica(2, 1, CORRUPT);
    t.is(count(), 1);
  });
});

test('markCorrupt: the row is corrupt and its block is looked at', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    await fixture.block(1);
    for (const index of [0, 1]) await fixture.replica(index, 1);
    await blocks.markCorrupt(blockOf(1), 'dn-0', 'ds-0');
    await blocks.markCorrupt(blockOf(1), 'dn-1', ''); // any storage
    t.deepEqual([fixture.state(0, 1), fixture.state(1, 1)], [CORRUPT, CORRUPT]);
    t.deepEqual(fixture.checks(), [1]);
  });
});

test('reportedBad: corrupt while others are good; the last good one is to be verified by its DataNode', async (t) => {
  await withBlocks(t, async ({ fixture, blocks, verifications }) => {
    const node = fixture.storage(1).datanode;
    await fixture.block(1);
    for (const index of [0, 1]) await fixture.replica(index, 1);
    await blocks.reportedBad(blockOf(1), 'dn-0', 'ds-0');
    await blocks.reportedBad(blockOf(1), 'dn-1', 'ds-1');
    await blocks.reportedBad(blockOf(1), 'dn-1', '');
    t.deepEqual([fixture.state(0, 1), fixture.state(1, 1)], [CORRUPT, LIVE]);
    t.deepEqual(verifications.next(fixture.storage(0).datanode), []);
    t.deepEqual(verifications.next(node), [blockOf(1)]);
    t.deepEqual(verifications.next(node), [], 'once');
    await blocks.markCorrupt(blockOf(1), 'dn-1', 'ds-1'); // it says so itself
    t.is(fixture.state(1, 1), CORRUPT);
  });
});

test('reportedBad: others that are away do not count as good ones', async (t) => {
  await withBlocks(t, async ({ fixture, blocks, verifications }) => {
    await fixture.block(1);
    for (const index of [0, 1]) await fixture.replica(index, 1);
    fixture.storage(0).datanode.state = 'dead';
    await blocks.reportedBad(blockOf(1), 'dn-1', '');
    t.is(fixture.state(1, 1), LIVE);
    t.is(verifications.next(fixture.storage(1).datanode).length, 1);
  });
});

test('verifications: so many wait for a DataNode, and so many are told at a time', async (t) => {
  await withBlocks(t, async ({ fixture, verifications }) => {
    const node = fixture.storage(0).datanode;
    for (let id = 1; id <= 2000; id++) verifications.ask(node, blockOf(id), 0);
    const told: number[] = [];
    for (let next = verifications.next(node); next.length > 0; next = verifications.next(node)) {
      t.true(next.length <= 100);
      told.push(...next.map(({ blockId }) => blockId));
    }
    t.deepEqual(
      told,
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
  });
});

test('markCorrupt: what is unknown, out of date or on its way out is ignored', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    await fixture.block(1);
    await fixture.replica(0, 1);
    await fixture.replica(1, 1, INVALIDATE);
    await blocks.markCorrupt(blockOf(1, { generationStamp: STAMP - 1 }), 'dn-0', 'ds-0');
    await blocks.markCorrupt(blockOf(1), 'dn-1', 'ds-1');
    await blocks.markCorrupt(blockOf(1), 'dn-2', 'ds-2');
    await blocks.markCorrupt(blockOf(1), 'nobody', 'ds-0');
    await blocks.markCorrupt(blockOf(99), 'dn-0', 'ds-0');
    t.deepEqual([fixture.state(0, 1), fixture.state(1, 1)], [LIVE, INVALIDATE]);
    t.deepEqual(fixture.checks(), []);
  });
});

test('chooseTargets: what is promised to one write is not there for the next', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    const request = { count: 3, blockSizeBytes: 600, writerHost: '', exclude: [], existing: [] };
    const first = blocks.chooseTargets(request);
    t.is(first.length, 3);
    const idle = [...fixture.datanodes.nodes].find(
      ({ uuid }) => !first.some(({ datanodeUuid }) => datanodeUuid === uuid),
    );
    t.true(blocks.chooseTargets({ ...request, count: 1 }).some(({ datanodeUuid }) => datanodeUuid === idle?.uuid));
    t.is(
      blocks.chooseTargets(request).length,
      3,
      'promises are estimates: rather than no target, one that may be full',
    );
  });
});

test('chooseTargets: the error has a reason for each DataNode', async (t) => {
  await withBlocks(t, async ({ fixture, blocks }) => {
    fixture.storage(1).failed = true;
    fixture.storage(2).datanode.state = 'dead';
    fixture.storage(2).datanode.registrationId = undefined;
    await fixture.clock.advance(700_000);
    const request = { count: 3, blockSizeBytes: 5_000, writerHost: '', exclude: ['dn-3'], existing: [] };
    t.throws(() => blocks.chooseTargets(request), {
      name: 'NoTargets',
      message:
        'could only be written to 0 of the 3 required nodes: host-0:9866 (/a): 1000 bytes free, 4.9 KiB needed; ' +
        'host-1:9866 (/a): has no working storage; host-2:9866 (/b): dead: no heartbeat for 700 s; ' +
        'host-3:9866 (/b): excluded by the client, which could not write to it',
    });
  });
});

test('describe: places with their addresses; those that are gone are left out', async (t) => {
  await withBlocks(t, async ({ blocks }) => {
    const targets = [
      { datanodeUuid: 'dn-1', storageUuid: 'ds-1' },
      { datanodeUuid: 'dn-1', storageUuid: 'ds-9' },
      { datanodeUuid: 'dn-9', storageUuid: 'ds-9' },
    ];
    t.deepEqual(blocks.describe(targets), [
      {
        datanodeUuid: 'dn-1',
        storageUuid: 'ds-1',
        host: 'host-1',
        dataPort: 9866,
        rpcPort: 9867,
        httpPort: 9864,
        rack: '/a',
      },
    ]);
  });
});
