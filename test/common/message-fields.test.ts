import test from 'ava';
import { MessageFields } from '../../common/message-fields.js';

const complaint = 'dn1:9866 sent an invalid P';

function fields(values: Record<string, unknown>): MessageFields {
  return new MessageFields(values, complaint);
}

const isEven = (number: number): number is 0 | 2 => number === 0 || number === 2;

test('each field comes out as what it is', (t) => {
  const inner = { n: 3 };
  const all = fields({
    n: 1,
    e: 2,
    es: [0, 2],
    s: '',
    ss: ['a', ''],
    b: false,
    bytes: Buffer.from('x'),
    m: inner,
    ms: [inner, inner],
    none: null,
  });
  t.is(all.integer('n'), 1);
  t.is(all.enumValue('e', isEven), 2);
  t.deepEqual(all.enumValues('es', isEven), [0, 2]);
  t.is(all.string('s'), '');
  t.deepEqual(all.strings('ss'), ['a', '']);
  t.false(all.boolean('b'));
  t.deepEqual(all.bytes('bytes'), Buffer.from('x'));
  t.is(all.message('m').integer('n'), 3);
  t.deepEqual(
    all.messages('ms').map((message) => message.integer('n')),
    [3, 3],
  );
  t.is(all.optionalMessage('none'), undefined);
});

test('an integer must be one, in range', (t) => {
  t.is(fields({ n: 5 }).integer('n', 5, 5), 5);
  for (const n of [4, 6, 5.5, Number.NaN, 2 ** 60, '5', null, undefined]) {
    t.throws(() => fields({ n }).integer('n', 5, 5), {
      name: 'ProtocolViolation',
      message: `${complaint}: n is ${String(n)}; it must be from 5 to 5`,
    });
  }
  t.throws(() => fields({ n: 2 ** 53 }).integer('n'), { name: 'ProtocolViolation' });
  t.throws(() => fields({ n: -1 }).integer('n'), { name: 'ProtocolViolation' });
});

test('anything of another kind is refused', (t) => {
  const wrong = fields({ e: 1, es: [0, 1], s: 1, ss: ['a', 1], b: 1, bytes: 'x', m: 1, ms: [1], list: 1 });
  const reads = [
    () => wrong.enumValue('e', isEven),
    () => wrong.enumValues('es', isEven),
    () => wrong.string('s'),
    () => wrong.strings('ss'),
    () => wrong.boolean('b'),
    () => wrong.bytes('bytes'),
    () => wrong.message('m'),
    () => wrong.messages('ms'),
    () => wrong.strings('list'),
    () => wrong.message('missing'),
    () => fields({ s: '' }).nonEmptyString('s'),
  ];
  for (const read of reads) t.throws(read, { name: 'ProtocolViolation' });
});

test('a complaint says where the field stands', (t) => {
  const outer = fields({ header: { targets: [{ port: 1 }, { port: 70000 }] } });
  const [, second] = outer.message('header').messages('targets');
  t.throws(() => second?.integer('port', 1, 65535), {
    message: `${complaint}: header.targets[1].port is 70000; it must be from 1 to 65535`,
  });
});
