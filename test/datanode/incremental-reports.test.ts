import test from 'ava';
import { IncrementalReports } from '../../datanode/incremental-reports.js';

const block = (blockId: number, generationStamp = 1) => ({ blockId, generationStamp, numBytes: 10 });

function newReports(maxPending?: number) {
  const summaries = new Map([['s1', { replicas: 0, digest: Buffer.alloc(8) }]]);
  const reports = new IncrementalReports({ summarize: () => new Map(summaries), ...(maxPending && { maxPending }) });
  return { reports, summaries };
}

const told = (reports: IncrementalReports) =>
  reports.next()?.events.map(({ kind, block: { blockId } }) => `${kind} ${blockId}`);

test('events go out in the order in which they happened, of each block only the last', (t) => {
  const { reports } = newReports();
  reports.receiving(block(1), 's1');
  reports.received(block(2), 's1');
  reports.received(block(1), 's1');
  reports.deleted(block(2), 's1');
  t.deepEqual(told(reports), ['RECEIVED 1', 'DELETED 2']);
});

test('that a replica was begun waits for something more important', (t) => {
  const { reports } = newReports();
  let calls = 0;
  reports.onPending = () => calls++;
  reports.receiving(block(1), 's1');
  t.is(calls, 0);
  t.is(reports.next(), undefined);
  reports.received(block(2), 's1');
  t.is(calls, 1);
  t.deepEqual(told(reports), ['RECEIVING 1', 'RECEIVED 2']);
});

test('a report stays the same until it is answered, whatever happens meanwhile', (t) => {
  const { reports } = newReports();
  reports.received(block(1), 's1');
  const first = reports.next();
  reports.deleted(block(1), 's1');
  t.is(reports.next(), first);
  reports.answered();
  t.deepEqual(told(reports), ['DELETED 1']);
  t.is(reports.next()?.number, 2);
});

test('a new registration numbers from 1, and sends again what was not answered, as far as nothing newer is known', (t) => {
  const { reports } = newReports();
  reports.received(block(1), 's1');
  reports.answered();
  reports.received(block(2), 's1');
  reports.received(block(3), 's1');
  reports.next();
  reports.deleted(block(2), 's1');
  reports.registered();
  t.is(reports.next()?.number, 1);
  t.deepEqual(told(reports), ['RECEIVED 1', 'RECEIVED 3', 'DELETED 2']);
});

test('the summary is that of the last report that was answered, as long as newer events wait', (t) => {
  const { reports, summaries } = newReports();
  const replicas = () => reports.toldSummaries()?.get('s1')?.replicas;
  const hold = (count: number) => summaries.set('s1', { replicas: count, digest: Buffer.alloc(8) });
  t.is(replicas(), 0);
  hold(1);
  reports.received(block(1), 's1');
  reports.next();
  t.is(replicas(), undefined, 'the NameNode may know of it, or not');
  hold(2);
  reports.received(block(2), 's1');
  reports.answered();
  t.is(replicas(), 1);
  reports.next();
  reports.answered();
  t.is(replicas(), 2);
});

test('a long report is sent in pieces, with a summary only after the last', (t) => {
  const { reports } = newReports();
  for (let id = 1; id <= 1500; id++) reports.received(block(id), 's1');
  t.is(reports.next()?.events.length, 1000);
  reports.answered();
  t.is(reports.toldSummaries(), undefined);
  t.is(reports.next()?.events.length, 500);
  reports.answered();
  t.not(reports.toldSummaries(), undefined);
  t.is(reports.next(), undefined);
});

test('when too much waits, all of it is dropped, and nothing is said of what there is until full reports begin', (t) => {
  const { reports } = newReports(3);
  for (let id = 1; id <= 4; id++) reports.received(block(id), 's1');
  t.true(reports.overflowed);
  t.is(reports.next(), undefined);
  t.is(reports.toldSummaries(), undefined);
  reports.fullReportsBegin();
  t.false(reports.overflowed);
  reports.received(block(9), 's1');
  t.deepEqual(told(reports), ['RECEIVED 9']);
});

test('a corrupt replica is told until the NameNode has heard of it', (t) => {
  const { reports } = newReports();
  reports.corrupt(block(1), 's1');
  reports.corrupt(block(1), 's1');
  const corrupt = reports.corruptReplicas();
  t.deepEqual(corrupt, [{ block: block(1), storageId: 's1' }]);
  reports.corrupt(block(2), 's1');
  reports.corruptTold(corrupt);
  t.deepEqual(reports.corruptReplicas(), [{ block: block(2), storageId: 's1' }]);
});
