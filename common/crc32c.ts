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

export const portableCrc32c: Crc32c = (bytes, previous = 0) => portable().buf(bytes, previous) >>> 0;

let chosen: Crc32c | undefined;

/** Loads what it uses with the first call: commands that touch no data start without it. */
export const crc32c: Crc32c = (bytes, previous) => {
  chosen ??= loadNativeCrc32c() ?? portableCrc32c;
  return chosen(bytes, previous);
};

/** Undefined where there is no binary for this platform. */
export function loadNativeCrc32c(): Crc32c | undefined {
  try {
    return (require('@node-rs/crc32') as { crc32c: Crc32c }).crc32c;
  } catch {
    return undefined;
  }
}

/** Cached by `require`. */
function portable(): { buf(data: Uint8Array, seed: number): number } {
  return require('crc-32/crc32c.js');
}
