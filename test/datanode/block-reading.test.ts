import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { computeChecksums, verifyChecksums } from '../../common/checksum.js';
import { encodeClientReadStatus, type ReadBlockOperation, Status } from '../../common/data-transfer.js';
import { chunkRange, PacketSource } from '../../datanode/packet-source.js';
import { FakeClock } from '../support/fake-clock.js';
import {
  CLUSTER,
  eventually,
  numbered,
  openPipeline,
  startNodes,
  TestConnection,
  type TestNode,
  writeThrough,
} from './support/pipeline-fixture.js';
import { CHECKSUM, contentOf, sameBytes } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const LENGTH = 5000;
const CONTENT = contentOf(7, LENGTH);

function readOperation(offset: number, length: number, change: Partial<ReadBlockOperation> = {}): ReadBlockOperation {
  return {
    op: 'readBlock',
    block: { ...BLOCK, poolId: CLUSTER },
    clientName: 'reader',
    offset,
    length,
    sendChecksums: true,
    ...change,
  };
}

/** What a reader gets: the bytes from where the first packet begins on, all verified. */
async function read(
  connection: TestConnection,
  operation: ReadBlockOperation,
): Promise<{ offset: number; bytes: Buffer }> {
  const response = await connection.ask(operation);
  if (response.status !== Status.SUCCESS || response.readOpChecksumInfo === undefined)
    throw new Error(response.message);
  const { checksum, chunkOffset } = response.readOpChecksumInfo;
  const packets = await connection.readPackets();
  for (const { data, checksums } of packets)
    if (verifyChecksums(checksum, data, checksums) >= 0) throw new Error('bad checksum');
  await connection.channel.write([encodeClientReadStatus(Status.CHECKSUM_OK)], 1000);
  return { offset: chunkOffset, bytes: Buffer.concat(packets.flatMap(({ data }) => data)) };
}

test('any range is sent as whole chunks with their checksums, one read after the other on a connection', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const range = fc
    .tuple(fc.nat({ max: LENGTH }), fc.nat({ max: LENGTH }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  await fc.assert(
    fc.asyncProperty(range, async ([from, to]) => {
      const { offset, bytes } = await read(connection, readOperation(from, to - from));
      t.is(offset, from - (from % 1024));
      t.true(offset + bytes.length >= to && offset + bytes.length <= Math.min(LENGTH, Math.ceil(to / 1024) * 1024));
      t.is(sameBytes(bytes, CONTENT.subarray(offset, offset + bytes.length)), 'same');
    }),
    { numRuns: 50 },
  );
});

test('a long block is sent in packets of bounded size', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const content = contentOf(7, 2_000_000);
  await writeThrough(network, nodes, BLOCK, content, 128 * 1024);
  const connection = await TestConnection.to(network, 'dn1:9866');
  await connection.ask(readOperation(0, content.length));
  const packets = await connection.readPackets();
  t.true(packets.every(({ dataLength }) => dataLength <= 512 * 1024));
  t.deepEqual(
    packets.map(({ seqno }) => seqno),
    packets.map((_, index) => index),
  );
  t.is(sameBytes(Buffer.concat(packets.flatMap(({ data }) => data)), content), 'same');
});

test('a reader that wants no checksums gets none', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask(readOperation(0, LENGTH, { sendChecksums: false }));
  t.is(response.readOpChecksumInfo?.checksum.type, 'NULL');
  const packets = await connection.readPackets();
  t.true(packets.every(({ checksums }) => checksums.length === 0));
});

test('a range beyond the end is refused, and the connection stays', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask(readOperation(4000, 1001));
  t.is(response.status, Status.ERROR_INVALID);
  t.is(response.message, 'Offset 4000 and length 1001 do not match replica blk_7_1001 of 5000 bytes');
  t.is((await read(connection, readOperation(4000, 1000))).bytes.length, 5000 - 3072);
});

test('a replica that is older than asked for is refused, a newer one is served', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const newer = await connection.ask(
    readOperation(0, 10, { block: { ...BLOCK, generationStamp: 1002, poolId: CLUSTER } }),
  );
  t.is(newer.message, 'Replica blk_7_1001 is older than blk_7_1002');
  const older = await connection.ask(
    readOperation(0, 10, { block: { ...BLOCK, generationStamp: 999, poolId: CLUSTER } }),
  );
  t.is(older.status, Status.SUCCESS);
});

test('a reader of a block that is being written gets right checksums for its last, partial chunk, whatever is written meanwhile', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const writer = await openPipeline(network, nodes, BLOCK);
  await writer.send(numbered(0, CONTENT, 0, 1500));
  t.is(await writer.ackNames(), 'SUCCESS');
  const replica = await node.store.openForRead(BLOCK);
  // Between the opening and the reading the chunk becomes longer, and its checksum in the meta file another one.
  await writer.send(numbered(1, CONTENT, 1024, 1800));
  t.is(await writer.ackNames(), 'SUCCESS');
  const options = { packetBytes: 4096, withChecksums: true, verify: true };
  const packet = await new PacketSource(replica, chunkRange(replica, 0, 1500), options).next();
  t.is(sameBytes(packet.data[0], CONTENT.subarray(0, 1500)), 'same');
  t.is(sameBytes(packet.checksums, computeChecksums(CHECKSUM, [CONTENT.subarray(0, 1500)])), 'same');
  await replica.files.close();

  const connection = await TestConnection.to(network, 'dn1:9866');
  t.is(sameBytes((await read(connection, readOperation(0, 1800))).bytes, CONTENT.subarray(0, 1800)), 'same');
  t.is((await connection.ask(readOperation(0, 1801))).status, Status.ERROR_INVALID);
});

test('bytes that have rotted are sent with the checksums they were written with, so that the reader finds out', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  await changeByte(node, '/data/current/finalized/subdir0/subdir0/blk_7', 2000);
  const connection = await TestConnection.to(network, 'dn1:9866');
  await t.throwsAsync(read(connection, readOperation(0, LENGTH)), { message: 'bad checksum' });
});

test('a replica whose files are gone is reported', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  node.image.remove('/data/current/finalized/subdir0/subdir0/blk_7');
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask(readOperation(0, 10));
  t.is(response.status, Status.ERROR_CHECKSUM);
  t.is(response.message, 'Replica blk_7_1001 has lost its files');
  t.is(node.events.notes.at(-1), 'corrupt 7_1001 5000');
});

test('a replica whose data file has become shorter is reported, and the connection ends', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const handle = node.image.open('/data/current/finalized/subdir0/subdir0/blk_7', 'write');
  node.image.truncate(handle, 1000);
  const connection = await TestConnection.to(network, 'dn1:9866');
  await t.throwsAsync(read(connection, readOperation(0, LENGTH)), { name: 'ConnectionLost' });
  t.is(node.events.notes.at(-1), 'corrupt 7_1001 5000');
});

test('a meta file that cannot be understood makes a replica unreadable, and is reported', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  await changeByte(node, '/data/current/finalized/subdir0/subdir0/blk_7_1001.meta', 1);
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask(readOperation(0, LENGTH));
  t.is(response.status, Status.ERROR_CHECKSUM);
  t.is(node.events.notes.at(-1), 'corrupt 7_1001 5000');
});

test('a reader that stops reading is let go after a while', async (t) => {
  const clock = new FakeClock();
  const { network, nodes } = await startNodes(t, 1, { clock });
  const [node] = nodes as [TestNode];
  const content = contentOf(7, 4_000_000);
  await writeThrough(network, nodes, BLOCK, content, 512 * 1024);
  const connection = await TestConnection.to(network, 'dn1:9866');
  t.is((await connection.ask(readOperation(0, content.length))).status, Status.SUCCESS);
  t.is(node.xceiver.activeCount, 1);
  while (node.xceiver.activeCount > 0) await clock.advance(1000);
  t.true(clock.monotonicMs() >= 10_000, 'the time-out for writes is over');
  await t.throwsAsync(() => connection.readPackets(), { instanceOf: Error });
  await eventually('its files are closed', () => node.image.openFiles === 0);
});

test('the checksum of a block is the MD5 of its checksums, without its data being read', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, BLOCK, CONTENT);
  const reads: string[] = [];
  node.disk.onOperation = ({ kind, path }) => {
    if (kind === 'read') reads.push(path);
  };
  const connection = await TestConnection.to(network, 'dn1:9866');
  const response = await connection.ask({
    op: 'blockChecksum',
    block: { ...BLOCK, numBytes: LENGTH, poolId: CLUSTER },
  });
  t.deepEqual(response.checksumResponse, {
    checksum: CHECKSUM,
    crcPerBlock: 5,
    md5: createHash('md5')
      .update(computeChecksums(CHECKSUM, [CONTENT]))
      .digest(),
  });
  t.true(reads.every((path) => path.endsWith('.meta')));
  const wrong = await connection.ask({ op: 'blockChecksum', block: { ...BLOCK, numBytes: 1, poolId: CLUSTER } });
  t.is(wrong.status, Status.ERROR_INVALID);
});

async function changeByte({ image }: TestNode, path: string, position: number): Promise<void> {
  const handle = image.open(path, 'write');
  const byte = Buffer.alloc(1);
  handle.image.read(byte, position);
  image.write(handle, Buffer.from([(byte[0] ?? 0) ^ 0xff]), position);
  handle.close();
}
