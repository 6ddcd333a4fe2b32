import test from 'ava';
import { Serial } from '../../namenode/serial.js';

test('work runs one after the other, also after a failure', async (t) => {
  const serial = new Serial(10);
  const order: string[] = [];
  const step =
    (name: string, fails = false) =>
    async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([serial.run(step('a')), serial.run(step('b', true)), serial.run(step('c'))]);
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('too much waiting work is refused', async (t) => {
  const serial = new Serial(2);
  let release = (): void => {};
  const blocked = serial.run(() => new Promise<void>((resolve) => (release = resolve)));
  const waiting = serial.run(async () => 'waited');
  await t.throwsAsync(
    serial.run(async () => 'refused'),
    { name: 'Overloaded' },
  );
  release();
  await blocked;
  t.is(await waiting, 'waited');
  t.is(await serial.run(async () => 'room again'), 'room again');
});
