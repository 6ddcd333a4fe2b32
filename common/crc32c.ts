/**
 * CRC32C (Castagnoli), the checksum of block data. Two implementations that give the same numbers: native code (@node-rs/crc32,
 * which uses the processor's CRC instruction) where it can be loaded, else crc-32, which is plain JavaScript and runs anywhere.
 */
import { createRequire } from 'node:module';

/**
 * The CRC32C of `bytes`, as an unsigned 32-bit number. `previous` is the CRC of what came before them: so a CRC can be
 * continued over several buffers.
 */
export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

const require = createRequire(import.meta.url);

const portable = require('crc-32/crc32c.js') as { buf(data: Uint8Array, seed: number): number };

export const portableCrc32c: Crc32c = (bytes, previous = 0) => portable.buf(bytes, previous) >>> 0;

/** Undefined where there is no binary for this platform. */
export const nativeCrc32c: Crc32c | undefined = loadNative();

function loadNative(): Crc32c | undefined {
  try {
    return (require('@node-rs/crc32') as { crc32c: Crc32c }).crc32c;
  } catch {
    return undefined;
  }
}

export const crc32c: Crc32c = nativeCrc32c ?? portableCrc32c;
