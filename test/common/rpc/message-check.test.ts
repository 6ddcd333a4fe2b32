import test from 'ava';
import fc from 'fast-check';
import {
  checkedDeserializer,
  checkedSerializer,
  findUnsafeNumber,
  MalformedMessage,
} from '../../../common/rpc/message-check.js';

test('the first number that JavaScript would round is found, wherever it stands', (t) => {
  t.is(findUnsafeNumber({ blocks: [{ blockId: 1 }, { blockId: 2 ** 53 }] }), 'blocks.1.blockId');
  t.is(findUnsafeNumber({ lengths: [1, 2, 0.5] }), 'lengths.2');
  t.is(findUnsafeNumber({ offset: Number.NaN }), 'offset');
  t.is(findUnsafeNumber({ offset: -(2 ** 53) }), 'offset');
});

test('messages of safe integers, texts, bytes and missing parts pass', (t) => {
  const field = fc.oneof(
    fc.maxSafeInteger(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.uint8Array(),
  );
  const message = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, field, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
  })).value;
  fc.assert(fc.property(message, (value) => findUnsafeNumber(value) === undefined));
  t.pass();
});

test('a deserializer tells what it cannot read instead of throwing', (t) => {
  const broken = checkedDeserializer<unknown>(() => {
    throw new RangeError('index out of range');
  });
  t.deepEqual(broken(Buffer.alloc(1)), new MalformedMessage('index out of range'));
  const unsafe = checkedDeserializer<unknown>(() => ({ blockId: 2 ** 60 }));
  t.deepEqual(unsafe(Buffer.alloc(1)), new MalformedMessage('blockId is not an integer below 2^53'));
});

test('a serializer refuses what the other side would refuse', (t) => {
  const serialize = checkedSerializer<{ blockId: number }>((message) => Buffer.from(String(message.blockId)));
  t.is(serialize({ blockId: 7 }).toString(), '7');
  t.throws(() => serialize({ blockId: 2 ** 53 }), { message: /^blockId is not/ });
});
