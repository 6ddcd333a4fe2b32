import test from 'ava';
import fc from 'fast-check';
import { ExtentMap } from '../../../client/fuse/extent-map.js';

const SIZE = 50;

test('the newest extent shows at each position', (t) => {
  const anyStep = fc.oneof(fc.record({ start: fc.nat(SIZE), length: fc.nat(15) }), fc.record({ cut: fc.nat(SIZE) }));
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), fc.nat(SIZE), fc.nat(SIZE), (steps, from, to) => {
      const map = new ExtentMap();
      const model: (number | undefined)[] = new Array(SIZE * 2).fill(undefined);
      for (const [i, step] of steps.entries()) {
        if ('cut' in step) {
          map.cut(step.cut);
          model.fill(undefined, step.cut);
          continue;
        }
        map.put(step.start, step.start + step.length, i * 1000);
        for (let at = 0; at < step.length; at++) model[step.start + at] = i * 1000 + at;
      }
      const seen: (number | undefined)[] = new Array(SIZE * 2).fill(undefined);
      let last = 0;
      for (const { start, end, offset } of map.within(from, to)) {
        if (start < Math.max(last, from) || end > to || end <= start) return false;
        for (let at = start; at < end; at++) seen[at] = offset + at - start;
        last = end;
      }
      return model.every((place, at) => (at >= from && at < to ? seen[at] === place : seen[at] === undefined));
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
