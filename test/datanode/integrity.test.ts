import test from 'ava';
import type { Block } from '../../common/block.js';
import { Configuration } from '../../common/config/configuration.js';
import { encodeClientReadStatus, type ReadBlockOperation, Status } from '../../common/data-transfer.js';
import { datanodeSettings } from '../../datanode/datanode-settings.js';
import type { IntegritySettings } from '../../datanode/integrity.js';
import { osError } from '../support/faulty-disk.js';
import { type DatanodeFixture, openDatanode } from './support/datanode-fixture.js';
import { lastPacket, numbered, TestConnection, writeOperation } from './support/pipeline-fixture.js';
import { contentOf } from './support/store-fixture.js';

const BLOCK: Block = { blockId: 7, generationStamp: 1001, numBytes: 20_000 };
const DATA_FILE = '/data/current/finalized/subdir0/subdir0/blk_7';
const SCANNED = { 'dfs.block.scanner.volume.bytes.per.second': '1m' };
const READ: ReadBlockOperation = {
  op: 'readBlock',
  block: { ...BLOCK, poolId: 'CID-test' },
  clientName: 'reader',
  offset: 0,
  length: BLOCK.numBytes,
  sendChecksums: true,
};

async function write({ network }: DatanodeFixture): Promise<void> {
  const connection = await TestConnection.to(network, 'dn1:9866');
  const content = contentOf(BLOCK.blockId, BLOCK.numBytes);
  await connection.ask(writeOperation({ ...BLOCK, numBytes: 0 }, []));
  await connection.send(numbered(0, content, 0, content.length));
  await connection.send(lastPacket(1, content.length));
  for (let i = 0; i < 2; i++) await connection.ackNames();
  connection.channel.destroy();
}

/** A DataNode with one block whose next scan is due in three weeks. */
async function openScanned(t: Parameters<typeof openDatanode>[0]): Promise<DatanodeFixture> {
  const fixture = await openDatanode(t, { settings: SCANNED });
  await fixture.join();
  await write(fixture);
  await fixture.clock.advance(60_000);
  return fixture;
}

test('a replica at which the disk fails a reader is verified at once, and reported', async (t) => {
  const { clock, disk, namenode, network } = await openScanned(t);
  disk.onOperation = (operation) => {
    if (operation.kind === 'read' && operation.path === DATA_FILE) throw osError('EIO', operation);
  };
  const connection = await TestConnection.to(network, 'dn1:9866');
  await connection.ask(READ);
  await t.throwsAsync(connection.readPackets(), { instanceOf: Error });
  await clock.advance(1000);
  t.deepEqual(namenode.badReplicas, [7]);
});

test('a replica of which a reader complains is verified at once; if it is good, nothing is said', async (t) => {
  const { clock, datanode, namenode, network } = await openScanned(t);
  const before = datanode.status().integrity.replicas;
  const connection = await TestConnection.to(network, 'dn1:9866');
  await connection.ask(READ);
  await connection.readPackets();
  await connection.channel.write([encodeClientReadStatus(Status.ERROR_CHECKSUM)], 1000);
  await clock.advance(1000);
  t.is(datanode.status().integrity.replicas, before + 1);
  t.deepEqual(namenode.badReplicas, []);
});

/** What the NameNode says when a reader has complained of the last good replica of a block. */
function verify(fixture: DatanodeFixture, block: Block): void {
  fixture.namenode.commands.push({ command: 'verify', verify: { blocks: [block] } });
}

function rot({ image }: DatanodeFixture): void {
  const handle = image.open(DATA_FILE, 'write');
  image.write(handle, Buffer.from('rotten'), 12_345);
  handle.close();
}

test('a replica that the NameNode doubts is verified, and reported only if it is damaged', async (t) => {
  for (const isRotten of [false, true]) {
    const fixture = await openScanned(t);
    if (isRotten) rot(fixture);
    const before = fixture.datanode.status().integrity;
    verify(fixture, { ...BLOCK, generationStamp: 1000 }); // what it has is another one
    verify(fixture, { ...BLOCK, blockId: 8 });
    verify(fixture, BLOCK);
    await fixture.clock.advance(10_000);
    const { replicas, corrupt } = fixture.datanode.status().integrity;
    t.deepEqual([replicas - before.replicas, corrupt - before.corrupt], isRotten ? [0, 1] : [1, 0]);
    t.deepEqual(fixture.namenode.badReplicas, isRotten ? [7] : []);
  }
});

test('where no scan runs that could verify a replica, the reader who complains is believed', async (t) => {
  const fixture = await openDatanode(t, { settings: { 'dfs.datanode.scan.period.hours': '-1' } });
  await fixture.join();
  await write(fixture);
  verify(fixture, BLOCK);
  await fixture.clock.advance(10_000);
  t.deepEqual(fixture.namenode.badReplicas, [7]);
});

test('a replica that rots is reported to the NameNode by the next pass, and one that vanishes by the next comparison', async (t) => {
  const settings = { ...SCANNED, 'dfs.datanode.scan.period.hours': '1h', 'dfs.datanode.directoryscan.interval': '2h' };
  const fixture = await openDatanode(t, { settings });
  await fixture.join();
  await write(fixture);
  rot(fixture);
  await fixture.clock.advance(3_700_000);
  t.true(fixture.namenode.badReplicas.includes(7));
  t.is(fixture.namenode.believed().length, 1);
  fixture.image.remove(DATA_FILE);
  await fixture.clock.advance(4 * 3_600_000);
  t.is(fixture.namenode.believed().length, 0);
  t.is(fixture.datanode.status().replicas, 0);
});

const PERIOD_MS = 21 * 24 * 3_600_000;

const SETTINGS: readonly (readonly [string, string, Partial<IntegritySettings>])[] = [
  ['dfs.datanode.scan.period.hours', '2', { scanPeriodMs: 7_200_000 }],
  ['dfs.datanode.scan.period.hours', '0', { scanPeriodMs: PERIOD_MS }],
  ['dfs.datanode.scan.period.hours', '-1', { scanPeriodMs: undefined }],
  ['dfs.block.scanner.volume.bytes.per.second', '0', { scanBytesPerSecond: 0 }],
  ['dfs.datanode.directoryscan.interval', '60', { directoryScanIntervalMs: 60_000 }],
  ['dfs.datanode.directoryscan.interval', '0', { directoryScanIntervalMs: undefined }],
  ['dfs.datanode.directoryscan.interval', '-1', { directoryScanIntervalMs: undefined }],
];

for (const [name, text, expected] of SETTINGS) {
  test(`${name} = ${text} means ${Object.values(expected)[0] ?? 'never'}, as in HDFS`, (t) => {
    const { integrity } = datanodeSettings(new Configuration([[name, text, 'in a test']]));
    t.like(integrity, expected);
  });
}

test('what is switched off does not run', async (t) => {
  const settings = {
    'dfs.datanode.scan.period.hours': '-1',
    'dfs.block.scanner.volume.bytes.per.second': '1m',
    'dfs.datanode.directoryscan.interval': '-1',
  };
  const fixture = await openDatanode(t, { settings });
  await fixture.join();
  await write(fixture);
  await fixture.clock.advance(24 * 3_600_000);
  const { replicas, lastPassEndedMs, lastDirectoryScanMs } = fixture.datanode.status().integrity;
  t.deepEqual([replicas, lastPassEndedMs, lastDirectoryScanMs], [0, undefined, undefined]);
});
