import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { FullBlockReports, type ReportedReplica } from '../../namenode/full-block-reports.js';
import { FullReportRequests } from '../../namenode/full-report-requests.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { compareDigest } from '../../namenode/storage-report.js';
import { BlockFixture, blockOf, LENGTH, SILENT, STAMP } from './support/block-fixture.js';

const { LIVE, CORRUPT, INVALIDATE } = ReplicaRowState;

function reportsOf(fixture: BlockFixture): FullBlockReports {
  const { journal, clock } = fixture;
  return new FullBlockReports({ journal, requests: new FullReportRequests(), clock, logger: SILENT });
}

async function withFixture(
  t: ExecutionContext,
  run: (fixture: BlockFixture, reports: FullBlockReports) => Promise<void>,
) {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await fixture.node(0);
  await run(fixture, reportsOf(fixture));
}

const finalized = (blockId: number, over = {}): ReportedReplica => ({ ...blockOf(blockId, over), finalized: true });

let lastReportId = 0;

/** Sends a whole report, in parts of the given size. */
async function send(
  fixture: BlockFixture,
  reports: FullBlockReports,
  replicas: readonly ReportedReplica[],
  partSize = 1000,
) {
  const reportId = ++lastReportId;
  const storage = fixture.storage(0);
  const unfinished = [];
  const parts = Math.max(1, Math.ceil(replicas.length / partSize));
  for (let part = 0; part < parts; part++) {
    const slice = replicas.slice(part * partSize, (part + 1) * partSize);
    const last = part === parts - 1;
    unfinished.push(...(await reports.receive(storage.datanode, storage, { reportId, part, last, replicas: slice })));
  }
  return unfinished;
}

test('each replica gets the state that its block gives it', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    await fixture.block(1);
    await fixture.block(2);
    await fixture.block(3);
    await fixture.block(4, { state: BlockState.UNDER_CONSTRUCTION, length: 0 });
    await send(fixture, reports, [
      finalized(1),
      finalized(2, { generationStamp: STAMP - 1 }),
      finalized(3, { numBytes: LENGTH - 1 }),
      finalized(4),
      finalized(5),
    ]);
    t.deepEqual(
      [1, 2, 3, 4, 5].map((id) => fixture.state(0, id)),
      [LIVE, CORRUPT, CORRUPT, LIVE, INVALIDATE],
    );
    t.deepEqual(fixture.checks(), [1, 2, 3, 4]);
  });
});

test('what is not reported has no row any more, and its block is looked at', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    for (const id of [1, 2, 3]) {
      await fixture.block(id);
      await fixture.replica(0, id);
    }
    await send(fixture, reports, [finalized(2)]);
    t.deepEqual(
      [1, 2, 3].map((id) => fixture.state(0, id)),
      [undefined, LIVE, undefined],
    );
    t.deepEqual(fixture.checks(), [1, 3]);
  });
});

test('an empty report removes all rows', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    for (let id = 1; id <= 1200; id++) await fixture.replica(0, id);
    await send(fixture, reports, []);
    t.is(fixture.committed.prepare('SELECT count(*) FROM replicas').pluck().get(), 0);
  });
});

test('a replica that is being written has no row, and is told of', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    await fixture.block(1, { state: BlockState.UNDER_CONSTRUCTION });
    await fixture.replica(0, 1);
    const open = (id: number) => ({ ...blockOf(id), finalized: false });
    const unfinished = await send(fixture, reports, [open(1), open(2), finalized(3)]);
    t.is(fixture.state(0, 1), undefined);
    t.deepEqual(
      unfinished.map(({ blockId }) => blockId),
      [1, 2],
    );
  });
});

test('a report does not make corrupt replicas good, nor keeps those that are to be deleted', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    for (const [id, state] of [
      [1, CORRUPT],
      [2, INVALIDATE],
      [3, ReplicaRowState.EXCESS],
    ] as const) {
      await fixture.block(id);
      await fixture.replica(0, id, state);
    }
    await send(
      fixture,
      reports,
      [1, 2, 3].map((id) => finalized(id)),
    );
    t.deepEqual(
      [1, 2, 3].map((id) => fixture.state(0, id)),
      [CORRUPT, INVALIDATE, ReplicaRowState.EXCESS],
    );
  });
});

test('what an incremental report said meanwhile stands against the full report', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    await fixture.block(1);
    await fixture.block(2);
    await fixture.replica(0, 1); // received after the report was put together
    reports.noteEvent(fixture.storage(0), 1);
    reports.noteEvent(fixture.storage(0), 2); // deleted after the report was put together
    await send(fixture, reports, [finalized(2)]);
    t.deepEqual(
      [1, 2].map((id) => fixture.state(0, id)),
      [LIVE, undefined],
    );
    await fixture.clock.advance(31_000);
    await send(fixture, reports, [finalized(2)]);
    t.deepEqual(
      [1, 2].map((id) => fixture.state(0, id)),
      [undefined, LIVE],
    );
  });
});

test('after the last part the storage counts', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    const report = fixture.report('ds-0', { replicas: 7, digest: Buffer.alloc(8, 1) });
    await fixture.node(0, { storages: [report] });
    t.is(fixture.storage(0).trust, 'unknown');
    const storage = fixture.storage(0);
    await reports.receive(storage.datanode, storage, { reportId: 1, part: 0, last: false, replicas: [finalized(1)] });
    t.false(storage.counts);
    await reports.receive(storage.datanode, storage, { reportId: 1, part: 1, last: true, replicas: [] });
    t.true(storage.counts);
    t.false(storage.isSure, 'until its digest has been equal');
  });
});

test('a part that is sent again changes nothing; one that is out of turn is refused', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    const storage = fixture.storage(0);
    const { datanode } = storage;
    const part = (number: number, ids: number[]) => ({
      reportId: 1,
      part: number,
      last: false,
      replicas: ids.map((id) => finalized(id)),
    });
    await t.throwsAsync(reports.receive(datanode, storage, part(1, [1])), {
      message: /part 0 of a new report was expected/,
    });
    await reports.receive(datanode, storage, part(0, [1, 2]));
    await reports.receive(datanode, storage, part(0, [1, 2]));
    await t.throwsAsync(reports.receive(datanode, storage, part(2, [9])), { message: /part 1 was expected/ });
    await reports.receive(datanode, storage, part(1, [3]));
    t.deepEqual(
      [1, 2, 3].map((id) => fixture.state(0, id)),
      [INVALIDATE, INVALIDATE, INVALIDATE],
    );
  });
});

test('a report that is not sorted is refused and has to begin anew', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    const storage = fixture.storage(0);
    const { datanode } = storage;
    const part = (number: number, ids: number[]) => ({
      reportId: 1,
      part: number,
      last: false,
      replicas: ids.map((id) => finalized(id)),
    });
    await t.throwsAsync(reports.receive(datanode, storage, part(0, [2, 1])), {
      name: 'InvalidArgument',
      message: /sorted/,
    });
    await t.throwsAsync(reports.receive(datanode, storage, part(0, [1, 1])), { message: /sorted/ });
    await reports.receive(datanode, storage, part(0, [5]));
    await t.throwsAsync(reports.receive(datanode, storage, part(1, [5])), { message: /sorted/ });
    await t.throwsAsync(reports.receive(datanode, storage, part(1, [6])), { message: /new report/ });
  });
});

test('a report ends when the DataNode registers anew', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    const storage = fixture.storage(0);
    const part = (number: number, ids: number[]) => ({
      reportId: 1,
      part: number,
      last: false,
      replicas: ids.map((id) => finalized(id)),
    });
    await reports.receive(storage.datanode, storage, part(0, [1]));
    await fixture.node(0);
    await t.throwsAsync(reports.receive(storage.datanode, storage, part(1, [2])), { message: /new report/ });
  });
});

test('a large report is taken in many short transactions', async (t) => {
  await withFixture(t, async (fixture, reports) => {
    const replicas = Array.from({ length: 5_000 }, (_, i) => finalized(i + 1));
    let transactions = 0;
    const { journal } = fixture;
    const counting = new Proxy(journal, {
      get(target, name) {
        if (name === 'mutate') transactions++;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const slow = new FullBlockReports({
      journal: counting,
      requests: new FullReportRequests(),
      clock: fixture.clock,
      logger: SILENT,
    });
    await send(fixture, slow, replicas, 5_000);
    t.true(transactions >= 10, `${transactions}`);
    t.is(fixture.committed.prepare('SELECT count(*) FROM replicas').pluck().get(), 5_000);
    await send(fixture, reports, replicas.slice(0, 10));
    t.is(fixture.committed.prepare('SELECT count(*) FROM replicas').pluck().get(), 10);
  });
});

const sets = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 30 });

test('property: after a report the rows are what was reported, and so is the digest', async (t) => {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await fixture.node(0);
  await fixture.node(1);
  const reports = reportsOf(fixture);
  for (let id = 1; id <= 20; id++) await fixture.block(id);
  await fixture.replica(1, 7);
  await fc.assert(
    fc.asyncProperty(
      sets,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 2 }),
      async (ids, partSize, stampsBack) => {
        const replicas = [...ids]
          .sort((a, b) => a - b)
          .map((id) => finalized(id, { generationStamp: STAMP - (id % 3 === 0 ? stampsBack : 0) }));
        await send(fixture, reports, replicas, partSize);
        const rows = fixture.committed
          .prepare<[number], { block: number; generation_stamp: number }>(
            'SELECT block, generation_stamp FROM replicas WHERE storage = ? ORDER BY block',
          )
          .all(fixture.storage(0).id);
        t.deepEqual(
          rows,
          replicas.map(({ blockId, generationStamp }) => ({ block: blockId, generation_stamp: generationStamp })),
        );
        const { ReplicaDigest } = await import('../../common/replica-digest.js');
        const digest = new ReplicaDigest();
        for (const replica of replicas) digest.add(replica);
        const told = { replicas: replicas.length, digest: digest.toBytes() };
        return compareDigest(fixture.report('ds-0') as never, told) === 'equal';
      },
    ),
    { numRuns: 60 },
  );
  t.is(fixture.state(1, 7), LIVE, 'other storages are left alone');
});
