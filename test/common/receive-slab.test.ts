import test from 'ava';
import fc from 'fast-check';
import { ReceiveSlab } from '../../common/receive-slab.js';

test('what was received is never overwritten', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 60 }), (lengths) => {
      const slab = new ReceiveSlab();
      const taken: { fill: number; bytes: Buffer }[] = [];
      for (const [index, wanted] of lengths.entries()) {
        const room = slab.room();
        const length = Math.min(wanted, room.length);
        room.fill(index, 0, length);
        taken.push({ fill: index, bytes: slab.take(length) });
      }
      t.true(taken.every(({ fill, bytes }) => bytes.every((byte) => byte === fill)));
    }),
    { numRuns: 20 },
  );
});

test('a connection with little traffic takes little memory, one with much gets large reads', (t) => {
  const slab = new ReceiveSlab();
  t.is(slab.room().length, 64 * 1024);
  for (let received = 0; received < 4 * 1024 * 1024; ) received += slab.take(slab.room().length).length;
  t.is(slab.room().length, 1024 * 1024);
});

test('reads do not get small at the end of a slab', (t) => {
  const slab = new ReceiveSlab();
  for (let i = 0; i < 3000; i++) {
    t.true(slab.room().length >= 4096);
    slab.take(Math.min(1000, slab.room().length));
  }
});

test('room that was not used is offered again', (t) => {
  const slab = new ReceiveSlab();
  slab.take(slab.room().length - 10_000);
  t.deepEqual([slab.room().buffer, slab.room().byteOffset], [slab.room().buffer, slab.room().byteOffset]);
  t.is(slab.room().length, 10_000);
});
