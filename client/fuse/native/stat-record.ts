/** Attributes as fuse-native takes them: arrays of 32-bit numbers, of which two make a larger one, the lower half first. */
import type { Attributes, Statfs, Timestamp } from '../file-system-operations.js';

const STAT_WORDS = 18;
const STATFS_WORDS = 11;
const BLOCK_UNIT = 512;
const IO_BLOCK = 4096;
const WORD = 2 ** 32;

/** Times lose what is less than a millisecond, inode numbers what is above 32 bits; no link shows as one. */
export function statRecord({ inode, size, mode, links, uid, gid, atime, mtime, ctime }: Attributes): Uint32Array {
  const words = new Uint32Array(STAT_WORDS);
  words[0] = mode;
  words[1] = uid;
  words[2] = gid;
  putPair(words, 3, size);
  words[6] = links;
  words[7] = inode;
  words[9] = IO_BLOCK;
  putPair(words, 10, Math.ceil(size / BLOCK_UNIT));
  for (const [i, time] of [atime, mtime, ctime].entries()) putPair(words, 12 + 2 * i, wholeMs(time));
  return words;
}

/** For an entry of a listing: its inode and its type. */
export function entryRecord(inode: number, typeBits: number): Uint32Array {
  const words = new Uint32Array(STAT_WORDS);
  words[0] = typeBits;
  words[7] = inode;
  return words;
}

/** Blocks of 4 KiB would need more than 32 bits from 16 TiB on: then blocks are larger. */
export function statfsRecord(stats: Statfs): Uint32Array {
  let scale = 1;
  while (stats.blocks / scale >= WORD) scale *= 2;
  const scaled = (blocks: number) => Math.floor(blocks / scale);
  const words = new Uint32Array(STATFS_WORDS);
  words[0] = stats.blockBytes * scale;
  words[1] = stats.blockBytes * scale;
  words[2] = scaled(stats.blocks);
  words[3] = scaled(stats.free);
  words[4] = scaled(stats.available);
  words[5] = Math.min(stats.files, WORD - 1);
  words[6] = Math.min(stats.freeFiles, WORD - 1);
  words[7] = Math.min(stats.freeFiles, WORD - 1);
  words[10] = stats.nameBytesMax;
  return words;
}

/** The other way round, for numbers that a request has in two parts. */
export function fromParts(low: number, high: number): number {
  return low + high * WORD;
}

function wholeMs({ ms }: Timestamp): number {
  return Math.max(0, Math.floor(ms));
}

function putPair(words: Uint32Array, at: number, value: number): void {
  words[at] = value % WORD;
  words[at + 1] = Math.floor(value / WORD);
}
