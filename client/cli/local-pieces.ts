/** The bytes of local files, for copying. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { LocalItem } from './local-files.js';

/** Bytes read at a time: not more than a small file has, or taking empty memory takes longer than copying. */
const PIECE_MAX = 1024 ** 2;
const PIECE_MIN = 4096;

/**
 * The bytes of a file, piece by piece; the next one is read while the consumer works on this one. A piece is the consumer's until it
 * asks for the next: there are two pieces of memory, because new ones for each read cost more than all else that is done with them.
 */
export async function* piecesOf({ path, stats }: LocalItem, signal: AbortSignal): AsyncGenerator<Buffer> {
  const size = Math.min(PIECE_MAX, Math.max(PIECE_MIN, stats.size));
  if (!stats.isFile()) {
    // A pipe may give nothing for long: only a stream lets go of it then.
    for await (const bytes of createReadStream(path, { highWaterMark: PIECE_MAX, signal })) yield bytes as Buffer;
    return;
  }
  const file = await open(path, 'r');
  try {
    let piece = Buffer.allocUnsafe(size);
    let other = Buffer.allocUnsafe(size);
    let reading = file.read(piece, 0, size);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = file.read(other, 0, size);
      reading.catch(() => undefined); // awaited above, unless the consumer stops first
      signal.throwIfAborted();
      yield piece.subarray(0, bytesRead);
      [piece, other] = [other, piece];
    }
  } finally {
    await file.close();
  }
}
