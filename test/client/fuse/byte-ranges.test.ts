import test from 'ava';
import fc from 'fast-check';
import { ByteRanges } from '../../../client/fuse/byte-ranges.js';

const SIZE = 40;

const position = fc.integer({ min: 0, max: SIZE });
const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), from: position, to: position }),
  fc.record({ kind: fc.constant('cut' as const), from: position, to: position }),
);

/** The runs of true from `start` to `end`. */
function runs(model: readonly boolean[], wanted: boolean, start: number, end: number) {
  const found: { start: number; end: number }[] = [];
  for (let i = start; i < end; i++) {
    if ((model[i] ?? false) !== wanted) continue;
    const last = found.at(-1);
    if (last?.end === i) last.end = i + 1;
    else found.push({ start: i, end: i + 1 });
  }
  return found;
}

test('ranges behave like a row of bits', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), position, position, (steps, start, end) => {
      const ranges = new ByteRanges();
      const model = new Array<boolean>(SIZE).fill(false);
      for (const { kind, from, to } of steps) {
        if (kind === 'add') {
          ranges.add(from, to);
          model.fill(true, from, Math.max(from, to));
        } else {
          ranges.cut(from);
          model.fill(false, from);
        }
      }
      const part = model.slice(start, Math.max(start, end));
      const run = model.indexOf(false, start);
      return (
        JSON.stringify([...ranges]) === JSON.stringify(runs(model, true, 0, SIZE)) &&
        JSON.stringify(ranges.gaps(start, end)) === JSON.stringify(runs(model, false, start, end)) &&
        JSON.stringify(ranges.within(start, end)) === JSON.stringify(runs(model, true, start, end)) &&
        ranges.intersects(start, end) === part.includes(true) &&
        ranges.endOfRun(start) === (run < 0 ? SIZE : run) &&
        ranges.isEmpty === !model.includes(true)
      );
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
