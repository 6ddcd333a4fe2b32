import test from 'ava';
import fc from 'fast-check';
import type { ChecksumSpec } from '../../common/checksum.js';
import {
  type BlockOpResponse,
  encodeBlockOpResponse,
  encodeClientReadStatus,
  encodeOperation,
  type Operation,
  readBlockOpResponse,
  readClientReadStatus,
  readOperation,
  Status,
} from '../../common/data-transfer.js';
import { DfsError } from '../../common/errors.js';
import { cut, cuts, readerOf } from '../support/scripted-channel.js';

const port = fc.integer({ min: 1, max: 65535 });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });

const anyBlock = fc.record({
  poolId: name,
  blockId: fc.maxSafeNat().map((id) => Math.max(1, id)),
  generationStamp: fc.maxSafeNat(),
  numBytes: fc.maxSafeNat(),
});

const anyNode = fc.record({
  uuid: name,
  host: name,
  dataPort: port,
  rpcPort: port,
  httpPort: port,
  rack: fc.string({ unit: 'grapheme', maxLength: 20 }),
});

const anyChecksum: fc.Arbitrary<ChecksumSpec> = fc.record({
  type: fc.constantFrom('CRC32C', 'CRC32', 'NULL'),
  bytesPerChecksum: fc.integer({ min: 1, max: 1024 * 1024 }),
});

const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    op: fc.constant('writeBlock' as const),
    block: anyBlock,
    clientName: fc.string(),
    targets: fc.array(anyNode, { maxLength: 4 }),
    stage: fc.constantFrom(
      'PIPELINE_SETUP_APPEND',
      'PIPELINE_SETUP_APPEND_RECOVERY',
      'DATA_STREAMING',
      'PIPELINE_SETUP_STREAMING_RECOVERY',
      'PIPELINE_CLOSE',
      'PIPELINE_CLOSE_RECOVERY',
      'PIPELINE_SETUP_CREATE',
      'TRANSFER_RBW',
      'TRANSFER_FINALIZED',
    ),
    pipelineSize: fc.nat(512),
    minBytesRcvd: fc.maxSafeNat(),
    maxBytesRcvd: fc.maxSafeNat(),
    latestGenerationStamp: fc.maxSafeNat(),
    checksum: anyChecksum,
    storageId: fc.string(),
    targetStorageIds: fc.array(fc.string(), { maxLength: 4 }),
  }),
  fc.record({
    op: fc.constant('readBlock' as const),
    block: anyBlock,
    clientName: fc.string(),
    offset: fc.maxSafeNat(),
    length: fc.maxSafeNat(),
    sendChecksums: fc.boolean(),
  }),
  fc.record({
    op: fc.constantFrom('blockChecksum' as const, 'visibleLength' as const, 'blockLocalPath' as const),
    block: anyBlock,
  }),
  fc.record({
    op: fc.constant('transferBlock' as const),
    block: anyBlock,
    clientName: fc.string(),
    targets: fc.array(anyNode, { minLength: 1, maxLength: 4 }),
    targetStorageIds: fc.array(fc.string(), { maxLength: 4 }),
  }),
);

const anyResponse: fc.Arbitrary<BlockOpResponse> = fc.record({
  status: fc.constantFrom(...Object.values(Status)),
  firstBadLink: fc.string(),
  message: fc.string(),
  readOpChecksumInfo: fc.option(fc.record({ checksum: anyChecksum, chunkOffset: fc.maxSafeNat() }), { nil: undefined }),
  checksumResponse: fc.option(
    fc.record({
      checksum: anyChecksum,
      crcPerBlock: fc.maxSafeNat(),
      md5: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
    }),
    { nil: undefined },
  ),
  visibleBytes: fc.option(fc.maxSafeNat(), { nil: undefined }),
  localPath: fc.option(
    fc.record({
      dataPath: fc.string({ minLength: 1 }),
      metaPath: fc.string({ minLength: 1 }),
      dataFile: fc.string({ minLength: 1 }),
      numBytes: fc.maxSafeNat(),
    }),
    { nil: undefined },
  ),
});

const readBlock: Operation = {
  op: 'readBlock',
  block: { poolId: 'CID-1', blockId: 1073741825, generationStamp: 1001, numBytes: 6 },
  clientName: 'c',
  offset: 2,
  length: 4,
  sendChecksums: true,
};

/** An operation's bytes from hexadecimal ones of its header. */
function operation(opCode: number, headerHex: string): Buffer {
  const header = Buffer.from(headerHex.replaceAll(' ', ''), 'hex');
  return Buffer.concat([Buffer.from([0, 28, opCode, header.length]), header]);
}

test('operations are read back, whatever pieces they arrive in', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyOperation, { maxLength: 3 }), cuts, async (operations, places) => {
      const reader = readerOf(...cut(Buffer.concat(operations.map(encodeOperation)), places));
      for (const sent of operations) t.deepEqual(await readOperation(reader, 0), sent);
      t.is(await readOperation(reader, 0), null);
    }),
  );
});

test("an operation is laid out as HDFS's", (t) => {
  const block = '0a 05 4349442d31 10 8180808004 18 e907 20 06'; // poolId, blockId, generationStamp, numBytes
  const header = `0a 19 0a 14 0a 12 ${block} 12 01 63 10 02 18 04 20 01`;
  t.is(encodeOperation(readBlock).toString('hex'), operation(81, header).toString('hex'));
});

test('an operation that is cut off is a lost connection', async (t) => {
  const bytes = encodeOperation(readBlock);
  for (let length = 1; length < bytes.length; length++) {
    await t.throwsAsync(readOperation(readerOf(bytes.subarray(0, length)), 0), { name: 'ConnectionLost' }, `${length}`);
  }
});

test('another version, another protocol and an unknown operation are named', async (t) => {
  await t.throwsAsync(readOperation(readerOf(Buffer.from([0, 27, 81, 0])), 0), {
    name: 'Unsupported',
    message: /dn1:9866 speaks version 27 /,
  });
  await t.throwsAsync(readOperation(readerOf(Buffer.from('GET / HTTP/1.1')), 0), {
    name: 'Unsupported',
    message: /or another protocol/,
  });
  await t.throwsAsync(readOperation(readerOf(Buffer.from([0, 28, 99, 0])), 0), {
    name: 'Unsupported',
    message: /operation 99/,
  });
});

test('fields of later versions are skipped', async (t) => {
  const bytes = encodeOperation(readBlock);
  const more = Buffer.concat([bytes.subarray(4), Buffer.from('9a060568656c6c6f', 'hex')]); // field 99: "hello"
  t.deepEqual(await readOperation(readerOf(operation(81, more.toString('hex'))), 0), readBlock);
});

test('an operation with a missing or an impossible field is refused, and the field named', async (t) => {
  const noBlock = operation(81, '0a 03 12 01 63 10 00 18 00');
  await t.throwsAsync(readOperation(readerOf(noBlock), 0), { name: 'ProtocolViolation', message: /baseHeader/ });
  const hugeOffset = { ...readBlock, offset: 2 ** 60 };
  await t.throwsAsync(readOperation(readerOf(encodeOperation(hugeOffset)), 0), {
    name: 'ProtocolViolation',
    message: /offset/,
  });
  const noBlockId = { ...readBlock, block: { ...readBlock.block, blockId: 0 } };
  await t.throwsAsync(readOperation(readerOf(encodeOperation(noBlockId)), 0), {
    name: 'ProtocolViolation',
    message: /header\.baseHeader\.block\.blockId/,
  });
});

test('an operation whose header is too large is refused before it is received', async (t) => {
  const bytes = Buffer.from([0, 28, 80, 0xff, 0xff, 0xff, 0x7f]);
  await t.throwsAsync(readOperation(readerOf(bytes), 0), { name: 'ProtocolViolation', message: /at most 131072/ });
});

test('garbage in place of a header is an error and nothing else', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(80, 81, 85), fc.uint8Array({ maxLength: 120 }), async (opCode, garbage) => {
      const bytes = operation(opCode, Buffer.from(garbage).toString('hex'));
      const error = await t.throwsAsync(readOperation(readerOf(bytes), 0));
      t.true(error instanceof DfsError && error.name === 'ProtocolViolation', `${error?.name}: ${error?.message}`);
    }),
  );
});

test('a changed byte of an operation gives an operation or an error, and nothing else', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyOperation, fc.nat(), fc.nat(255), async (sent, place, value) => {
      const bytes = encodeOperation(sent);
      bytes.writeUInt8(value, place % bytes.length);
      try {
        t.truthy(await readOperation(readerOf(bytes), 0));
      } catch (error) {
        t.true(error instanceof DfsError, String(error));
      }
    }),
  );
});

test('answers are read back, whatever pieces they arrive in', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyResponse, cuts, async (response, places) => {
      const reader = readerOf(...cut(encodeBlockOpResponse(response), places));
      t.deepEqual(await readBlockOpResponse(reader, 0), response);
    }),
  );
});

test('a connection that ends instead of an answer is a lost one', async (t) => {
  await t.throwsAsync(readBlockOpResponse(readerOf(), 0), { name: 'ConnectionLost', message: /instead of answering/ });
});

test('an answer with an unknown status or checksum is refused', async (t) => {
  const unknownStatus = Buffer.from('020863', 'hex');
  await t.throwsAsync(readBlockOpResponse(readerOf(unknownStatus), 0), {
    name: 'ProtocolViolation',
    message: /status/,
  });
  const unknownChecksum = Buffer.from('0c0800 2208 0a04 0809 1001 1000'.replaceAll(' ', ''), 'hex');
  await t.throwsAsync(readBlockOpResponse(readerOf(unknownChecksum), 0), {
    name: 'ProtocolViolation',
    message: /checksum type 9/,
  });
});

test("a reader's last word is read back, and may be missing", async (t) => {
  t.is(await readClientReadStatus(readerOf(encodeClientReadStatus(Status.CHECKSUM_OK)), 0), Status.CHECKSUM_OK);
  t.is(await readClientReadStatus(readerOf(), 0), null);
});
