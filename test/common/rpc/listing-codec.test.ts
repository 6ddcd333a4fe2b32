import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test from 'ava';
import fc from 'fast-check';
import { decodeListing, encodeListing } from '../../../common/rpc/listing-codec.js';
import type { FileStatus__Output } from '../../../proto/generated/minihdfs/FileStatus.js';
import type { GetListingResponse__Output } from '../../../proto/generated/minihdfs/GetListingResponse.js';

const includeDirs = [fileURLToPath(new URL('../../../proto/', import.meta.url))];
const loaded = loadSync('client_protocol.proto', {
  includeDirs,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { GetListing } = loaded['minihdfs.ClientProtocol'] as ServiceDefinition;
/** What protobufjs makes of the .proto file. */
const { responseSerialize, responseDeserialize } = GetListing as MethodDefinition<object, GetListingResponse__Output>;

const uint64 = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 28 - 1, 2 ** 28, 2 ** 32, 2 ** 53 - 1),
);
const uint32 = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 - 1 }), fc.constant(2 ** 32 - 1));
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 80 }), fc.constantFrom('root', 'wheel'));
const entry: fc.Arbitrary<FileStatus__Output> = fc.record({
  fileId: uint64,
  name: text,
  type: fc.constantFrom('FILE_TYPE_UNSPECIFIED', 'FILE', 'DIRECTORY', 'SYMLINK'),
  length: uint64,
  replication: uint32,
  blockSize: uint64,
  mode: uint32,
  owner: text,
  group: text,
  modificationTimeMs: uint64,
  accessTimeMs: uint64,
  children: uint32,
  underConstruction: fc.boolean(),
  symlink: fc.oneof(text, fc.string({ minLength: 200, maxLength: 20_000, unit: fc.constantFrom('a', 'ß') })),
  modificationTimeNs: uint32,
  accessTimeNs: uint32,
});
const listing: fc.Arbitrary<GetListingResponse__Output> = fc.record({
  entries: fc.array(entry),
  hasMore: fc.boolean(),
});

test('property: what is encoded, protobufjs reads, and the other way round', (t) => {
  fc.assert(
    fc.property(listing, (message) => {
      t.deepEqual(responseDeserialize(encodeListing(message)), message);
      t.deepEqual(decodeListing(Buffer.from(responseSerialize(message))), message);
      t.deepEqual(decodeListing(encodeListing(message)), message);
    }),
  );
});

test('an entry has no field that is not encoded', (t) => {
  const [read] = responseDeserialize(encodeListing({ entries: [{}] })).entries;
  t.deepEqual(decodeListing(encodeListing({ entries: [{}] })).entries[0], read);
});

test('fields of later versions are passed over', (t) => {
  const known = encodeListing({ entries: [{ name: 'a' }] });
  // Fields 30 to 33: a varint, eight bytes, a text, four bytes.
  const later = Buffer.from('f00196 01f101 0102030405060708 fa0103 616263 8d02 01020304'.replaceAll(' ', ''), 'hex');
  t.deepEqual(decodeListing(Buffer.concat([later, known, later])), decodeListing(known));
});

test('property: whatever the bytes are, reading them ends with a listing or an error', (t) => {
  const damaged = fc.tuple(listing, fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([message, where, value, cut]) => {
    const bytes = encodeListing(message);
    if (bytes.length > 0) bytes[where % bytes.length] = value;
    return bytes.subarray(0, bytes.length - (cut % 4));
  });
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        try {
          return Array.isArray(decodeListing(bytes).entries);
        } catch (error) {
          return error instanceof Error;
        }
      },
    ),
  );
  t.pass();
});

test('numbers that JavaScript would round are refused on both sides', (t) => {
  t.throws(() => encodeListing({ entries: [{ length: 2 ** 53 }] }), { message: /2\^53/ });
  t.throws(() => encodeListing({ entries: [{ length: -1 }] }), { message: /2\^53/ });
  const tooLarge = Buffer.from('0a0a20ffffffffffffffff7f'.replaceAll(' ', ''), 'hex');
  t.throws(() => decodeListing(tooLarge), { message: /2\^53/ });
});
