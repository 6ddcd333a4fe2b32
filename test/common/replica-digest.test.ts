import test from 'ava';
import fc from 'fast-check';
import type { Block } from '../../common/block.js';
import { ReplicaDigest } from '../../common/replica-digest.js';

const anyBlock: fc.Arbitrary<Block> = fc.record({
  blockId: fc.maxSafeNat(),
  generationStamp: fc.maxSafeNat(),
  numBytes: fc.maxSafeNat(),
});

function digestOf(blocks: Iterable<Block>): ReplicaDigest {
  const digest = new ReplicaDigest();
  for (const block of blocks) digest.add(block);
  return digest;
}

test('the digest does not depend on the order', (t) => {
  fc.assert(
    fc.property(fc.array(anyBlock), (blocks) => {
      t.deepEqual(digestOf(blocks).toBytes(), digestOf([...blocks].reverse()).toBytes());
    }),
  );
});

test('removing undoes adding', (t) => {
  fc.assert(
    fc.property(fc.array(anyBlock), fc.array(anyBlock), (kept, removed) => {
      const digest = digestOf([...removed, ...kept]);
      for (const block of removed) digest.remove(block);
      t.true(digest.equals(digestOf(kept)));
    }),
  );
});

test('the digest of nothing is zero', (t) => {
  t.is(new ReplicaDigest().toBytes().toString('hex'), '0000000000000000');
});

test('a digest survives its bytes', (t) => {
  fc.assert(
    fc.property(fc.array(anyBlock), anyBlock, (blocks, next) => {
      const digest = digestOf(blocks);
      const copy = ReplicaDigest.fromBytes(digest.toBytes());
      t.true(copy.equals(digest));
      copy.add(next);
      digest.add(next);
      t.deepEqual(copy.toBytes(), digest.toBytes());
    }),
  );
  t.throws(() => ReplicaDigest.fromBytes(Buffer.alloc(7)), { instanceOf: RangeError });
});

test('bytes of a larger piece of memory are read in their place', (t) => {
  const bytes = digestOf([{ blockId: 1, generationStamp: 2, numBytes: 3 }]).toBytes();
  const inside = Buffer.concat([Buffer.from('abc'), bytes]).subarray(3);
  t.deepEqual(ReplicaDigest.fromBytes(inside).toBytes(), bytes);
});

test('replicas that differ little, as in a real cluster, have digests that differ', (t) => {
  const seen = new Set<string>();
  let count = 0;
  for (let id = 0; id < 40; id++) {
    for (let stamp = 0; stamp < 40; stamp++) {
      for (const numBytes of [0, 1, 512, 4096, 134217727, 134217728, 2 ** 32, 2 ** 40]) {
        const block = { blockId: 2 ** 30 + id, generationStamp: 1000 + stamp, numBytes };
        seen.add(digestOf([block]).toBytes().toString('hex'));
        count++;
      }
    }
  }
  t.is(seen.size, count);
});

test('each bit of a replica changes about half of the bits of the digest', (t) => {
  const base: Block = { blockId: 2 ** 30 + 1, generationStamp: 1001, numBytes: 134217728 };
  const baseBytes = digestOf([base]).toBytes();
  for (const field of ['blockId', 'generationStamp', 'numBytes'] as const) {
    for (let bit = 0; bit < 53; bit++) {
      const value = base[field];
      const isSet = Math.floor(value / 2 ** bit) % 2 === 1;
      const changed = { ...base, [field]: isSet ? value - 2 ** bit : value + 2 ** bit };
      const bytes = digestOf([changed]).toBytes();
      const differing = bytes.reduce((sum, byte, i) => sum + bitsOf(byte ^ (baseBytes[i] ?? 0)), 0);
      // Of 64 fair coins, fewer than 10 or more than 54 heads come once in 10^8 times.
      t.true(differing >= 10 && differing <= 54, `${field}, bit ${bit}: ${differing} of 64`);
    }
  }
});

function bitsOf(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length;
}
