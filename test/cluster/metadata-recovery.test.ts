/** Backups of the NameNode's directory and the recovery of a damaged one, with `dfs namenode` and real processes. */
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { FileSystem } from '../../client/index.js';
import { startCluster, type TestCluster, waitFor } from './harness.js';
import { flipBytes, sha256, temporaryDirectory } from './support/files.js';
import { waitUntilWhole } from './support/health.js';

const BLOCK_BYTES = 128 * 1024;

async function write(fs: FileSystem, path: string): Promise<string> {
  const data = randomBytes(3 * BLOCK_BYTES);
  const writer = await fs.create(path, { blockSize: BLOCK_BYTES });
  await writer.write(data);
  await writer.close();
  return sha256(data);
}

async function read(fs: FileSystem, path: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of fs.createReadStream(path)) parts.push(part as Buffer);
  return sha256(Buffer.concat(parts));
}

const nameDirectory = (cluster: TestCluster): string[] => [
  '-D',
  `dfs.namenode.name.dir=${cluster.dataDirectory('namenode')}`,
];

test('a backup of a running NameNode brings the cluster back after the directory is lost', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const sum = await write(fs, '/before');
  const backup = join(await temporaryDirectory(t), 'backup');
  const made = await cluster.dfs(['namenode', '--backup', backup, ...nameDirectory(cluster)]);
  t.is(made.code, 0, made.stderr);
  t.regex(made.stdout, /^Backed up cluster CID-\S+ up to transaction \d+ to .*, and checked it\.\n$/);
  await write(fs, '/after');

  await cluster.kill9('namenode');
  await rm(join(cluster.dataDirectory('namenode'), 'current'), { recursive: true });
  const restored = await cluster.dfs(['namenode', '--restore', backup, ...nameDirectory(cluster)]);
  t.is(restored.code, 0, restored.stderr);
  await cluster.restart('namenode');
  const again = await cluster.sdk();
  await waitFor(async () => !(await again.safeMode('get')).on, 'the end of safe mode');
  t.is(await read(again, '/before'), sum);
  t.false(await again.exists('/after'), 'what came later is not in it');
  t.is(typeof (await write(again, '/new')), 'string');
  await waitUntilWhole(again);

  await flipBytes(join(backup, 'current', 'namespace.db'), 5_000);
  await cluster.kill9('namenode');
  const refused = await cluster.dfs(['namenode', '--restore', backup, '--force', ...nameDirectory(cluster)]);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /^namenode: the backup .* is damaged: current\/namespace\.db .*\n$/);
});

test('destroyed tables are made anew from the log, and what a hole in the log costs is said first', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster(t);
  const fs = await cluster.sdk();
  const sum = await write(fs, '/file');
  await cluster.kill9('namenode');
  const current = join(cluster.dataDirectory('namenode'), 'current');
  const destroyTables = async () => {
    for (const suffix of ['-wal', '-shm']) await rm(join(current, `namespace.db${suffix}`), { force: true });
    await flipBytes(join(current, 'namespace.db'), 0, 4_096);
  };
  await destroyTables();
  const recovered = await cluster.dfs(['namenode', '-recover', ...nameDirectory(cluster)]);
  t.is(recovered.code, 0, recovered.stderr);
  t.regex(
    recovered.stdout,
    /The tables are damaged[^\n]*\nEverything up to transaction \d+ can be kept\.\nRecovered up to/,
  );
  await cluster.restart('namenode');
  const again = await cluster.sdk();
  await waitFor(async () => !(await again.safeMode('get')).on, 'the end of safe mode');
  t.is(await read(again, '/file'), sum, 'DataNodes report what they have');
  for (let i = 0; i < 20; i++) await again.mkdir(`/dir-${i}`);
  const names = async (connected: FileSystem): Promise<string[]> => {
    const found: string[] = [];
    for await (const { name } of connected.list('/')) found.push(name);
    return found;
  };
  t.is((await names(again)).length, 21);

  await cluster.kill9('namenode');
  await destroyTables();
  const segment = (await readdir(current)).find((name) => name.startsWith('edits_inprogress')) ?? '';
  await flipBytes(join(current, segment), 1_000);
  const asked = await cluster.dfs(['namenode', '--recover', ...nameDirectory(cluster)]);
  t.is(asked.code, 1);
  t.regex(asked.stdout, /Transactions up to \d+ can be kept; \d+, from \d+ to \d+, would be lost\./);
  t.regex(asked.stderr, /nothing was changed.*--force/);
  t.is((await cluster.dfs(['namenode', '--recover', '--force', ...nameDirectory(cluster)])).code, 0);
  await cluster.restart('namenode');
  const last = await cluster.sdk();
  t.is(await read(last, '/file'), sum);
  const left = (await names(last)).length;
  t.true(left >= 1 && left < 21, `${left} of 21`);
});
