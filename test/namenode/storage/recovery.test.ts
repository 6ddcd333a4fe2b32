import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLogger } from '../../../common/logging.js';
import { nodeDisk } from '../../../common/node-disk.js';
import { backUp } from '../../../namenode/storage/backup.js';
import { formatNameDirectory } from '../../../namenode/storage/name-directory.js';
import { diagnose, isSound, lostTransactions, recover } from '../../../namenode/storage/recovery.js';
import { startLiveNamenode } from '../support/live-namenode.js';

const HEADER = { user: 'hdfs-test', clientId: Buffer.alloc(0), callId: 0 };
const IDENTITY = { owner: 'hdfs-test', group: 'supergroup', timeMs: 1 };

function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-recovery-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a NameNode that makes the directories `from` to `to` - 1, one transaction each. */
async function makeDirectories(directory: string, from: number, to: number): Promise<void> {
  const live = await startLiveNamenode({ 'dfs.namenode.name.dir': directory });
  for (let i = from; i < to; i++)
    await live.client.Mkdirs({
      header: HEADER,
      path: `/d${i}`,
      mode: 0,
      modeSet: false,
      createParent: true,
      exclusive: false,
    });
  await live.stop();
}

async function count(directory: string): Promise<number> {
  const live = await startLiveNamenode({ 'dfs.namenode.name.dir': directory });
  const { entries } = await live.client.GetListing({ header: HEADER, path: '/', startAfter: '', limit: 0 });
  await live.stop();
  return entries.length;
}

/** Three finished segments: transactions 1 to 10, 11 to 20, 21 to 30. `tables` are those of an earlier time, if wanted. */
async function damaged(t: ExecutionContext): Promise<{ directory: string; current: string; segments: string[] }> {
  const directory = join(temporaryDirectory(t), 'name');
  await formatNameDirectory({ disk: nodeDisk, directory, clusterId: 'CID-r', ...IDENTITY, force: false });
  for (let i = 0; i < 30; i += 10) await makeDirectories(directory, i, i + 10);
  const current = join(directory, 'current');
  const segments = readdirSync(current).filter((name) => /^edits_\d+-\d+$/.test(name));
  t.deepEqual(
    segments.map((name) => name.replace(/0{10,}/g, '')),
    ['edits_1-10', 'edits_11-20', 'edits_21-30'],
  );
  return { directory, current, segments: segments.map((name) => join(current, name)) };
}

function flip(path: string, at = 0.5): void {
  const bytes = readFileSync(path);
  const position = Math.floor(bytes.length * at);
  bytes[position] = (bytes[position] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

function destroyTables(current: string): void {
  const path = join(current, 'namespace.db');
  const bytes = readFileSync(path);
  bytes.fill(0xaa, 4096, bytes.length);
  writeFileSync(path, bytes);
}

const options = (directory: string, backup?: string) => ({
  disk: nodeDisk,
  directory,
  backup,
  ...IDENTITY,
  logger: createLogger({ name: 'test', level: 'silent' }),
});

async function cure(directory: string, backup?: string) {
  const diagnosis = await diagnose(options(directory, backup));
  const lastTxid = await recover(options(directory, backup), diagnosis);
  return { diagnosis, lost: lostTransactions(diagnosis), lastTxid };
}

test('what is sound, or only torn by a crash, needs no recovery', async (t) => {
  const { directory, current, segments } = await damaged(t);
  t.true(isSound(await diagnose(options(directory))));
  const last = segments[2] as string;
  renameSync(last, join(current, 'edits_inprogress_0000000000000000021'));
  writeFileSync(join(current, 'edits_inprogress_0000000000000000021'), Buffer.from('torn'), { flag: 'a' });
  const diagnosis = await diagnose(options(directory));
  t.true(isSound(diagnosis));
  t.regex(diagnosis.findings[0] ?? '', /ends with 4 bytes of a batch that was torn/);
  t.is(await count(directory), 30);
});

test('damage in the log that the tables cover loses nothing', async (t) => {
  const { directory, current, segments } = await damaged(t);
  flip(segments[2] as string);
  renameSync(segments[2] as string, join(current, 'edits_inprogress_0000000000000000021'));
  const { diagnosis, lost, lastTxid } = await cure(directory);
  t.false(isSound(diagnosis));
  t.deepEqual([lost, lastTxid], [0, 30]);
  t.is(await count(directory), 30);
  const aside = readdirSync(current).find((name) => name.startsWith('damaged-')) ?? '';
  t.true(
    readdirSync(join(current, aside)).includes('edits_inprogress_0000000000000000021'),
    'the damaged file is kept',
  );
});

test('a log that has lost its end, while the tables have it: a new one begins there', async (t) => {
  const { directory, segments } = await damaged(t);
  rmSync(segments[2] as string);
  for (const name of readdirSync(join(directory, 'current')))
    if (name.startsWith('edits_inprogress')) rmSync(join(directory, 'current', name));
  const { lost, lastTxid } = await cure(directory);
  t.deepEqual([lost, lastTxid], [0, 30]);
  await makeDirectories(directory, 30, 35);
  t.is(await count(directory), 35);
});

test('damaged tables are made anew from the log', async (t) => {
  const { directory, current } = await damaged(t);
  destroyTables(current);
  const { diagnosis, lost, lastTxid } = await cure(directory);
  t.is(diagnosis.tables.kind, 'empty');
  t.deepEqual([lost, lastTxid], [0, 30]);
  t.is(await count(directory), 30);
});

test('damaged tables and a damaged log: all before the damage is kept, and it is said what is lost', async (t) => {
  const { directory, current, segments } = await damaged(t);
  destroyTables(current);
  flip(segments[1] as string, 0.1);
  const { diagnosis, lost, lastTxid } = await cure(directory);
  t.true(lastTxid >= 10 && lastTxid < 20, `${lastTxid}`);
  t.is(lost, 30 - lastTxid);
  t.regex(diagnosis.findings.join('\n'), /Transactions \d+ to \d+ in .*edits_\d+11-\d+20 are damaged/);
  t.is(await count(directory), lastTxid);
  await makeDirectories(directory, 40, 42);
  t.is(await count(directory), lastTxid + 2);
});

test('damaged tables, and a log that does not go back to the beginning: from a backup', async (t) => {
  const { directory, current, segments } = await damaged(t);
  const backup = join(temporaryDirectory(t), 'backup');
  await backUp(nodeDisk, directory, backup);
  await makeDirectories(directory, 30, 40);
  for (const path of segments) rmSync(path);
  destroyTables(current);
  await t.throwsAsync(diagnose(options(directory)), { name: 'DamagedMetadata', message: /Give a backup/ });
  const { lost, lastTxid } = await cure(directory, backup);
  t.deepEqual([lost, lastTxid], [0, 40]);
  t.is(await count(directory), 40);
});

test('VERSION is made anew', async (t) => {
  const { directory, current } = await damaged(t);
  rmSync(join(current, 'VERSION'));
  t.false(isSound(await diagnose(options(directory))));
  await cure(directory);
  t.is(await count(directory), 30);
});

test('what is no name directory is left alone', async (t) => {
  const directory = temporaryDirectory(t);
  await t.throwsAsync(diagnose(options(directory)), { name: 'InvalidConfiguration' });
  t.deepEqual(readdirSync(directory), []);
});
