import test from 'ava';
import fc from 'fast-check';
import type { StoredReplica } from '../../datanode/replica-table.js';
import { ReplicaTable, SHARD_COUNT } from '../../datanode/replica-table.js';

const MAX = Number.MAX_SAFE_INTEGER;

/** Ids close to each other, as they are, and any others. */
const blockId = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 2 ** 30, max: 2 ** 30 + 300 }),
  fc.integer({ min: 1, max: MAX }),
);

const replica = fc.record({
  blockId,
  generationStamp: fc.integer({ min: 1, max: MAX }),
  numBytes: fc.integer({ min: 0, max: MAX }),
  volume: fc.integer({ min: 0, max: 100 }),
});

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ set: replica }) },
  { weight: 1, arbitrary: fc.record({ delete: blockId }) },
);

function contentsOf(table: ReplicaTable): StoredReplica[] {
  const all = Array.from({ length: SHARD_COUNT }, (_, shard) => [...table.shard(shard)]).flat();
  return all.sort((a, b) => a.blockId - b.blockId);
}

test('behaves like a map from block id to replica', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new ReplicaTable();
      const model = new Map<number, StoredReplica>();
      for (const one of steps) {
        if ('set' in one) {
          table.set(one.set);
          model.set(one.set.blockId, one.set);
        } else {
          t.deepEqual(table.delete(one.delete), model.get(one.delete));
          model.delete(one.delete);
        }
      }
      t.is(table.size, model.size);
      t.deepEqual(
        contentsOf(table),
        [...model.values()].sort((a, b) => a.blockId - b.blockId),
      );
      for (const [id, expected] of model) t.deepEqual(table.get(id), expected);
    }),
    { numRuns: 60 },
  );
});

test('finds every one of many replicas after a part of them was deleted', (t) => {
  const table = new ReplicaTable();
  const first = 2 ** 30 + 1;
  for (let i = 0; i < 50_000; i++)
    table.set({ blockId: first + i, generationStamp: 1000 + i, numBytes: i, volume: i % 3 });
  for (let i = 0; i < 50_000; i += 3) table.delete(first + i);
  t.is(table.size, 33_333);
  let wrong = 0;
  for (let i = 0; i < 50_000; i++) if ((table.get(first + i)?.numBytes === i) !== (i % 3 !== 0)) wrong++;
  t.is(wrong, 0);
});

test('a shard holds a small part of the whole', (t) => {
  const table = new ReplicaTable();
  for (let i = 0; i < 100_000; i++) table.set({ blockId: 2 ** 30 + i, generationStamp: 1, numBytes: 1, volume: 0 });
  const sizes = Array.from({ length: SHARD_COUNT }, (_, shard) => [...table.shard(shard)].length);
  t.true(Math.max(...sizes) < 3 * (100_000 / SHARD_COUNT));
});
