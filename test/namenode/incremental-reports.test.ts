import test, { type ExecutionContext } from 'ava';
import { IncrementalReports, type ReplicaEvent } from '../../namenode/incremental-reports.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { BlockFixture, blockOf, LENGTH, STAMP } from './support/block-fixture.js';

const { LIVE, CORRUPT, INVALIDATE, EXCESS } = ReplicaRowState;

interface Setting {
  readonly fixture: BlockFixture;
  readonly reports: IncrementalReports;
  readonly processed: string[];
  /** Sends events of `ds-0` in one report. */
  send(events: readonly Omit<ReplicaEvent, 'storage'>[], reportNumber?: number): Promise<void>;
  safe: { mode: boolean };
}

async function withReports(t: ExecutionContext, run: (setting: Setting) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await fixture.node(0);
  const { journal, datanodes, clock } = fixture;
  const processed: string[] = [];
  const safe = { mode: false };
  const reports = new IncrementalReports({
    journal,
    datanodes,
    clock,
    minReplication: 1,
    mayComplete: () => !safe.mode,
    listener: { announced: () => {}, processed: ({ kind, block }) => processed.push(`${kind} ${block.blockId}`) },
  });
  let number = 0;
  const send: Setting['send'] = (events, reportNumber = ++number) => {
    const storage = fixture.storage(0);
    return reports.receive(
      storage.datanode,
      reportNumber,
      events.map((event) => ({ ...event, storage })),
    );
  };
  await run({ fixture, reports, processed, send, safe });
}

const event = (kind: ReplicaEvent['kind'], blockId: number, over = {}) => ({ kind, block: blockOf(blockId, over) });
const stateOf = (fixture: BlockFixture, id: number) =>
  fixture.committed.prepare('SELECT state FROM blocks WHERE id = ?').pluck().get(id);

test('received: the row says what the replica is worth', async (t) => {
  await withReports(t, async ({ fixture, send, processed }) => {
    for (const id of [1, 2, 3]) await fixture.block(id);
    await send([
      event('received', 1),
      event('received', 2, { generationStamp: STAMP - 1 }),
      event('received', 3, { numBytes: LENGTH + 1 }),
      event('received', 4),
    ]);
    t.deepEqual(
      [1, 2, 3, 4].map((id) => fixture.state(0, id)),
      [LIVE, CORRUPT, CORRUPT, INVALIDATE],
    );
    t.deepEqual(fixture.checks(), [1, 2, 3]);
    t.is(processed.length, 4);
  });
});

test('received before the writer has committed the block: it counts once the lengths agree', async (t) => {
  await withReports(t, async ({ fixture, send }) => {
    await fixture.block(1, { state: BlockState.UNDER_CONSTRUCTION, length: 0 });
    await send([event('received', 1)]);
    t.is(fixture.state(0, 1), LIVE);
    t.is(stateOf(fixture, 1), BlockState.UNDER_CONSTRUCTION);
  });
});

test('received after the commit: the block becomes complete', async (t) => {
  await withReports(t, async ({ fixture, send }) => {
    await fixture.block(1, { state: BlockState.COMMITTED });
    await send([event('received', 1)]);
    t.is(stateOf(fixture, 1), BlockState.COMPLETE);
    t.is(
      fixture.fixture.log.batches.flatMap(({ records }) => records).filter(({ op }) => op === 'completeBlocks').length,
      1,
    );
  });
});

test('a replica of another length does not complete a block, nor does any in safe mode', async (t) => {
  await withReports(t, async ({ fixture, send, safe }) => {
    await fixture.block(1, { state: BlockState.COMMITTED });
    await send([event('received', 1, { numBytes: 5 })]);
    t.is(stateOf(fixture, 1), BlockState.COMMITTED);
    safe.mode = true;
    await send([event('deleted', 1), event('received', 1)]);
    t.is(stateOf(fixture, 1), BlockState.COMMITTED);
    t.deepEqual(fixture.checks(), [1], 'it is looked at when safe mode is over');
  });
});

test('deleted: the row is gone and the block is looked at', async (t) => {
  await withReports(t, async ({ fixture, send }) => {
    await fixture.block(1);
    await fixture.replica(0, 1);
    await send([event('deleted', 1)]);
    t.is(fixture.state(0, 1), undefined);
    t.deepEqual(fixture.checks(), [1]);
  });
});

test('receiving under a newer stamp, for append: the replica is not finalized any more', async (t) => {
  await withReports(t, async ({ fixture, send }) => {
    await fixture.block(1, { state: BlockState.UNDER_CONSTRUCTION });
    await fixture.replica(0, 1);
    await send([event('receiving', 1)]);
    t.is(fixture.state(0, 1), LIVE, 'the same stamp is old news');
    await send([event('receiving', 1, { generationStamp: STAMP + 1 })]);
    t.is(fixture.state(0, 1), undefined);
    await send([event('received', 1, { generationStamp: STAMP + 1, numBytes: 200 })]);
    t.is(fixture.state(0, 1), LIVE);
  });
});

for (const [name, state] of Object.entries({ INVALIDATE, EXCESS, CORRUPT })) {
  test(`received again: a replica that is ${name} stays so`, async (t) => {
    await withReports(t, async ({ fixture, send }) => {
      await fixture.block(1);
      await fixture.replica(0, 1, state);
      await send([event('received', 1)]);
      t.is(fixture.state(0, 1), state);
      await send([event('deleted', 1), event('received', 1)]);
      t.is(fixture.state(0, 1), LIVE, 'deleted and written anew it is another replica');
    });
  });
}

test('a report that is sent again changes nothing', async (t) => {
  await withReports(t, async ({ fixture, send, processed }) => {
    await fixture.block(1);
    await send([event('deleted', 1), event('received', 1)], 1);
    await fixture.journal.mutate(({ db }) => db.prepare('UPDATE replicas SET state = ?').run(EXCESS));
    await send([event('deleted', 1), event('received', 1)], 1);
    t.is(fixture.state(0, 1), EXCESS);
    t.is(processed.length, 2);
    await send([event('deleted', 1)], 2);
    t.is(fixture.state(0, 1), undefined);
  });
});

test('reports of one DataNode are taken one after the other, however long they are', async (t) => {
  await withReports(t, async ({ fixture, send }) => {
    for (let id = 1; id <= 250; id++) await fixture.block(id);
    const ids = Array.from({ length: 250 }, (_, i) => i + 1);
    await Promise.all([
      send(ids.map((id) => event('received', id))),
      send(ids.map((id) => event('deleted', id))),
      send([event('received', 7)]),
    ]);
    t.deepEqual(fixture.committed.prepare('SELECT block FROM replicas').pluck().all(), [7]);
  });
});

test('a report that is overtaken by a new registration is refused', async (t) => {
  await withReports(t, async ({ fixture, reports }) => {
    const storage = fixture.storage(0);
    const events = Array.from({ length: 250 }, (_, i) => ({ ...event('received', i + 1), storage }));
    const late = reports.receive(storage.datanode, 1, events);
    storage.datanode.registrationId = 'another';
    await t.throwsAsync(late, { name: 'UnknownDatanode' });
    t.is(storage.datanode.lastReportNumber, 0);
  });
});
