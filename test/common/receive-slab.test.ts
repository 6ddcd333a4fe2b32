import test from 'ava';
import fc from 'fast-check';
import { ReceiveSlab, SlabPool } from '../../common/receive-slab.js';

const MIB = 1024 * 1024;

/** Something that was received: all bytes are `fill`. */
interface Held {
  readonly fill: number;
  readonly bytes: Buffer;
}

function receive(slab: ReceiveSlab, wanted: number, fill: number): Held {
  const room = slab.room();
  const length = Math.min(wanted, room.length);
  room.fill(fill, 0, length);
  return { fill, bytes: slab.take(length) };
}

function isIntact({ fill, bytes }: Held): boolean {
  return bytes.equals(Buffer.alloc(bytes.length, fill));
}

test('what was received stays as it is until it is given back, whoever receives what in between', (t) => {
  const anyStep = fc.record({
    slab: fc.nat(1),
    receive: fc.integer({ min: 1, max: 900_000 }),
    giveBack: fc.option(fc.nat(), { freq: 2 }),
    inHalves: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 60, maxLength: 60 }), (steps) => {
      const pool = new SlabPool();
      const slabs = [new ReceiveSlab(pool), new ReceiveSlab(pool)];
      const held: (Held & { slab: ReceiveSlab })[] = [];
      for (const [index, step] of steps.entries()) {
        const slab = slabs[step.slab] as ReceiveSlab;
        held.push({ ...receive(slab, step.receive, index), slab });
        if (step.giveBack === null) continue;
        const [given] = held.splice(step.giveBack % held.length, 1);
        if (given === undefined) continue;
        t.true(isIntact(given));
        const middle = step.inHalves ? given.bytes.length >> 1 : 0;
        given.slab.recycle([given.bytes.subarray(0, middle), given.bytes.subarray(middle)]);
      }
      t.true(held.every(isIntact));
    }),
    { numRuns: 30 },
  );
});

test('when everything is given back, the same memory is used again and again', (t) => {
  const slab = new ReceiveSlab(new SlabPool());
  const memory = new Set<ArrayBufferLike>();
  for (let received = 0; received < 200 * MIB; ) {
    const { bytes } = receive(slab, 700_000, 1);
    memory.add(bytes.buffer);
    received += bytes.length;
    slab.recycle([bytes]);
  }
  t.true(memory.size <= 8, `${memory.size} slabs`);
});

test('memory that is not from here is left alone', (t) => {
  const pool = new SlabPool();
  const slab = new ReceiveSlab(pool);
  slab.recycle([Buffer.allocUnsafeSlow(MIB), Buffer.from('abc')]);
  t.not(pool.take(), pool.take());
});

test('only so many free slabs are kept', (t) => {
  const pool = new SlabPool();
  const given = new Set<Buffer>(Array.from({ length: 100 }, () => Buffer.allocUnsafeSlow(MIB)));
  for (const slab of given) pool.give(slab);
  let kept = 0;
  while (given.has(pool.take())) kept++;
  t.is(kept, 32);
});

test('a connection with little traffic takes little memory, one with much gets large reads', (t) => {
  const slab = new ReceiveSlab(new SlabPool());
  t.is(slab.room().length, 16 * 1024);
  for (let received = 0; received < 4 * MIB; ) received += slab.take(slab.room().length).length;
  t.is(slab.room().length, MIB);
});

test('reads do not get small at the end of a slab', (t) => {
  const slab = new ReceiveSlab(new SlabPool());
  for (let i = 0; i < 3000; i++) {
    t.true(slab.room().length >= 4096);
    slab.take(Math.min(1000, slab.room().length));
  }
});

test('room that was not used is offered again', (t) => {
  const slab = new ReceiveSlab(new SlabPool());
  slab.take(slab.room().length - 10_000);
  t.deepEqual([slab.room().buffer, slab.room().byteOffset], [slab.room().buffer, slab.room().byteOffset]);
  t.is(slab.room().length, 10_000);
});
