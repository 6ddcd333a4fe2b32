import { crc32 } from 'node:zlib';
import type { ChecksumSpec } from '../../common/checksum.js';
import { crc32c } from '../../common/crc32c.js';

/** The number of bytes at the start of `chunk` that have the checksum `expected`; 0 when there is none. */
export function coveredPrefix(spec: ChecksumSpec, chunk: Buffer, expected: number): number {
  const crcOf = spec.type === 'CRC32' ? crc32 : crc32c;
  let crc = 0;
  for (let length = 1; length <= chunk.length; length++) {
    crc = crcOf(chunk.subarray(length - 1, length), crc);
    if (crc === expected) return length;
  }
  return 0;
}
