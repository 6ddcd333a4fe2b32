/** Whatever process is killed, and whenever: what was acknowledged is there when it runs again. */
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { type FileSystem, isDfsError } from '../../client/index.js';
import { resultOf, startCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { waitUntilWhole } from './support/health.js';

const MIB = 2 ** 20;

/** What clients were told is done, each entry made after the acknowledgement. */
interface Manifest {
  /** SHA-256 of the content by path. */
  readonly files: Map<string, string>;
  /** Paths that were deleted or renamed away. */
  readonly gone: Set<string>;
}

/** Writes, renames and deletes files until told to stop. Each worker has its directory, so that nobody is in another's way. */
class Load {
  readonly manifest: Manifest = { files: new Map(), gone: new Set() };
  #stopped = false;
  #failure: Error | undefined;
  readonly #workers: Promise<void>[];

  constructor(fs: FileSystem, workers: number) {
    this.#workers = Array.from({ length: workers }, (_, worker) => this.#work(fs, `/load/${worker}`));
    for (const worker of this.#workers) {
      worker.catch((error: unknown) => {
        this.#stopped = true;
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      });
    }
  }

  /** Whether that much is acknowledged. Throws what has ended a worker, as nobody writes any more then. */
  has(files: number): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.manifest.files.size >= files && this.manifest.gone.size > 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(fs: FileSystem, directory: string): Promise<void> {
    const { files, gone } = this.manifest;
    for (let i = 0; !this.#stopped; i++) {
      const path = `${directory}/file-${i}`;
      const data = randomBytes(1 + ((i * 7919) % 200_000));
      const writer = await fs.create(path, { blockSize: 65_536 });
      await writer.write(data);
      await writer.close();
      files.set(path, sha256(data));
      if (i % 3 === 1) {
        files.delete(path); // neither name is promised until the answer is here
        await fs.rename(path, `${path}-renamed`);
        files.set(`${path}-renamed`, sha256(data));
        gone.add(path);
      } else if (i % 3 === 2) {
        files.delete(path);
        await fs.delete(path);
        gone.add(path);
      }
    }
  }
}

async function readAll(fs: FileSystem, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream(path)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function assertKept(t: ExecutionContext, fs: FileSystem, { files, gone }: Manifest): Promise<void> {
  for (const [path, hash] of files) t.is(sha256(await readAll(fs, path)), hash, path);
  for (const path of gone) t.false(await fs.exists(path), path);
  t.true(files.size > 0 && gone.size > 0);
}

test.serial(
  'a NameNode that is killed under load comes back with everything acknowledged, and writers go on',
  async (t) => {
    const cluster = await startCluster(t);
    const fs = await cluster.sdk();
    const load = new Load(fs, 4);
    for (let round = 1; round <= 3; round++) {
      const before = load.manifest.files.size;
      await waitFor(() => load.has(before + 10), 'files to be written');
      await cluster.kill9('namenode');
      await cluster.restart('namenode');
    }
    const before = load.manifest.files.size;
    await waitFor(() => load.has(before + 10), 'files to be written after the last restart');
    await load.stop();
    await assertKept(t, fs, load.manifest);
    await waitUntilWhole(fs);
  },
);

test.serial('a put that is under way outlives a restart of the NameNode', async (t) => {
  const cluster = await startCluster(t);
  const data = randomBytes(9 * MIB);
  const put = cluster.spawnDfs(['put', '-D', 'dfs.blocksize=1m', '-', '/file']);
  const result = resultOf(put);
  put.stdin?.write(data.subarray(0, 4 * MIB));
  const fs = await cluster.sdk();
  await waitFor(
    async () => (await fs.getBlockLocations('/file._COPYING_', 0, MIB).catch(() => [])).length > 0,
    'a block',
  );
  await cluster.kill9('namenode');
  put.stdin?.end(data.subarray(4 * MIB));
  await cluster.restart('namenode');
  const { code, stderr } = await result;
  t.deepEqual([code, stderr], [0, '']);
  t.is(sha256(await readAll(fs, '/file')), sha256(data));
  t.false(await fs.exists('/file._COPYING_'));
});

test.serial('readers go on while the NameNode is away', async (t) => {
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const data = randomBytes(8 * MIB);
  const writer = await fs.create('/file', { blockSize: MIB });
  await writer.write(data);
  await writer.close();
  const reader = await fs.open('/file');
  await cluster.kill9('namenode');
  t.true((await reader.read(0, data.length)).equals(data));
  await cluster.restart('namenode');
  t.true((await reader.read(0, data.length)).equals(data));
  await reader.close();
});

test.serial('a cluster of which every process is killed at once comes back with everything acknowledged', async (t) => {
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const load = new Load(fs, 4);
  await waitFor(() => load.has(20), 'files to be written');
  const nodes = ['namenode', 1, 2, 3] as const;
  await Promise.all(nodes.map((node) => cluster.kill9(node)));
  const start = await cluster.dfs(['cluster', 'start', '--detach', '--dir', cluster.directory]);
  t.deepEqual([start.code, start.stderr], [0, '']);
  const again = await cluster.sdk();
  t.false((await again.safeMode('get')).on, 'safe mode has ended by itself');
  await load.stop().catch((error: unknown) => t.true(isDfsError(error), String(error)));
  await assertKept(t, again, load.manifest);
});

test.serial('an ordered stop and start keeps everything, and needs no replay or repair', async (t) => {
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const load = new Load(fs, 2);
  await waitFor(() => load.has(10), 'files to be written');
  await load.stop();
  await waitUntilWhole(fs);
  const stop = await cluster.dfs(['cluster', 'stop', '--dir', cluster.directory]);
  t.is(stop.code, 0);
  t.true((await cluster.status()).datanodes.every(({ alive }) => !alive));
  const start = await cluster.dfs(['cluster', 'start', '--detach', '--dir', cluster.directory]);
  t.deepEqual([start.code, start.stderr], [0, '']);
  await assertKept(t, fs, load.manifest);
  await waitUntilWhole(fs);
});
