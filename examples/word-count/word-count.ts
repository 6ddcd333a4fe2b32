/**
 * Counts the words of files in the cluster, as a batch job would: the blocks of all files are the units of work, each is read
 * from its nearest replica, and several are read at once.
 *
 *     npx tsx examples/word-count/word-count.ts /books/*.txt [--namenode 127.0.0.1:8020] [--parallel 4] [--top 20]
 *
 * A block boundary may cut a word in two. The rule is MapReduce's: whoever reads the block in which a word starts counts it,
 * reading on into the next block as far as the word goes; and a block's first, cut word belongs to the block before.
 */
import { parseArgs } from 'node:util';
import { type FileReader, FileSystem } from '../../client/index.js';

export interface Split {
  readonly path: string;
  /** Byte range of one block in its file; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

/** One split a block. */
export async function splitsOf(fs: FileSystem, path: string): Promise<Split[]> {
  const { length } = await fs.stat(path);
  const blocks = await fs.getBlockLocations(path, 0, length);
  return blocks.map((block) => ({ path, start: block.offset, end: block.offset + block.length }));
}

const isSeparator = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** Counts the words that start in `split`, case-insensitively, with punctuation at their edges taken off. */
export async function countSplit(reader: FileReader, split: Split): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let word: Buffer[] = [];
  // The byte before the split tells whether its first word began earlier.
  let skipping = split.start > 0 && !isSeparator((await reader.read(split.start - 1, 1))[0] ?? 0x20);
  let position = split.start;

  const finishWord = () => {
    if (word.length === 0) return;
    const text = Buffer.concat(word).toString('utf8').toLowerCase();
    const bare = text.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
    if (bare !== '') counts.set(bare, (counts.get(bare) ?? 0) + 1);
    word = [];
  };

  for await (const bytes of reader.stream({ start: split.start })) {
    let wordStart = 0;
    for (let i = 0; i < bytes.length; i++, position++) {
      if (!isSeparator(bytes[i] ?? 0)) continue;
      if (!skipping) word.push(bytes.subarray(wordStart, i));
      skipping = false;
      finishWord();
      wordStart = i + 1;
      if (position + 1 >= split.end) return counts;
    }
    if (!skipping) word.push(bytes.subarray(wordStart));
    if (skipping && position >= split.end) return counts;
  }
  finishWord();
  return counts;
}

/** Counts all `splits`, `parallel` at a time. */
export async function countWords(
  fs: FileSystem,
  splits: readonly Split[],
  parallel: number,
): Promise<Map<string, number>> {
  const total = new Map<string, number>();
  const queue = [...splits];
  const worker = async () => {
    for (let split = queue.shift(); split !== undefined; split = queue.shift()) {
      const reader = await fs.open(split.path);
      try {
        for (const [word, count] of await countSplit(reader, split)) total.set(word, (total.get(word) ?? 0) + count);
      } finally {
        await reader.close();
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return total;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      namenode: { type: 'string', default: process.env['DFS_NAMENODE'] ?? '127.0.0.1:8020' },
      parallel: { type: 'string', default: '4' },
      top: { type: 'string', default: '20' },
    },
  });
  const fs = await FileSystem.connect({ namenode: values.namenode });
  try {
    const splits = (await Promise.all(positionals.map((path) => splitsOf(fs, path)))).flat();
    const counts = await countWords(fs, splits, Number(values.parallel));
    const ranked = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    for (const [word, count] of ranked.slice(0, Number(values.top)))
      console.log(`${String(count).padStart(8)}  ${word}`);
  } finally {
    await fs.close();
  }
}

if (import.meta.url === `file://${process.argv[1]}`) await main();
