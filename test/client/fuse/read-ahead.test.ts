import test from 'ava';
import { AheadStreams, ReadAhead } from '../../../client/fuse/read-ahead.js';
import type { FileReader } from '../../../client/index.js';

const MIB = 1024 ** 2;
const { signal } = new AbortController();

/** Every four bytes are different. */
const CONTENT = Buffer.from(Uint32Array.from({ length: (30 * MIB) / 4 }, (_, i) => i).buffer);

/** A file in memory that counts how it is read. */
class FakeReader {
  readonly bytes: Buffer;
  streams = 0;
  running = 0;
  pieces = 0;
  streamed = 0;
  failsAt = Number.POSITIVE_INFINITY;

  constructor(length: number) {
    this.bytes = CONTENT.subarray(0, length);
  }

  get length(): number {
    return this.bytes.length;
  }

  async read(position: number, length: number): Promise<Buffer> {
    this.pieces++;
    return Buffer.from(this.bytes.subarray(position, position + length));
  }

  async copyTo(
    sink: (buffers: readonly Buffer[]) => Promise<void>,
    { start = 0 }: { start?: number },
    options: { signal: AbortSignal },
  ): Promise<void> {
    this.streams++;
    this.running++;
    const memory = Buffer.alloc(100_000); // used again, as the real one's is
    try {
      for (let at = start; at < this.length; at += memory.length) {
        if (at >= this.failsAt || options.signal.aborted) throw new Error('no more');
        const length = this.bytes.copy(memory, 0, at);
        this.streamed = at + length;
        await sink([memory.subarray(0, length / 2), memory.subarray(length / 2, length)]);
      }
    } finally {
      this.running--;
    }
  }
}

async function readAll(reader: FakeReader, ahead: ReadAhead, from: number, to: number, size: number): Promise<boolean> {
  for (let at = from; at < to; at += size) {
    const { buffers, release } = await ahead.read(reader as unknown as FileReader, at, Math.min(size, to - at), signal);
    const isSame = Buffer.concat(buffers).equals(reader.bytes.subarray(at, Math.min(at + size, to)));
    release();
    if (!isSame) return false;
  }
  return true;
}

test('reads that follow each other are served by one stream, which does not run far ahead', async (t) => {
  const reader = new FakeReader(30 * MIB);
  const ahead = new ReadAhead(new AheadStreams());
  t.true(await readAll(reader, ahead, 0, MIB, 131_072));
  t.true(reader.streamed < 11 * MIB, `${reader.streamed}`);
  t.true(await readAll(reader, ahead, MIB, 30 * MIB, 131_072));
  t.deepEqual([reader.streams, reader.pieces, reader.running], [1, 0, 0]);
});

test('pieces that the kernel asks for out of order are served by the stream, too', async (t) => {
  const reader = new FakeReader(4 * MIB);
  const ahead = new ReadAhead(new AheadStreams());
  const size = 256 * 1024;
  const positions = [0, 2, 1, 3, 5, 4, 7, 6].map((piece) => piece * size);
  const results = await Promise.all(
    positions.map((at) => ahead.read(reader as unknown as FileReader, at, size, signal)),
  );
  for (const [i, { buffers }] of results.entries()) {
    const at = positions[i] ?? 0;
    t.true(Buffer.concat(buffers).equals(reader.bytes.subarray(at, at + size)));
  }
  t.deepEqual([reader.streams, reader.pieces], [1, 0]);
});

test('reads here and there need no stream', async (t) => {
  const reader = new FakeReader(20 * MIB);
  const ahead = new ReadAhead(new AheadStreams());
  for (const at of [15, 3, 9, 18, 1]) t.true(await readAll(reader, ahead, at * MIB, at * MIB + 4096, 4096));
  t.deepEqual([reader.streams, reader.pieces], [0, 5]);
});

test('a stream that fails costs nothing but itself', async (t) => {
  const reader = new FakeReader(2 * MIB);
  reader.failsAt = 500_000;
  const ahead = new ReadAhead(new AheadStreams());
  t.true(await readAll(reader, ahead, 0, 2 * MIB, 65_536));
  t.is(reader.running, 0);
});

test('there are never too many streams at a time, however many files are read', async (t) => {
  const streams = new AheadStreams();
  const readers = Array.from({ length: 60 }, () => new FakeReader(12 * MIB));
  const aheads = readers.map(() => new ReadAhead(streams));
  for (let at = 0; at < 3; at++) {
    for (const [i, reader] of readers.entries()) {
      t.true(await readAll(reader, aheads[i] as ReadAhead, at * 4096, (at + 1) * 4096, 4096));
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.true(readers.reduce((sum, { running }) => sum + running, 0) <= 24);
  for (const ahead of aheads) ahead.stop();
});
