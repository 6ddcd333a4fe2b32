/**
 * Randomness enters the cluster only through here. Decisions take a {@link Random}; the same seed gives the same decisions.
 */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** An integer in [0, bound). `bound` is at least 1 and at most 2^32. */
  int(bound: number): number;
  /** A number in [0, 1). */
  fraction(): number;
  bytes(length: number): Buffer;
}

/** Bytes of the operating system that are asked for at a time: four of them take it about as long as 4 KiB. */
const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/** In [0, 2^32). */
function next32(): number {
  if (used === pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += 4;
  return pool.readUInt32LE(used - 4);
}

/** For identities and jitter in production: from the operating system. */
export const systemRandom: Random = {
  int: (bound) => Math.floor((next32() / 2 ** 32) * bound),
  fraction: () => next32() / 2 ** 32,
  bytes: (length) => randomBytes(length),
};

/** Reproducible numbers (the sfc32 generator); not for secrets. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + sum) >>> 0;
    return sum;
  };
  for (let i = 0; i < 12; i++) next(); // until the seed has spread over the whole state
  return {
    int: (bound) => Math.floor((next() / 2 ** 32) * bound),
    fraction: () => next() / 2 ** 32,
    bytes(length) {
      const out = Buffer.allocUnsafe(length);
      for (let i = 0; i < length; i++) out[i] = next() >>> 24;
      return out;
    },
  };
}

/** A random (version 4) UUID. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** `items` in random order (Fisher and Yates); the given array is left as it is. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.int(i + 1);
    const swap = out[i] as T;
    out[i] = out[j] as T;
    out[j] = swap;
  }
  return out;
}
