import test from 'ava';
import { FakeClock } from '../support/fake-clock.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const BLOCK = 64 * 1024;
const CONTENT = testBytes(BLOCK);
const never = (): Promise<void> => new Promise(() => {});

const ON = { 'dfs.client.hedged.read.threadpool.size': '4' };

function clusterOf(...names: string[]): { clock: FakeClock; cluster: FakeCluster } {
  const clock = new FakeClock();
  const cluster = new FakeCluster(names, clock);
  cluster.put('/f', CONTENT, BLOCK);
  return { clock, cluster };
}

const reads = (cluster: FakeCluster, index: number): number => cluster.datanode(index).operations.length;

test('by default a slow DataNode is waited for', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect();
  let answer = (): void => {};
  cluster.datanode(0).misbehaviour.onReading = (at) =>
    at === 0 ? new Promise((resolve) => (answer = resolve)) : undefined;
  const reader = await fs.open('/f');
  const read = reader.read(0, BLOCK);
  await clock.advance(30_000);
  t.is(reads(cluster, 1), 0);
  answer();
  t.true((await read).equals(CONTENT));
  t.deepEqual(fs.hedgedReads, { started: 0, won: 0, refused: 0 });
  await fs.close();
});

test('a second DataNode is asked when the first one takes long, and the first one is let go', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect(ON);
  cluster.datanode(0).misbehaviour.onReading = never;
  const reader = await fs.open('/f');
  const read = reader.read(1000, 5000);
  await clock.advance(499);
  t.is(reads(cluster, 1), 0);
  await clock.advance(1);
  t.true((await read).equals(CONTENT.subarray(1000, 6000)));
  t.deepEqual(fs.hedgedReads, { started: 1, won: 1, refused: 0 });
  await fs.close();
  await clock.advance(1);
  t.is(clock.pendingTimers, 0);
});

test('a stream goes on with the second DataNode at the byte where the first one got stuck', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect(ON);
  cluster.datanode(0).misbehaviour.onReading = (at) => (at >= BLOCK / 2 ? never() : undefined);
  const reader = await fs.open('/f');
  const pieces: Buffer[] = [];
  const reading = (async () => {
    for await (const piece of reader.stream()) pieces.push(piece);
  })();
  await clock.advance(500);
  await reading;
  t.true(Buffer.concat(pieces).equals(CONTENT));
  t.like(cluster.datanode(1).operations[0], { op: 'readBlock', offset: BLOCK / 2, length: BLOCK / 2 });
  await fs.close();
});

test('the first DataNode may still be first', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect(ON);
  let answer = (): void => {};
  cluster.datanode(0).misbehaviour.onReading = (at) =>
    at === 0 ? new Promise((resolve) => (answer = resolve)) : undefined;
  cluster.datanode(1).misbehaviour.onReading = never;
  const reader = await fs.open('/f');
  const read = reader.read(0, BLOCK);
  await clock.advance(600);
  t.is(reads(cluster, 1), 1);
  answer();
  t.true((await read).equals(CONTENT));
  t.deepEqual(fs.hedgedReads, { started: 1, won: 0, refused: 0 });
  await fs.close();
});

test('a second DataNode that fails does not harm the read', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect(ON);
  let answer = (): void => {};
  cluster.datanode(0).misbehaviour.onReading = (at) =>
    at === 0 ? new Promise((resolve) => (answer = resolve)) : undefined;
  cluster.datanode(1).misbehaviour.damagedByte = 10;
  const reader = await fs.open('/f');
  const read = reader.read(0, BLOCK);
  await clock.advance(600);
  answer();
  t.true((await read).equals(CONTENT));
  t.is(cluster.called('ReportBadBlocks').length, 1);
  await fs.close();
});

test('when both fail the third one is asked', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b', 'c');
  const fs = await cluster.connect(ON);
  let fail = (): void => {};
  cluster.datanode(0).misbehaviour.onReading = () =>
    new Promise((_, reject) => (fail = () => reject(new Error('it has crashed'))));
  cluster.datanode(1).misbehaviour.damagedByte = 10;
  const reader = await fs.open('/f');
  const read = reader.read(0, BLOCK);
  await clock.advance(600);
  fail();
  t.true((await read).equals(CONTENT));
  t.is(reads(cluster, 2), 1);
  await fs.close();
});

test('no more reads than allowed are hedged at a time', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect({ 'dfs.client.hedged.read.threadpool.size': '1' });
  const answers: (() => void)[] = [];
  const waiting = (): Promise<void> => new Promise((resolve) => void answers.push(resolve));
  cluster.datanode(0).misbehaviour.onReading = waiting;
  cluster.datanode(1).misbehaviour.onReading = waiting;
  const reader = await fs.open('/f');
  const both = Promise.all([reader.read(0, 100), reader.read(5000, 100)]);
  await clock.advance(600);
  t.deepEqual(fs.hedgedReads, { started: 1, won: 0, refused: 1 });
  for (const answer of answers) answer();
  const [first, second] = await both;
  t.true(first.equals(CONTENT.subarray(0, 100)));
  t.true(second.equals(CONTENT.subarray(5000, 5100)));
  await fs.close();
});

test('an aborted read ends both', async (t) => {
  const { clock, cluster } = clusterOf('a', 'b');
  const fs = await cluster.connect(ON);
  for (const datanode of cluster.datanodes) datanode.misbehaviour.onReading = never;
  const abort = new AbortController();
  const reader = await fs.open('/f');
  const read = reader.read(0, 100, { signal: abort.signal });
  await clock.advance(600);
  abort.abort();
  await t.throwsAsync(read, { name: 'Cancelled' });
  await fs.close();
  t.is(clock.pendingTimers, 0);
});
