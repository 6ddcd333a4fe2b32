import test from 'ava';
import fc from 'fast-check';
import {
  type ChecksumSpec,
  checksumsLength,
  computeChecksums,
  decodeMetaHeader,
  encodeMetaHeader,
  MAX_BYTES_PER_CHECKSUM,
  verifyChecksums,
} from '../../common/checksum.js';
import { portableCrc32c } from '../../common/crc32c.js';
import { cut, cuts } from '../support/scripted-channel.js';

const anyData = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
const anyChunkSize = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(512, 4096));

function crc32cOfEachChunk(data: Buffer, bytesPerChecksum: number): Buffer {
  const crcs: Buffer[] = [];
  for (let at = 0; at < data.length; at += bytesPerChecksum) {
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(portableCrc32c(data.subarray(at, at + bytesPerChecksum)));
    crcs.push(crc);
  }
  return Buffer.concat(crcs);
}

test('there is one checksum for each chunk, however the data is cut into buffers', (t) => {
  fc.assert(
    fc.property(anyData, anyChunkSize, cuts, (data, bytesPerChecksum, places) => {
      const spec: ChecksumSpec = { type: 'CRC32C', bytesPerChecksum };
      const checksums = computeChecksums(spec, cut(data, places));
      t.deepEqual(checksums, crc32cOfEachChunk(data, bytesPerChecksum));
      t.is(checksums.length, checksumsLength(spec, data.length));
      t.is(verifyChecksums(spec, cut(data, [...places].reverse()), checksums), -1);
    }),
  );
});

test('a changed byte is found, and its chunk named', (t) => {
  fc.assert(
    fc.property(
      anyData.filter((data) => data.length > 0),
      anyChunkSize,
      cuts,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('CRC32C' as const, 'CRC32' as const),
      (data, bytesPerChecksum, places, place, change, type) => {
        const spec: ChecksumSpec = { type, bytesPerChecksum };
        const checksums = computeChecksums(spec, [data]);
        const damaged = Buffer.from(data);
        const at = place % data.length;
        damaged.writeUInt8(damaged.readUInt8(at) ^ change, at);
        t.is(verifyChecksums(spec, cut(damaged, places), checksums), Math.floor(at / bytesPerChecksum));
      },
    ),
  );
});

test('a changed checksum is found', (t) => {
  const spec: ChecksumSpec = { type: 'CRC32C', bytesPerChecksum: 4 };
  const data = [Buffer.from('0123456789')];
  const checksums = computeChecksums(spec, data);
  checksums.writeUInt8(checksums.readUInt8(9) ^ 1, 9);
  t.is(verifyChecksums(spec, data, checksums), 2);
});

test('too few or too many checksums are refused', (t) => {
  const spec: ChecksumSpec = { type: 'CRC32C', bytesPerChecksum: 4 };
  const data = [Buffer.from('0123456789')];
  const checksums = computeChecksums(spec, data);
  for (const wrong of [checksums.subarray(0, 8), Buffer.concat([checksums, checksums]), Buffer.alloc(0)]) {
    t.throws(() => verifyChecksums(spec, data, wrong), { name: 'ProtocolViolation', message: /must be 12/ });
  }
});

test('CRC32 is the one of zip files', (t) => {
  const checksums = computeChecksums({ type: 'CRC32', bytesPerChecksum: 512 }, [Buffer.from('123456789')]);
  t.is(checksums.toString('hex'), 'cbf43926');
});

test('NULL means no checksums, and everything is good', (t) => {
  const spec: ChecksumSpec = { type: 'NULL', bytesPerChecksum: 512 };
  t.is(computeChecksums(spec, [Buffer.from('abc')]).length, 0);
  t.is(verifyChecksums(spec, [Buffer.from('abc')], Buffer.alloc(0)), -1);
});

test("the header of a meta file is HDFS's", (t) => {
  t.is(encodeMetaHeader({ type: 'CRC32C', bytesPerChecksum: 512 }).toString('hex'), '00010200000200');
});

test('the header of a meta file is read back', (t) => {
  for (const type of ['CRC32C', 'CRC32', 'NULL'] as const) {
    for (const bytesPerChecksum of [1, 512, 4096, MAX_BYTES_PER_CHECKSUM]) {
      const spec = { type, bytesPerChecksum };
      t.deepEqual(decodeMetaHeader(Buffer.concat([encodeMetaHeader(spec), Buffer.from('more')])), spec);
    }
  }
});

test('a damaged header of a meta file is refused', (t) => {
  for (const hex of [
    '', // nothing
    '000102000002', // too short
    '00020200000200', // another version
    '00010300000200', // an unknown type
    '00010200000000', // chunks of no bytes
    '000102ffffffff', // chunks of 4 GiB
  ]) {
    t.throws(() => decodeMetaHeader(Buffer.from(hex, 'hex')), { name: 'Corrupt' }, `"${hex}"`);
  }
});
