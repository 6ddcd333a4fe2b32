import test from 'ava';
import fc from 'fast-check';
import { cut, cuts, readerOf, slices } from '../support/scripted-channel.js';

const anyBytes = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));

/** The varint-delimited form of protobuf. */
function delimited(message: Buffer): Buffer {
  const length: number[] = [];
  let rest = message.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) length.push((rest % 128) + 0x80);
  return Buffer.concat([Buffer.from([...length, rest]), message]);
}

for (const [name, split] of [
  ['pieces', cut],
  ['neighbouring slices', slices],
] as const) {
  test(`any sequence of reads gives the bytes in order, whatever ${name} they arrive in`, async (t) => {
    await fc.assert(
      fc.asyncProperty(anyBytes, cuts, fc.array(fc.nat(60)), async (bytes, places, lengths) => {
        const reader = readerOf(...split(bytes, places));
        let at = 0;
        for (const length of lengths) {
          if (at + length > bytes.length) break;
          const read =
            at % 2 === 0 ? await reader.readBuffer(length, 0) : Buffer.concat(await reader.readExactly(length, 0));
          t.deepEqual(read, bytes.subarray(at, at + length));
          at += length;
        }
      }),
    );
  });
}

test('slices that arrive side by side are handed out as one, without a copy', async (t) => {
  const bytes = Buffer.from('0123456789');
  const reader = readerOf(...slices(bytes, [0.1, 0.3, 0.7]));
  const [first, ...none] = await reader.readExactly(4, 0);
  const [second, ...none2] = await reader.readExactly(6, 0);
  t.deepEqual([none, none2], [[], []]);
  t.is(first?.buffer, bytes.buffer);
  t.deepEqual(first, bytes.subarray(0, 4));
  t.deepEqual(second, bytes.subarray(4));
});

test('bytes can be looked at before they are taken', async (t) => {
  const reader = readerOf(Buffer.from('ab'), Buffer.from('cd'));
  await reader.fill(4, 0);
  reader.take(1);
  t.deepEqual(
    [0, 1, 2].map((index) => String.fromCharCode(reader.peekByte(index))),
    ['b', 'c', 'd'],
  );
  t.is(reader.available, 3);
  t.throws(() => reader.peekByte(3), { instanceOf: RangeError });
  t.throws(() => reader.take(4), { instanceOf: RangeError });
});

test('the end of the stream before the first byte is told from an end in the middle', async (t) => {
  const ended = readerOf();
  t.false(await ended.fill(1, 0));
  await t.throwsAsync(ended.readBuffer(1, 0), { name: 'ConnectionLost', message: /dn1:9866 closed the connection/ });
  const cutOff = readerOf(Buffer.from('abc'));
  await t.throwsAsync(cutOff.fill(4, 0), { name: 'ConnectionLost', message: /in the middle/ });
});

test('messages after their length are read back, whatever pieces they arrive in', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyBytes, { maxLength: 5 }), cuts, async (messages, places) => {
      const reader = readerOf(...cut(Buffer.concat(messages.map(delimited)), places));
      for (const message of messages) t.deepEqual(await reader.readVarintDelimited(400, 0), message);
      t.is(await reader.readVarintDelimited(400, 0), null);
    }),
  );
});

test('a message that is cut off is a lost connection', async (t) => {
  const whole = delimited(Buffer.alloc(300, 'x'));
  for (const length of [1, 2, 100, whole.length - 1]) {
    await t.throwsAsync(readerOf(whole.subarray(0, length)).readVarintDelimited(400, 0), { name: 'ConnectionLost' });
  }
});

test('a message longer than allowed is refused before it is received', async (t) => {
  const error = await t.throwsAsync(readerOf(delimited(Buffer.alloc(401))).readVarintDelimited(400, 0));
  t.is(error?.name, 'ProtocolViolation');
  t.regex(error?.message ?? '', /401 bytes; at most 400/);
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]);
  await t.throwsAsync(readerOf(huge).readVarintDelimited(400, 0), { name: 'ProtocolViolation' });
});

test('a length that does not end is refused', async (t) => {
  await t.throwsAsync(readerOf(Buffer.alloc(20, 0xff)).readVarintDelimited(400, 0), {
    name: 'ProtocolViolation',
    message: /without a valid length/,
  });
});
