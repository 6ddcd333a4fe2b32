import test from 'ava';
import fc from 'fast-check';
import { WindowMemory, WriteWindow } from '../../../client/fuse/write-window.js';

const CAPACITY = 64;

const step = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    at: fc.nat(80),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('setEnd' as const), at: fc.nat(80), bytes: fc.constant(new Uint8Array()) }),
  fc.record({
    kind: fc.constantFrom('drainRun' as const, 'drainAll' as const),
    at: fc.constant(0),
    bytes: fc.constant(new Uint8Array()),
  }),
);

test('what is drained and what is still in the window are together what was written, holes being zeros', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const window = new WriteWindow(10, CAPACITY, new WindowMemory());
      let drained = Buffer.alloc(10);
      let model = Buffer.alloc(10);
      const take = async (bytes: Buffer) => {
        drained = Buffer.concat([drained, bytes]);
      };
      for (const { kind, at, bytes } of steps) {
        const data = Buffer.from(bytes);
        if (kind === 'drainRun') await window.drainRun(take);
        else if (kind === 'drainAll') await window.drainAll(take);
        else if (window.fits(at, data.length)) {
          const end = kind === 'put' ? Math.max(model.length, at + data.length) : at;
          model = Buffer.concat([model, Buffer.alloc(Math.max(0, end - model.length))]).subarray(0, end);
          data.copy(model, at);
          if (kind === 'put') window.put(at, data);
          else window.setEnd(at);
        }
      }
      const rest = window.read(window.start, window.end);
      return (
        window.start === drained.length &&
        window.end === model.length &&
        window.isEmpty === (rest.length === 0) &&
        Buffer.concat([drained, rest]).equals(model)
      );
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('a window takes what lies within its capacity from its start on', async (t) => {
  const window = new WriteWindow(100, CAPACITY, new WindowMemory());
  t.true(window.fits(100, CAPACITY));
  t.false(window.fits(99, 1));
  t.false(window.fits(101, CAPACITY));
  window.put(100, Buffer.alloc(CAPACITY, 1));
  await window.drainRun(async () => {});
  t.true(window.fits(100 + CAPACITY, CAPACITY));
  window.skipTo(1_000);
  t.is(window.start, 1_000);
  t.true(window.isEmpty);
});
