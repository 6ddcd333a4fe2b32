/** A writer's process is killed in the middle of a file: everything that it had flushed stays, and the file does not stay open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { FileSystem } from '../../client/index.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { replicasOfBlock } from './support/replicas.js';
import { contentOf } from './support/written-content.js';

const WRITER = fileURLToPath(new URL('support/flushing-writer.ts', import.meta.url));
const MIB = 2 ** 20;
/** Into the second block, and within a chunk. */
const FLUSHED = MIB + 300_001;
const MORE = 200_000;

/** Returns once the writer has flushed its bytes, and is dead. */
async function flushAndDie(cluster: TestCluster, path: string): Promise<void> {
  const args = ['--import=tsx', WRITER, cluster.namenode, path, String(FLUSHED), String(MORE)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  child.kill('SIGKILL');
  await exited;
}

async function read(fs: FileSystem, path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream(path)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const isClosed = async (fs: FileSystem, path: string): Promise<boolean> => !(await fs.stat(path)).underConstruction;

/** What was flushed is there, and nothing that was not written; all replicas on the disks are equal. */
async function assertRecovered(t: ExecutionContext, cluster: TestCluster, path: string): Promise<number> {
  const fs = await cluster.sdk();
  const content = await read(fs, path);
  t.true(content.length >= FLUSHED && content.length <= FLUSHED + MORE, `${content.length} bytes`);
  t.true(content.equals(contentOf(0, content.length)));
  t.is((await fs.stat(path)).length, content.length);
  const last = (await fs.getBlockLocations(path, 0, content.length)).at(-1);
  const replicas = await replicasOfBlock(cluster, last?.block.blockId ?? 0);
  t.is(replicas.length, 3);
  for (const { data, generationStamp } of replicas) {
    t.is(generationStamp, last?.block.generationStamp ?? 0);
    t.true((await readFile(data)).equals(content.subarray(MIB)));
  }
  return content.length;
}

test.serial('beyond the hard limit the file closes by itself', async (t) => {
  const cluster = await startCluster(t, {
    settings: { 'dfs.namenode.lease-soft-limit-sec': '500ms', 'dfs.namenode.lease-hard-limit-sec': '1s' },
  });
  await flushAndDie(cluster, '/file');
  const fs = await cluster.sdk();
  await waitFor(() => isClosed(fs, '/file'), 'the file to be closed');
  await assertRecovered(t, cluster, '/file');
});

test.serial('beyond the soft limit another writer takes the file over', async (t) => {
  const cluster = await startCluster(t, { settings: { 'dfs.namenode.lease-soft-limit-sec': '500ms' } });
  await flushAndDie(cluster, '/file');
  const fs = await cluster.sdk();
  const reasons = new Set<string>();
  const writer = await waitFor(async () => {
    try {
      return await fs.append('/file');
    } catch (error) {
      reasons.add((error as Error).message);
      return undefined;
    }
  }, 'the file to be handed over');
  t.true(
    [...reasons].every((reason) => /Failed to APPEND_FILE \/file .* because /.test(reason)),
    [...reasons].join(),
  );
  const { length } = writer;
  t.true(length >= FLUSHED && length <= FLUSHED + MORE, `${length} bytes`);
  await writer.write(contentOf(length, 100_000));
  await writer.close();
  t.true((await read(fs, '/file')).equals(contentOf(0, length + 100_000)));
});

test.serial('dfs debug recoverLease does it at once; then the file can be cut, lengthened and joined', async (t) => {
  const cluster = await startCluster(t);
  await flushAndDie(cluster, '/file');
  const fs = await cluster.sdk();
  const recover = ['debug', 'recoverLease', '-path', '/file', '-retries', '12'];
  const { code, stdout } = await cluster.dfs(recover);
  t.is(code, 0, stdout);
  t.regex(stdout, /recoverLease SUCCEEDED on \/file\n$/);
  await assertRecovered(t, cluster, '/file');

  const half = MIB + 100_001;
  t.is((await cluster.dfs(['truncate', '-w', String(half), '/file'])).code, 0);
  t.true((await read(fs, '/file')).equals(contentOf(0, half)));
  const appended = await fs.append('/file');
  await appended.write(contentOf(half, 50_000));
  await appended.close();
  t.is(
    (await cluster.dfs(['put', '-D', 'dfs.blocksize=1m', '-', '/tail'], { stdin: contentOf(half + 50_000, 70_000) }))
      .code,
    0,
  );
  t.is((await cluster.dfs(['concat', '/file', '/tail'])).code, 0);
  t.true((await read(fs, '/file')).equals(contentOf(0, half + 120_000)));
  t.is((await cluster.dfs(['test', '-e', '/tail'])).code, 1);
});
