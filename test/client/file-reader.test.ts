import { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import test from 'ava';
import fc from 'fast-check';
import { chooseReplica } from '../../client/block-fetch.js';
import type { FileSystem, ReplicaLocation } from '../../client/index.js';
import { DfsError } from '../../common/errors.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const BLOCK = 16 * 1024;

async function readAll(fs: FileSystem, path: string, range = {}): Promise<Buffer> {
  const reader = await fs.open(path);
  const pieces: Buffer[] = [];
  for await (const piece of reader.stream(range)) pieces.push(piece);
  await reader.close();
  return Buffer.concat(pieces);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function cluster(content: Buffer, names = ['a', 'b', 'c'], clock?: FakeClock): FakeCluster {
  const made = clock === undefined ? new FakeCluster(names) : new FakeCluster(names, clock);
  made.put('/f', content, BLOCK);
  return made;
}

for (const size of [0, 1, 511, 512, 513, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 77]) {
  test(`a file of ${size} bytes is read whole`, async (t) => {
    const content = testBytes(size);
    const fs = await cluster(content).connect();
    const reader = await fs.open('/f');
    t.is(reader.length, size);
    t.true((await readAll(fs, '/f')).equals(content));
    await fs.close();
  });
}

test('any range of a file is read as a stream and by position', async (t) => {
  const size = 3 * BLOCK + 100;
  const content = testBytes(size);
  const fs = await cluster(content).connect();
  const reader = await fs.open('/f');
  const offset = fc.nat({ max: size + 10 });
  await fc.assert(
    fc.asyncProperty(offset, fc.nat({ max: 2 * BLOCK }), async (start, length) => {
      const expected = content.subarray(start, start + length);
      t.true((await reader.read(start, length)).equals(expected));
      const target = Buffer.alloc(length);
      t.is(await reader.readInto(target, start), expected.length);
      t.true(target.subarray(0, expected.length).equals(expected));
      if (length > 0) t.true((await readAll(fs, '/f', { start, end: start + length - 1 })).equals(expected));
    }),
    { numRuns: 100 },
  );
  await fs.close();
});

test('positional reads use their connection again', async (t) => {
  const made = cluster(testBytes(BLOCK), ['a']);
  let connections = 0;
  const connect = made.network.connect.bind(made.network);
  made.network.connect = (...args) => {
    connections++;
    return connect(...args);
  };
  const fs = await made.connect();
  const reader = await fs.open('/f');
  for (let i = 0; i < 10; i++) t.is((await reader.read(i * 1000, 100)).length, 100);
  t.is(connections, 1);
  await fs.close();
  await until(() => made.datanode(0).connections === 0);
});

test('an idle connection is given up before the DataNode does so', async (t) => {
  const clock = new FakeClock();
  const made = cluster(testBytes(BLOCK), ['a'], clock);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  await reader.read(0, 100);
  t.is(made.datanode(0).connections, 1);
  await clock.advance(3000);
  t.is(made.datanode(0).connections, 0);
  t.is(clock.pendingTimers, 0);
  await fs.close();
});

test('a connection that the DataNode has closed meanwhile is replaced in silence', async (t) => {
  const made = cluster(testBytes(BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  await reader.read(0, 100);
  made.datanode(0).die();
  made.datanode(0).alive = true;
  t.true((await reader.read(100, 100)).equals(testBytes(BLOCK).subarray(100, 200)));
  t.is(made.called('GetBlockLocations').length, 1);
  await fs.close();
});

// ---- Failures --------------------------------------------------------------------------------------------------------

test('a read goes on at the next replica, at the byte where the first DataNode died', async (t) => {
  const content = testBytes(3 * BLOCK);
  const made = cluster(content);
  made.datanode(0).misbehaviour.dieAfterReading = 8192;
  const fs = await made.connect();
  t.true((await readAll(fs, '/f')).equals(content));
  const [read] = made.datanode(1).operations;
  t.is(read?.op === 'readBlock' ? read.offset : undefined, 8192);
  await fs.close();
});

test('a DataNode that failed is tried last from then on', async (t) => {
  const made = cluster(testBytes(4 * BLOCK));
  made.datanode(0).misbehaviour.refuse = () => 'busy';
  const fs = await made.connect();
  t.is((await readAll(fs, '/f')).length, 4 * BLOCK);
  t.is(made.datanode(0).operations.length, 1);
  t.is(made.datanode(1).operations.length, 4);
  await fs.close();
});

test('a damaged replica is reported, and the bytes come from another one', async (t) => {
  const content = testBytes(2 * BLOCK);
  const made = cluster(content);
  made.datanode(0).misbehaviour.damagedByte = 9000;
  const fs = await made.connect();
  t.true((await readAll(fs, '/f')).equals(content));
  const [report] = made.called('ReportBadBlocks');
  t.is(report.replicas[0].datanodeUuid, made.datanode(0).uuid);
  t.is(report.replicas[0].storageId, 'storage-of-a');
  t.is(report.replicas[0].block.blockId, made.file('/f').blocks[0]?.block.blockId);
  await fs.close();
});

test('a read of undamaged bytes beside damaged ones of the same chunk is not given', async (t) => {
  const content = testBytes(BLOCK);
  const made = cluster(content, ['a', 'b']);
  made.datanode(0).misbehaviour.damagedByte = 511;
  const fs = await made.connect();
  const reader = await fs.open('/f');
  t.true((await reader.read(0, 10)).equals(content.subarray(0, 10)));
  t.is(made.called('ReportBadBlocks').length, 1);
  await fs.close();
});

test('a read survives that all DataNodes are away for a moment', async (t) => {
  const clock = new FakeClock();
  const content = testBytes(BLOCK);
  const made = cluster(content, ['a', 'b'], clock);
  const fs = await made.connect();
  for (const datanode of made.datanodes) datanode.alive = false;
  const reading = readAll(fs, '/f');
  await clock.advance(1);
  for (const datanode of made.datanodes) datanode.alive = true;
  await clock.advance(5000);
  t.true((await reading).equals(content));
  t.is(made.called('GetBlockLocations').length, 2);
  await fs.close();
});

test('when no replica can be read the error names block, offset and each DataNode with its reason', async (t) => {
  const clock = new FakeClock();
  const made = cluster(testBytes(2 * BLOCK), ['a', 'b'], clock);
  for (const datanode of made.datanodes) {
    datanode.misbehaviour.refuse = (operation) =>
      operation.block.blockId === made.file('/f').blocks[1]?.block.blockId ? 'disk on fire' : undefined;
  }
  const fs = await made.connect();
  const reading = readAll(fs, '/f');
  const failed = t.throwsAsync(reading, { instanceOf: DfsError, name: 'BlockMissing' });
  await clock.advance(60_000);
  const error = await failed;
  t.regex(error.message, /blk_\d+_1 of \/f at offset 16384/);
  t.regex(error.message, /a:9866: .*disk on fire.*b:9866: .*disk on fire/);
  await fs.close();
});

test('when all replicas are damaged the error says so', async (t) => {
  const clock = new FakeClock();
  const made = cluster(testBytes(BLOCK), ['a', 'b'], clock);
  for (const datanode of made.datanodes) datanode.misbehaviour.damagedByte = 0;
  const fs = await made.connect();
  const failed = t.throwsAsync(readAll(fs, '/f'), { name: 'Corrupt', message: /checksum error/ });
  await clock.advance(60_000);
  await failed;
  await fs.close();
});

test('a file that was replaced is not mixed with its successor', async (t) => {
  const made = cluster(testBytes(20 * BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  made.put('/f', testBytes(20 * BLOCK, 99), BLOCK);
  await t.throwsAsync(reader.read(19 * BLOCK, 10), { name: 'FileNotFound', message: /was replaced/ });
  await fs.close();
});

test('a DataNode that falls silent is left for another one', async (t) => {
  const clock = new FakeClock();
  const content = testBytes(100);
  const made = cluster(content, ['a', 'b'], clock);
  const connect = made.network.connect.bind(made.network);
  made.network.connect = async (host, port, options) => {
    const channel = await connect(host, port, options);
    if (host === 'a') channel.write = async () => {};
    return channel;
  };
  const fs = await made.connect();
  const reading = readAll(fs, '/f');
  await clock.advance(61_000);
  t.true((await reading).equals(content));
  await fs.close();
});

const locations = ['a', 'b', 'c'].map(
  (name): ReplicaLocation => ({
    datanode: { uuid: name, host: name, dataPort: 1, rpcPort: 1, httpPort: 1 },
    rack: '/r',
    storageId: name,
  }),
);
const choices: { failed: string[]; suspects: string[]; chosen: string | undefined }[] = [
  { failed: [], suspects: [], chosen: 'a' },
  { failed: ['a'], suspects: [], chosen: 'b' },
  { failed: [], suspects: ['a'], chosen: 'b' },
  { failed: ['b'], suspects: ['a', 'c'], chosen: 'a' },
  { failed: ['a', 'b'], suspects: ['c'], chosen: 'c' },
  { failed: ['a', 'b', 'c'], suspects: [], chosen: undefined },
];
for (const { failed, suspects, chosen } of choices) {
  test(`of a, b, c with [${failed.join()}] failed and [${suspects.join()}] suspect, ${chosen ?? 'nobody'} is asked`, (t) => {
    const found = chooseReplica(locations, new Set(failed), (uuid) => suspects.includes(uuid));
    t.is(found?.datanode.uuid, chosen);
  });
}

// ---- Copying -----

test('a sink gets all bytes of a range in order, one call after the other', async (t) => {
  const content = testBytes(4 * BLOCK + 9);
  const made = cluster(content);
  made.datanode(0).misbehaviour.dieAfterReading = 8192;
  const fs = await made.connect();
  const reader = await fs.open('/f');
  const copies: Buffer[] = [];
  let running = 0;
  const sink = async (buffers: readonly Buffer[]): Promise<void> => {
    t.is(++running, 1);
    copies.push(Buffer.concat(buffers));
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  };
  await reader.copyTo(sink);
  t.true(Buffer.concat(copies).equals(content));
  copies.length = 0;
  await reader.copyTo(sink, { start: 100, end: 20_000 });
  t.true(Buffer.concat(copies).equals(content.subarray(100, 20_001)));
  await fs.close();
});

test('a sink that fails ends the copy with its error and leaves no connection', async (t) => {
  const made = cluster(testBytes(8 * BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  await t.throwsAsync(
    reader.copyTo(() => Promise.reject(new Error('the disk is full'))),
    { message: 'the disk is full' },
  );
  await until(() => made.datanode(0).connections === 0);
  await fs.close();
});

test('a copy is cancelled by its signal', async (t) => {
  const fs = await cluster(testBytes(8 * BLOCK), ['a']).connect();
  const reader = await fs.open('/f');
  const abort = new AbortController();
  const copying = reader.copyTo(async () => abort.abort(), {}, { signal: abort.signal });
  await t.throwsAsync(copying, { name: 'Cancelled' });
  t.is((await reader.read(0, 10)).length, 10);
  await fs.close();
});

// ---- Abort -----------------------------------------------------------------------------------------------------------

test('a read that waits is cancelled by its signal', async (t) => {
  const made = cluster(testBytes(BLOCK), ['a']);
  const connect = made.network.connect.bind(made.network);
  made.network.connect = async (...args) => {
    const channel = await connect(...args);
    channel.write = async () => {};
    return channel;
  };
  const fs = await made.connect();
  const reader = await fs.open('/f');
  const abort = new AbortController();
  const reading = reader.read(0, 100, { signal: abort.signal });
  await until(() => made.datanode(0).connections === 1);
  abort.abort();
  await t.throwsAsync(reading, { name: 'Cancelled' });
  await until(() => made.datanode(0).connections === 0);
  await fs.close();
});

test('a reader that is closed ends what it reads', async (t) => {
  const made = cluster(testBytes(4 * BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  const pieces = reader.stream()[Symbol.asyncIterator]();
  await pieces.next();
  await reader.close();
  await t.throwsAsync(
    async () => {
      while ((await pieces.next()).done !== true);
    },
    { name: 'Cancelled' },
  );
  await fs.close();
});

test('a consumer that stops early leaves no connection', async (t) => {
  const made = cluster(testBytes(4 * BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  for await (const piece of reader.stream()) {
    t.true(piece.length > 0);
    break;
  }
  await until(() => made.datanode(0).connections === 0);
  t.pass();
  await fs.close();
});

test('wrong positions and ranges are refused', async (t) => {
  const fs = await cluster(testBytes(10)).connect();
  const reader = await fs.open('/f');
  await t.throwsAsync(reader.read(-1, 1), { name: 'InvalidArgument' });
  await t.throwsAsync(reader.read(0, 1.5), { name: 'InvalidArgument' });
  t.throws(() => reader.stream({ start: 5, end: 3 }), { name: 'InvalidArgument' });
  t.is((await readAll(fs, '/f', { start: 100 })).length, 0);
  await t.throwsAsync(fs.open('/none'), { name: 'FileNotFound' });
  await fs.close();
});

// ---- Node streams ----------------------------------------------------------------------------------------------------

test('a file is copied from stream to stream', async (t) => {
  const content = testBytes(5 * BLOCK + 3);
  const made = cluster(content);
  const fs = await made.connect();
  await pipeline(fs.createReadStream('/f'), fs.createWriteStream('/copy'));
  t.true(made.content('/copy').equals(content));
  t.true(made.file('/copy').complete);
  const part = await Readable.from(fs.createReadStream('/copy', { start: 10, end: 19 })).toArray();
  t.true(Buffer.concat(part).equals(content.subarray(10, 20)));
  await fs.close();
});

test('a write stream that is destroyed leaves the file incomplete', async (t) => {
  const made = cluster(testBytes(1));
  const fs = await made.connect();
  const source = new Readable({ read() {} });
  const copying = pipeline(source, fs.createWriteStream('/copy'));
  source.push(testBytes(BLOCK));
  await until(() => made.datanode(0).packetsReceived.length > 0);
  source.destroy(new Error('the source broke'));
  await t.throwsAsync(copying, { message: 'the source broke' });
  t.false(made.file('/copy').complete);
  await fs.close();
});

test('a read stream that is destroyed lets the DataNode go', async (t) => {
  const made = cluster(testBytes(8 * BLOCK), ['a']);
  const fs = await made.connect();
  const stream = fs.createReadStream('/f');
  stream.once('data', () => stream.destroy());
  await t.throwsAsync(finished(stream));
  await until(() => made.datanode(0).connections === 0);
  await fs.close();
});

test('a read stream that is destroyed while nobody takes its bytes lets the DataNode go', async (t) => {
  const made = cluster(testBytes(400 * BLOCK), ['a']);
  const fs = await made.connect();
  const stream = fs.createReadStream('/f');
  stream.once('readable', () => stream.read(1));
  await until(() => stream.readableLength >= 1024 * 1024);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  stream.destroy();
  await until(() => made.datanode(0).connections === 0);
  t.true(stream.destroyed);
  await fs.close();
});

test('a reader that is closed while nobody takes its bytes lets the DataNode go', async (t) => {
  const made = cluster(testBytes(4 * BLOCK), ['a']);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  await reader.stream()[Symbol.asyncIterator]().next();
  t.is(made.datanode(0).connections, 1);
  await reader.close();
  await until(() => made.datanode(0).connections === 0);
  await fs.close();
});

test('a stream of a missing file tells it', async (t) => {
  const fs = await new FakeCluster(['a']).connect();
  await t.throwsAsync(pipeline(fs.createReadStream('/none'), new Writable({ write: (_c, _e, done) => done() })), {
    name: 'FileNotFound',
  });
  await fs.close();
});

test('a consumer that pauses for a long time gets the rest', async (t) => {
  const clock = new FakeClock();
  const content = testBytes(6 * BLOCK);
  const made = cluster(content, ['a'], clock);
  const fs = await made.connect();
  const reader = await fs.open('/f');
  const pieces: Buffer[] = [];
  for await (const piece of reader.stream()) {
    if (pieces.length === 1) await clock.advance(3_600_000);
    pieces.push(piece);
  }
  t.true(Buffer.concat(pieces).equals(content));
  await fs.close();
});
