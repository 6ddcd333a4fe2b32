import test from 'ava';
import fc from 'fast-check';
import type { Attributes } from '../../../../client/fuse/file-system-operations.js';
import { Opcode } from '../../../../client/fuse/kernel/constants.js';
import { attributesBody, DirectoryPage, entryBody, replyHeader } from '../../../../client/fuse/kernel/replies.js';
import { decodeRequest } from '../../../../client/fuse/kernel/requests.js';
import { isDfsError } from '../../../../common/errors.js';

/** A request as the kernel puts it together, by the structures of include/uapi/linux/fuse.h. */
function request(opcode: number, node: number, body: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40 + body.length, 0);
  header.writeUInt32LE(opcode, 4);
  header.writeBigUInt64LE(77n, 8);
  header.writeBigUInt64LE(BigInt(node), 16);
  for (const [i, id] of [1000, 100, 4321].entries()) header.writeUInt32LE(id, 24 + 4 * i);
  return Buffer.concat([header, body]);
}

const u32 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    }),
  );
const u64 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    }),
  );
const name = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(1)]);

const size = fc.maxSafeInteger().map(Math.abs);
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const nameBytes = fc.uint8Array({ minLength: 1, maxLength: 255, min: 1 });

test('the header says who asks, and for which inode', (t) => {
  const { header } = decodeRequest(request(Opcode.GETATTR, 16385, Buffer.alloc(16)));
  t.deepEqual(header, { opcode: Opcode.GETATTR, unique: 77n, node: 16385, uid: 1000, gid: 100, pid: 4321 });
});

test('a WRITE carries its bytes and where they go', (t) => {
  fc.assert(
    fc.property(size, size, fc.uint8Array({ maxLength: 1000 }), word, (handle, offset, data, flags) => {
      const fields = Buffer.concat([u64(handle, offset), u32(data.length, flags), u64(0), u32(0, 0)]);
      const { body } = decodeRequest(request(Opcode.WRITE, 5, Buffer.concat([fields, data])));
      return (
        body.op === 'write' &&
        body.handle === handle &&
        body.offset === offset &&
        body.data.equals(data) &&
        body.dropsPrivileges === ((flags & 4) !== 0)
      );
    }),
  );
  t.pass();
});

test('names are taken byte for byte', (t) => {
  fc.assert(
    fc.property(nameBytes, nameBytes, size, word, (one, two, parent, flags) => {
      const renamed = decodeRequest(
        request(Opcode.RENAME2, 1, Buffer.concat([u64(parent), u32(flags, 0), name(one), name(two)])),
      ).body;
      const linked = decodeRequest(request(Opcode.SYMLINK, 1, Buffer.concat([name(one), name(two)]))).body;
      const found = decodeRequest(request(Opcode.LOOKUP, 1, name(one))).body;
      const made = decodeRequest(request(Opcode.MKDIR, 1, Buffer.concat([u32(flags, 0o22), name(one)]))).body;
      return (
        renamed.op === 'rename' &&
        renamed.name.equals(one) &&
        renamed.newName.equals(two) &&
        renamed.newParent === parent &&
        renamed.flags === flags &&
        linked.op === 'symlink' &&
        linked.name.equals(one) &&
        linked.target.equals(two) &&
        found.op === 'lookup' &&
        found.name.equals(one) &&
        made.op === 'mkdir' &&
        made.mode === flags &&
        made.name.equals(one)
      );
    }),
  );
  t.pass();
});

test('SETATTR says what shall change, times before 1970 included', (t) => {
  const fields = Buffer.concat([
    u32(0x7f, 0),
    u64(0, 12345, 0),
    Buffer.alloc(24),
    u32(1, 999_999_999, 0, 0o644, 0, 7, 8, 0),
  ]);
  fields.writeBigInt64LE(-1n, 32);
  fields.writeBigInt64LE(1_700_000_000n, 40);
  t.like(decodeRequest(request(Opcode.SETATTR, 9, fields)).body, {
    op: 'setattr',
    valid: 0x7f,
    size: 12345n,
    atime: { seconds: -1n, nanoseconds: 1 },
    mtime: { seconds: 1_700_000_000n, nanoseconds: 999_999_999 },
    mode: 0o644,
    uid: 7,
    gid: 8,
  });
});

test('the kernel lets go of many inodes at once', (t) => {
  const fields = Buffer.concat([u32(2, 0), u64(10, 1, 20, 3)]);
  t.deepEqual(decodeRequest(request(Opcode.BATCH_FORGET, 0, fields)).body, {
    op: 'forget',
    nodes: [
      { node: 10, lookups: 1 },
      { node: 20, lookups: 3 },
    ],
  });
});

test('what is cut off, or never was a request, is refused as such', (t) => {
  const opcode = fc.integer({ min: 0, max: 55 });
  fc.assert(
    fc.property(opcode, fc.uint8Array({ maxLength: 120 }), (number, bytes) => {
      try {
        decodeRequest(request(number, 1, Buffer.from(bytes)));
        return true;
      } catch (error) {
        return isDfsError(error, 'ProtocolViolation');
      }
    }),
    { numRuns: 3_000 },
  );
  t.throws(() => decodeRequest(Buffer.alloc(10)), { name: 'ProtocolViolation' });
  t.throws(() => decodeRequest(request(Opcode.WRITE, 1, Buffer.concat([u64(1, 0), u32(100, 0), Buffer.alloc(16)]))), {
    name: 'ProtocolViolation',
  });
});

const ATTRIBUTES: Attributes = {
  inode: 2 ** 40 + 5,
  size: 2 ** 35 + 1,
  mode: 0o100644,
  links: 1,
  uid: 1000,
  gid: 100,
  atime: { ms: 1_500, ns: 7 },
  mtime: { ms: 1_700_000_000_123, ns: 456_789 },
  ctime: { ms: 0, ns: 0 },
  ageMs: 0,
};

test('attributes stand where struct fuse_attr has them', (t) => {
  const body = attributesBody(ATTRIBUTES, { entryMs: 0, attributesMs: 1_500 });
  t.is(body.length, 104);
  t.is(body.readBigUInt64LE(0), 1n);
  t.is(body.readUInt32LE(8), 500_000_000);
  t.is(body.readBigUInt64LE(16), BigInt(ATTRIBUTES.inode));
  t.is(body.readBigUInt64LE(24), BigInt(ATTRIBUTES.size));
  t.is(body.readBigUInt64LE(32), BigInt(2 ** 26 + 1)); // blocks of 512 bytes
  t.deepEqual([body.readBigInt64LE(40), body.readUInt32LE(64)], [1n, 500_000_007]);
  t.deepEqual([body.readBigInt64LE(48), body.readUInt32LE(68)], [1_700_000_000n, 123_456_789]);
  t.deepEqual([body.readUInt32LE(76), body.readUInt32LE(80), body.readUInt32LE(84)], [0o100644, 1, 1000]);
  t.is(entryBody(ATTRIBUTES, { entryMs: 1, attributesMs: 1 }).length, 128);
});

test('an error is negative in the header', (t) => {
  const header = replyHeader(99n, 2, 0);
  t.deepEqual([header.readUInt32LE(0), header.readInt32LE(4), header.readBigUInt64LE(8)], [16, -2, 99n]);
});

test('a page of a listing takes entries as long as there is room, each at a multiple of eight', (t) => {
  fc.assert(
    fc.property(
      fc.array(nameBytes, { maxLength: 30 }),
      fc.integer({ min: 100, max: 4096 }),
      fc.boolean(),
      (names, room, plus) => {
        const page = new DirectoryPage(room, plus ? { entryMs: 1, attributesMs: 1 } : undefined);
        const added = names.findIndex((one, i) => {
          const entry = { name: Buffer.from(one), inode: i + 1, type: 8, attributes: plus ? ATTRIBUTES : undefined };
          return !page.add(entry, i + 1);
        });
        const count = added < 0 ? names.length : added;
        const bytes = page.bytes();
        let at = 0;
        for (let i = 0; i < count; i++) {
          const dirent = bytes.subarray(at + (plus ? 128 : 0));
          const length = dirent.readUInt32LE(16);
          if (Number(dirent.readBigUInt64LE(0)) !== i + 1 || Number(dirent.readBigUInt64LE(8)) !== i + 1) return false;
          if (!dirent.subarray(24, 24 + length).equals(names[i] as Uint8Array)) return false;
          at += (plus ? 128 : 0) + Math.ceil((24 + length) / 8) * 8;
        }
        return at === bytes.length && bytes.length <= room;
      },
    ),
  );
  t.pass();
});
