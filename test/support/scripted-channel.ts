/** A channel whose other side has sent everything beforehand, for tests of what reads from one. */
import fc from 'fast-check';
import { ByteReader } from '../../common/byte-reader.js';
import type { Channel } from '../../common/channel.js';

/** Brings `pieces`, one for each read, and then the end of the stream. */
export function scriptedChannel(pieces: readonly Buffer[]): Channel {
  const remaining = [...pieces];
  return {
    peer: 'dn1:9866',
    read: async () => remaining.shift() ?? null,
    write: async () => {},
    end: () => {},
    destroy: () => {},
  };
}

export function readerOf(...pieces: readonly Buffer[]): ByteReader {
  return new ByteReader(scriptedChannel(pieces));
}

/** How to cut a stream of bytes: see {@link cut}. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

/** `bytes` cut at the given fractions of its length, each piece in memory of its own. */
export function cut(bytes: Buffer, fractions: readonly number[]): Buffer[] {
  const places = fractions.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b);
  const bounds = [0, ...places, bytes.length];
  return bounds.slice(1).map((end, index) => Buffer.from(bytes.subarray(bounds[index], end)));
}

/** `bytes` cut into slices that lie side by side in the same memory, as a slab of a socket brings them. */
export function slices(bytes: Buffer, fractions: readonly number[]): Buffer[] {
  let end = 0;
  return cut(bytes, fractions).map((piece) => {
    const start = end;
    end += piece.length;
    return bytes.subarray(start, end);
  });
}
