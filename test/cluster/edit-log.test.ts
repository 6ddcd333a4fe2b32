/** The NameNode's own files after accidents: what a crash can leave is repaired, what it cannot is refused, and nothing is lost in silence. */
import { appendFile, cp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { startCluster, type TestCluster } from './harness.js';
import { cutTail, flipBytes, temporaryDirectory } from './support/files.js';
import { assertRefused } from './support/servers.js';

/** Makes directories, each with an answer of its own from the NameNode. */
async function makeDirectories(cluster: TestCluster, from: number, to: number): Promise<void> {
  const fs = await cluster.sdk();
  for (let i = from; i < to; i++) await fs.mkdir(`/dir-${i}`);
}

async function assertDirectories(t: ExecutionContext, cluster: TestCluster, count: number): Promise<void> {
  const names: string[] = [];
  for await (const { name } of (await cluster.sdk()).list('/')) names.push(name);
  t.deepEqual(names.sort(), Array.from({ length: count }, (_, i) => `dir-${i}`).sort());
}

const currentOf = (cluster: TestCluster): string => join(cluster.dataDirectory('namenode'), 'current');

async function segments(cluster: TestCluster): Promise<string[]> {
  const names = await readdir(currentOf(cluster));
  return names.filter((name) => name.startsWith('edits_')).map((name) => join(currentOf(cluster), name));
}

async function lastSegment(cluster: TestCluster): Promise<string> {
  const found = (await segments(cluster)).find((path) => path.includes('inprogress'));
  if (found === undefined) throw new Error('no segment is in progress');
  return found;
}

/** The tables as they were at some time; the log is newer. This is what a power failure leaves. */
class OldTables {
  static async take(t: ExecutionContext, cluster: TestCluster): Promise<OldTables> {
    const copy = new OldTables(await temporaryDirectory(t), currentOf(cluster));
    await copy.#copy(copy.#current, copy.#directory);
    return copy;
  }

  readonly #directory: string;
  readonly #current: string;

  private constructor(directory: string, current: string) {
    this.#directory = directory;
    this.#current = current;
  }

  async putBack(): Promise<void> {
    await this.#copy(this.#directory, this.#current);
  }

  async #copy(from: string, to: string): Promise<void> {
    for (const suffix of ['', '-wal', '-shm']) {
      const name = `namespace.db${suffix}`;
      await rm(join(to, name), { force: true });
      const exists = await stat(join(from, name)).then(
        () => true,
        () => false,
      );
      if (exists) await cp(join(from, name), join(to, name));
    }
  }
}

async function assertNamenodeRefuses(t: ExecutionContext, cluster: TestCluster, message: RegExp): Promise<void> {
  await assertRefused(t, 'namenode', { 'dfs.namenode.name.dir': cluster.dataDirectory('namenode') }, message);
}

test.serial('half a batch at the end of the log, which nobody was told of, is cut off', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 20);
  await cluster.kill9('namenode');
  // The first bytes of a frame of 1,000 bytes.
  await appendFile(await lastSegment(cluster), Buffer.from('e8030000a1b2c3d415000000000000000100000041414141', 'hex'));
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 20);
  await makeDirectories(cluster, 20, 22);
  await cluster.kill9('namenode');
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 22);
});

test.serial('tables that lack the newest changes are brought up to date from the log', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 10);
  await cluster.kill9('namenode');
  const tables = await OldTables.take(t, cluster);
  await cluster.restart('namenode');
  await makeDirectories(cluster, 10, 40);
  await cluster.kill9('namenode');
  await tables.putBack();
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 40);
});

test.serial('a log that has lost acknowledged changes at its end is refused, not used', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 20);
  await cluster.kill9('namenode');
  const backup = await temporaryDirectory(t);
  await cp(currentOf(cluster), backup, { recursive: true });
  await cutTail(await lastSegment(cluster), 5);
  await assertNamenodeRefuses(
    t,
    cluster,
    /edit log ends with transaction \d+, but the database holds everything up to/,
  );
  await rm(currentOf(cluster), { recursive: true });
  await cp(backup, currentOf(cluster), { recursive: true });
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 20);
});

test.serial('a flipped byte within the segment that was being written is refused, with its place', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 20);
  await cluster.kill9('namenode');
  const segment = await lastSegment(cluster);
  const middle = Math.floor((await stat(segment)).size / 2);
  await flipBytes(segment, middle);
  await assertNamenodeRefuses(
    t,
    cluster,
    /the edit log is damaged: .*edits_inprogress_\d+ at byte \d+, transaction \d+/,
  );
  await assertNamenodeRefuses(t, cluster, /the edit log is damaged/);
  await flipBytes(segment, middle);
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 20);
});

test.serial('a flipped byte in a finished segment that is needed is refused, with its place', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 10);
  await cluster.kill9('namenode');
  const tables = await OldTables.take(t, cluster);
  await cluster.restart('namenode');
  await makeDirectories(cluster, 10, 30);
  await cluster.kill9('namenode');
  await cluster.restart('namenode'); // the segment of these changes is finished now
  await makeDirectories(cluster, 30, 35);
  await cluster.kill9('namenode');
  await tables.putBack();
  const finished = (await segments(cluster)).filter((path) => !path.includes('inprogress')).sort();
  const segment = finished.at(-1) ?? '';
  const middle = Math.floor((await stat(segment)).size / 2);
  await flipBytes(segment, middle);
  await assertNamenodeRefuses(t, cluster, /the edit log is damaged: .*edits_\d+-\d+ at byte \d+, transaction \d+/);
  await flipBytes(segment, middle);
  await cluster.restart('namenode');
  await assertDirectories(t, cluster, 35);
});

test.serial('a missing segment that is needed is refused', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await makeDirectories(cluster, 0, 10);
  await cluster.kill9('namenode');
  const tables = await OldTables.take(t, cluster);
  await cluster.restart('namenode');
  await makeDirectories(cluster, 10, 20);
  await cluster.kill9('namenode');
  await cluster.restart('namenode');
  await makeDirectories(cluster, 20, 25);
  await cluster.kill9('namenode');
  await tables.putBack();
  for (const path of await segments(cluster)) if (!path.includes('inprogress')) await rm(path);
  await assertNamenodeRefuses(t, cluster, /begins with transaction \d+, but the database ends with \d+/);
});

test.serial('a database that is no database is refused', async (t) => {
  const cluster = await startCluster(t, { datanodes: 1, racks: 1 });
  await cluster.kill9('namenode');
  for (const suffix of ['-wal', '-shm']) await rm(join(currentOf(cluster), `namespace.db${suffix}`), { force: true });
  await flipBytes(join(currentOf(cluster), 'namespace.db'), 0, 100);
  await assertNamenodeRefuses(t, cluster, /namespace\.db/);
});
