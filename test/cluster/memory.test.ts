/** The memory of every process is the same for a small file and for a large one. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test, { type ExecutionContext } from 'ava';
import { resultOf, startCluster, type TestCluster } from './harness.js';
import { temporaryDirectory } from './support/files.js';

const MIB = 2 ** 20;
const SMALL = 64 * MIB;
const LARGE = 8 * SMALL;
const ALLOWANCE = 64 * MIB;

/** `bytes` bytes that nobody holds as a whole. */
function* content(bytes: number): Generator<Buffer> {
  const piece = randomBytes(MIB);
  for (let at = 0; at < bytes; at += MIB) {
    piece.writeUInt32LE(at / MIB);
    yield Buffer.from(piece);
  }
}

class PeakMemory {
  readonly #cluster: TestCluster;
  readonly #directory: string;

  constructor(cluster: TestCluster, directory: string) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  /** Writes and reads a file, and returns the peaks so far of all servers, and those of the two clients. */
  async afterCopying(t: ExecutionContext, bytes: number): Promise<Record<string, number>> {
    const path = `/file-${bytes}`;
    const clients = { put: await this.#put(path, bytes), cat: await this.#cat(t, path, bytes) };
    return { ...(await this.#ofServers()), ...clients };
  }

  #written = '';

  async #put(path: string, bytes: number): Promise<number> {
    const hash = createHash('sha256');
    const child = this.#spawn('put', '-', path);
    const ended = resultOf(child);
    const source = Readable.from(content(bytes));
    source.on('data', (piece: Buffer) => hash.update(piece));
    if (child.stdin === null) throw new Error('no standard input');
    await pipeline(source, child.stdin);
    const { code, stderr } = await ended;
    if (code !== 0) throw new Error(stderr);
    this.#written = hash.digest('hex');
    return await this.#ofClient();
  }

  async #cat(t: ExecutionContext, path: string, bytes: number): Promise<number> {
    const hash = createHash('sha256');
    let length = 0;
    const child = this.#spawn('cat', path);
    const ended = once(child, 'close');
    for await (const piece of child.stdout ?? []) {
      hash.update(piece as Buffer);
      length += (piece as Buffer).length;
    }
    await ended;
    t.is(length, bytes);
    t.is(hash.digest('hex'), this.#written);
    return await this.#ofClient();
  }

  #spawn(...args: string[]): ReturnType<TestCluster['spawnDfs']> {
    const script = new URL('support/report-peak-memory.js', import.meta.url);
    const env = { NODE_OPTIONS: `--import=${script.href}`, PEAK_MEMORY_FILE: this.#file };
    return this.#cluster.spawnDfs(args, { env });
  }

  get #file(): string {
    return join(this.#directory, 'peak');
  }

  async #ofClient(): Promise<number> {
    return Number(await readFile(this.#file, 'utf8'));
  }

  async #ofServers(): Promise<Record<string, number>> {
    const peaks: Record<string, number> = {};
    for (const node of ['namenode', 1, 2, 3] as const) {
      const text = await readFile(`/proc/${await this.#cluster.pid(node)}/status`, 'utf8');
      peaks[node] = Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
    }
    return peaks;
  }
}

test('no memory grows with the size of the file that is written or read', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t);
  const memory = new PeakMemory(cluster, await temporaryDirectory(t));
  const small = await memory.afterCopying(t, SMALL);
  const large = await memory.afterCopying(t, LARGE);
  const inMiB = (peaks: Record<string, number>): string =>
    Object.entries(peaks)
      .map(([who, bytes]) => `${who} ${Math.round(bytes / MIB)}`)
      .join(', ');
  t.log(`MiB after ${SMALL / MIB} MiB: ${inMiB(small)}; after ${LARGE / MIB} MiB: ${inMiB(large)}`);
  for (const [who, bytes] of Object.entries(large)) {
    const limit = 1.25 * (small[who] ?? 0) + ALLOWANCE;
    t.true(bytes < limit, `${who}: ${Math.round(bytes / MIB)} MiB, more than ${Math.round(limit / MIB)}`);
  }
});
