/** The client against a real NameNode and real DataNodes: whatever is written is read back, byte for byte. */
import { readFile, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import fc from 'fast-check';
import type { FileSystem } from '../../../client/index.js';
import { testBytes } from '../support/fake-cluster.js';
import { eventually, LiveCluster } from '../support/live-cluster.js';

const CHUNK = 4096;
const PACKET = 512 * 1024;
const BLOCK = 64 * 1024;

let cluster: LiveCluster;
let fs: FileSystem;

test.before(async () => {
  cluster = await LiveCluster.start();
  fs = await cluster.connect();
});

test.after.always(async () => {
  await cluster.stop();
});

async function put(path: string, content: Buffer, options = {}): Promise<void> {
  const writer = await fs.create(path, options);
  await writer.write(content);
  await writer.close();
}

async function get(path: string): Promise<Buffer> {
  const reader = await fs.open(path);
  try {
    return await reader.read(0, reader.length);
  } finally {
    await reader.close();
  }
}

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK + 17]) {
  test(`${size} bytes come back`, async (t) => {
    const path = `/sizes/${size}`;
    const content = testBytes(size);
    await put(path, content);
    t.true((await get(path)).equals(content));
    const status = await fs.stat(path);
    t.is(status.length, size);
    t.false(status.underConstruction);
    t.is((await fs.getBlockLocations(path, 0, size)).length, Math.ceil(size / BLOCK));
  });
}

for (const size of [PACKET - 1, PACKET, PACKET + 1, 2 * PACKET + 1]) {
  test(`${size} bytes in one large block come back`, async (t) => {
    const path = `/packets/${size}`;
    const content = testBytes(size);
    await put(path, content, { blockSize: 4 * PACKET });
    t.true((await get(path)).equals(content));
    t.is((await fs.getBlockLocations(path, 0, size)).length, 1);
  });
}

test('each block has a replica on every DataNode, on two racks', async (t) => {
  await put('/placed', testBytes(2 * BLOCK));
  const located = () => fs.getBlockLocations('/placed', 0, 2 * BLOCK);
  // The file is closed with the first report of each block; the others are on their way.
  await eventually(async () => (await located()).every(({ hosts }) => hosts.length === 3));
  for (const block of await located()) {
    t.deepEqual([...block.hosts].sort(), cluster.datanodes.map(({ address }) => address).sort());
    t.is(new Set(block.racks).size, 2);
    t.is(block.length, BLOCK);
  }
});

test('any mixture of chunk size, packet size and block size comes back, appends included', async (t) => {
  let file = 0;
  const settings = fc.record({
    chunk: fc.constantFrom(512, 1000, 4096),
    packet: fc.constantFrom(4096, 10_000, 65_536),
    block: fc.constantFrom(5_000, 20_000, 65_536),
    pieces: fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(settings, async ({ chunk, packet, block, pieces }) => {
      const path = `/mixtures/${file++}`;
      const client = await cluster.connect({
        'dfs.bytes-per-checksum': String(chunk),
        'dfs.client-write-packet-size': String(packet),
      });
      const parts = pieces.map((size, index) => testBytes(size, index + 1));
      for (const [index, part] of parts.entries()) {
        // Every part but the first is appended, half of them by a client with another chunk size.
        const appending = index % 2 === 0 ? fs : client;
        const writer = index === 0 ? await client.create(path, { blockSize: block }) : await appending.append(path);
        await writer.write(part);
        await writer.close();
      }
      t.true((await get(path)).equals(Buffer.concat(parts)));
      await client.close();
    }),
    { numRuns: 15 },
  );
});

test('many files are written and read at a time', async (t) => {
  const paths = Array.from({ length: 24 }, (_, index) => `/many/${index}`);
  const contents = paths.map((_, index) => testBytes(index * 9_000, index + 1));
  await Promise.all(paths.map((path, index) => put(path, contents[index] ?? Buffer.alloc(0))));
  const found = await Promise.all(paths.map(get));
  for (const [index, content] of found.entries()) t.true(content.equals(contents[index] ?? Buffer.alloc(0)));
});

test('one reader reads many places at a time', async (t) => {
  const content = testBytes(8 * BLOCK);
  await put('/positions', content);
  const reader = await fs.open('/positions');
  const starts = Array.from({ length: 40 }, (_, index) => (index * 7_919) % content.length);
  const found = await Promise.all(starts.map((start) => reader.read(start, 10_000)));
  for (const [index, start] of starts.entries()) t.true(found[index]?.equals(content.subarray(start, start + 10_000)));
  await reader.close();
});

test('streams carry a file in and out', async (t) => {
  const content = testBytes(5 * BLOCK + 5);
  await put('/stream-in', content);
  await pipeline(fs.createReadStream('/stream-in'), fs.createWriteStream('/stream-out', { replication: 2 }));
  t.true((await get('/stream-out')).equals(content));
  t.is((await fs.stat('/stream-out')).replication, 2);
});

// ---- Append ----------------------------------------------------------------------------------------------------------

test('an append that writes nothing leaves the file as it is', async (t) => {
  await put('/append-nothing', testBytes(100));
  const writer = await fs.append('/append-nothing');
  t.is(writer.length, 100);
  await writer.close();
  t.true((await get('/append-nothing')).equals(testBytes(100)));
});

test('an append to an empty file, and to one that ends with a full block, begins a block', async (t) => {
  for (const size of [0, BLOCK]) {
    const path = `/append-${size}`;
    await put(path, testBytes(size));
    const writer = await fs.append(path);
    await writer.write(Buffer.from('more'));
    await writer.close();
    t.true((await get(path)).equals(Buffer.concat([testBytes(size), Buffer.from('more')])));
  }
});

test('an append may begin a new block', async (t) => {
  await put('/append-block', testBytes(100));
  const writer = await fs.append('/append-block', { newBlock: true });
  await writer.write(testBytes(200));
  await writer.close();
  t.true((await get('/append-block')).equals(Buffer.concat([testBytes(100), testBytes(200)])));
  const lengths = (await fs.getBlockLocations('/append-block', 0, 300)).map(({ length }) => length);
  t.deepEqual(lengths, [100, 200]);
});

// ---- Readers beside a writer ----------------------------------------------------------------------------------------

for (const flush of ['hflush', 'hsync'] as const) {
  test(`what was written before ${flush} is seen by readers who open the file afterwards`, async (t) => {
    const path = `/${flush}`;
    const writer = await fs.create(path);
    const content = testBytes(3 * BLOCK);
    let written = 0;
    for (const piece of [10, 5_000, 4_096, 60_000, 70_000]) {
      await writer.write(content.subarray(written, written + piece));
      written += piece;
      await writer[flush]();
      t.true((await get(path)).equals(content.subarray(0, written)));
    }
    t.true((await fs.stat(path)).underConstruction);
    await writer.close();
    t.true((await get(path)).equals(content.subarray(0, written)));
  });
}

test('readers beside a writer see all that was flushed before they came, and nothing that is wrong', async (t) => {
  const path = '/beside';
  const writer = await fs.create(path);
  const content = testBytes(2 * BLOCK);
  let flushed = 0;
  let isDone = false;
  const read = async (): Promise<void> => {
    while (!isDone) {
      const atLeast = flushed;
      const bytes = await get(path);
      t.true(bytes.length >= atLeast);
      t.true(bytes.equals(content.subarray(0, bytes.length)));
    }
  };
  const readers = Promise.all([read(), read()]);
  for (let piece = 1; flushed < content.length; piece = (piece * 7 + 3) % 4_000) {
    const end = Math.min(content.length, flushed + piece);
    await writer.write(content.subarray(flushed, end));
    await writer.hflush();
    flushed = end;
  }
  isDone = true;
  await readers;
  await writer.close();
});

test('a file has one writer', async (t) => {
  const writer = await fs.create('/one-writer');
  const other = await cluster.connect();
  await t.throwsAsync(other.create('/one-writer'), { name: 'AlreadyBeingCreated' });
  await t.throwsAsync(other.append('/one-writer'), { name: 'AlreadyBeingCreated' });
  await writer.close();
  await (await other.append('/one-writer')).close();
  await t.throwsAsync(other.create('/one-writer'), { name: 'FileAlreadyExists' });
});

test('a writer goes on when its file is renamed', async (t) => {
  const writer = await fs.create('/before-rename');
  await writer.write(testBytes(BLOCK + 1));
  await fs.rename('/before-rename', '/after-rename');
  await writer.write(testBytes(BLOCK));
  await writer.close();
  t.true((await get('/after-rename')).equals(Buffer.concat([testBytes(BLOCK + 1), testBytes(BLOCK)])));
});

test('a writer is told when its file is deleted', async (t) => {
  const writer = await fs.create('/deleted');
  await writer.write(testBytes(10));
  await writer.hflush();
  await fs.delete('/deleted');
  await t.throwsAsync(writer.close(), { name: 'FileNotFound' });
});

test('an aborted write leaves a file that can be replaced at once', async (t) => {
  const abort = new AbortController();
  const writer = await fs.create('/aborted', { signal: abort.signal });
  await writer.write(testBytes(BLOCK + 10));
  abort.abort();
  await t.throwsAsync(writer.write(testBytes(10)), { name: 'Cancelled' });
  await put('/aborted', testBytes(20), { overwrite: true });
  t.true((await get('/aborted')).equals(testBytes(20)));
});

// ---- Damage ----------------------------------------------------------------------------------------------------------

test('a damaged replica is not read, and is replaced', async (t) => {
  const content = testBytes(BLOCK);
  await put('/damaged', content);
  const [located] = await fs.getBlockLocations('/damaged', 0, BLOCK);
  const [first = ''] = located?.hosts ?? [];
  const file = await cluster.datanodeAt(first).fileOf(located?.block.blockId ?? 0);
  const damaged = await readFile(file);
  damaged[BLOCK / 2] = (damaged[BLOCK / 2] ?? 0) ^ 0xff;
  await writeFile(file, damaged);

  // Readers begin at different DataNodes.
  await eventually(async () => {
    t.true((await get('/damaged')).equals(content));
    const intact = await readFile(file).catch(() => Buffer.alloc(0));
    return intact.equals(content);
  });
});

// ---- Checksums -------------------------------------------------------------------------------------------------------

test('files with the same content have the same checksum, whatever their replication', async (t) => {
  await put('/checksum-1', testBytes(BLOCK + 1));
  await put('/checksum-2', testBytes(BLOCK + 1), { replication: 1 });
  await put('/checksum-3', testBytes(BLOCK + 1, 99));
  const [first, second, other] = await Promise.all(
    ['/checksum-1', '/checksum-2', '/checksum-3'].map((path) => fs.checksum(path)),
  );
  t.is(first?.algorithm, `MD5-of-${BLOCK / CHUNK}MD5-of-${CHUNK}CRC32C`);
  t.is(first?.bytes.length, 28);
  t.deepEqual(first, second);
  t.notDeepEqual(first?.bytes, other?.bytes);
});

test('the checksum of a single block and of an empty file are named as in HDFS', async (t) => {
  await put('/checksum-small', testBytes(10));
  await put('/checksum-empty', Buffer.alloc(0));
  t.is((await fs.checksum('/checksum-small')).algorithm, `MD5-of-0MD5-of-${CHUNK}CRC32C`);
  const empty = await fs.checksum('/checksum-empty');
  t.is(empty.algorithm, 'MD5-of-0MD5-of-0CRC32');
  t.is(empty.bytes.toString('hex'), '00000000000000000000000070bc8f4b72a86921468bf8e8441dce51');
});
