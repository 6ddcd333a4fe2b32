/** put and get of one large file, in pairs with the same bytes through plain files on the same disk. */
import { createHash, randomFillSync } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSystem } from '../../client/index.js';
import type { BenchCluster } from '../cluster.js';
import type { Row } from '../report.js';
import { seconds, spread } from '../statistics.js';

const MIB = 2 ** 20;
const PIECE = 4 * MIB;

/** Writes `bytes` bytes that do not compress and do not repeat within a piece. */
export async function makeFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  const piece = randomFillSync(Buffer.allocUnsafe(PIECE));
  for (let written = 0; written < bytes; written += piece.length) {
    piece.writeDoubleLE(written, 0);
    await file.write(piece, 0, Math.min(PIECE, bytes - written));
  }
  await file.sync();
  await file.close();
}

async function plainCopy(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'w');
  const piece = Buffer.allocUnsafe(PIECE);
  for (;;) {
    const { bytesRead } = await source.read(piece, 0, PIECE);
    if (bytesRead === 0) break;
    await target.write(piece, 0, bytesRead);
  }
  await target.sync();
  await target.close();
  await source.close();
}

async function plainRead(path: string): Promise<void> {
  const source = await open(path, 'r');
  const piece = Buffer.allocUnsafe(PIECE);
  while ((await source.read(piece, 0, PIECE)).bytesRead > 0);
  await source.close();
}

async function sdkPut(fs: FileSystem, local: string, path: string): Promise<void> {
  const source = await open(local, 'r');
  const writer = await fs.create(path, { overwrite: true });
  for await (const piece of source.createReadStream({ highWaterMark: MIB })) await writer.write(piece);
  await writer.close();
}

async function sdkGet(fs: FileSystem, path: string): Promise<number> {
  let length = 0;
  const reader = await fs.open(path);
  for await (const piece of reader.stream()) length += piece.length;
  await reader.close();
  return length;
}

async function sha256(pieces: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** `rounds` times: three plain copies, SDK put, CLI put, one plain read, SDK get, CLI get; all figures in MiB/s of file data. */
export async function throughput(fs: FileSystem, cluster: BenchCluster, bytes: number, rounds: number): Promise<Row[]> {
  const local = join(cluster.dir, 'source.bin');
  await makeFile(local, bytes);
  const rate = (elapsed: number): number => bytes / MIB / elapsed;
  const samples = { copies: [], put: [], cliPut: [], read: [], get: [], cliGet: [] } as Record<string, number[]>;
  const time = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    samples[name]?.push(rate(await seconds(work)));
  };
  for (let round = 0; round < rounds; round++) {
    const copies = [0, 1, 2].map((n) => join(cluster.dir, `copy${n}.bin`));
    await time('copies', async () => {
      for (const copy of copies) await plainCopy(local, copy);
    });
    await time('put', () => sdkPut(fs, local, '/bench/large'));
    await time('cliPut', () => cluster.dfs('put', '-f', local, '/bench/large-cli'));
    await time('read', () => plainRead(copies[0] ?? local));
    await time('get', async () => {
      const length = await sdkGet(fs, '/bench/large');
      if (length !== bytes) throw new Error(`get returned ${length} of ${bytes} bytes`);
    });
    const target = join(cluster.dir, 'got.bin');
    await time('cliGet', () => cluster.dfs('get', '-f', '/bench/large-cli', target));
    for (const path of [...copies, target]) await rm(path);
  }
  const source = await open(local, 'r');
  const reader = await fs.open('/bench/large');
  if ((await sha256(source.createReadStream())) !== (await sha256(reader.stream())))
    throw new Error('the bytes differ');
  await reader.close();
  const ratio = (a: string, b: string): number[] =>
    (samples[a] ?? []).map((value, i) => value / (samples[b]?.[i] ?? Number.NaN));
  const row = (what: string, unit: string, values: readonly number[] | undefined, note?: string): Row =>
    note === undefined
      ? { what, unit, value: spread(values ?? []) }
      : { what, unit, value: spread(values ?? []), note };
  const size = `${bytes / MIB} MiB`;
  return [
    row(`three plain copies of ${size}, synced`, 'MiB/s', samples['copies'], 'the limit of a put'),
    row(`put ${size}, SDK, three replicas`, 'MiB/s', samples['put'], 'close() means on disk on all three'),
    row(`put ${size}, dfs put`, 'MiB/s', samples['cliPut'], 'with the start of the process'),
    row('put (SDK) against three plain copies', '×', ratio('put', 'copies')),
    row(`read ${size} from one plain file`, 'MiB/s', samples['read'], 'from the page cache'),
    row(`get ${size}, SDK`, 'MiB/s', samples['get'], 'checksums verified'),
    row(`get ${size}, dfs get`, 'MiB/s', samples['cliGet'], 'written to a local file'),
    row('get (SDK) against a plain read', '×', ratio('get', 'read')),
  ];
}
