import test from 'ava';
import fc from 'fast-check';
import { ByteRanges } from '../../../client/fuse/byte-ranges.js';
import { editedBlockSize, newBlocks, planCommit } from '../../../client/fuse/commit-plan.js';
import type { BlockLocation } from '../../../client/types.js';

function blocksOf(lengths: readonly number[], firstId: number): BlockLocation[] {
  let offset = 0;
  return lengths.map((length, i) => {
    const block = { blockId: firstId + i, generationStamp: 1, numBytes: length };
    const located = {
      offset,
      length,
      block,
      hosts: [],
      racks: [],
      locations: [],
      corrupt: false,
      underConstruction: false,
    };
    offset += length;
    return located;
  });
}

const fileArbitrary = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 8 }),
  writes: fc.array(fc.tuple(fc.nat(100), fc.integer({ min: 1, max: 10 })), { maxLength: 5 }),
  cut: fc.nat(100),
  length: fc.nat(120),
});

test('a plan covers the file once, keeps only what did not change, and keeps all of that', (t) => {
  fc.assert(
    fc.property(fileArbitrary, ({ lengths, writes, cut, length }) => {
      const blocks = blocksOf(lengths, 1);
      const keptBytes = Math.min(
        cut,
        lengths.reduce((sum, one) => sum + one, 0),
      );
      const written = new ByteRanges();
      for (const [at, size] of writes) written.add(at, at + size);
      written.cut(length);
      const plan = planCommit({ blocks, written, keptBytes, length });
      let at = 0;
      for (const [i, { kind, start, end }] of plan.entries()) {
        if (start !== at || end <= start) return false;
        if (kind === 'keep' && (end > keptBytes || written.intersects(start, end))) return false;
        if (kind === 'write' && plan[i - 1]?.kind === 'write') return false;
        at = end;
      }
      const kept = plan.flatMap((segment) => (segment.kind === 'keep' ? [segment.blockId] : []));
      const mayStay = blocks.filter(({ offset, length: size }) => {
        const end = offset + size;
        return end <= Math.min(keptBytes, length) && !written.intersects(offset, end);
      });
      return at === length && JSON.stringify(kept) === JSON.stringify(mayStay.map(({ block }) => block.blockId));
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('written blocks take the places of the parts that they were written for', (t) => {
  const plan = [
    { kind: 'write', start: 0, end: 10 },
    { kind: 'keep', blockId: 7, start: 10, end: 20 },
    { kind: 'write', start: 20, end: 25 },
  ] as const;
  const old = blocksOf([10, 10], 6);
  const ids = newBlocks(plan, old, blocksOf([6, 4, 5], 100)).map(({ block }) => block.blockId);
  t.deepEqual(ids, [100, 101, 7, 102]);
  t.throws(() => newBlocks(plan, old, blocksOf([6, 9], 100)));
  t.throws(() => newBlocks(plan, old, blocksOf([6, 4], 100)));
});

test('blocks of edited files are small, and never so small that the file would have too many', (t) => {
  const MIB = 1024 ** 2;
  t.is(editedBlockSize(10 * MIB, 128 * MIB), 4 * MIB);
  t.is(editedBlockSize(10 * MIB, 64 * 1024), 64 * 1024);
  t.is(editedBlockSize(100 * 1024 * MIB, 128 * MIB), 32 * MIB);
  t.is(editedBlockSize(1024 * 1024 * MIB, 128 * MIB), 128 * MIB);
});
