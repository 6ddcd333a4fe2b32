import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLogger } from '../../../common/logging.js';
import { nodeDisk } from '../../../common/node-disk.js';
import type { EditRecord } from '../../../namenode/storage/edit-records.js';
import { formatNameDirectory, isFormatted, openNameDirectory } from '../../../namenode/storage/name-directory.js';

const logger = createLogger({ name: 'test', level: 'silent' });

function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-name-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function format(directory: string, { force = false, clusterId = 'CID-1' } = {}): Promise<void> {
  return formatNameDirectory({
    disk: nodeDisk,
    directory,
    clusterId,
    owner: 'hdfs',
    group: 'supergroup',
    timeMs: 1_700_000_000_000,
    force,
  });
}

const open = (directory: string) => openNameDirectory({ disk: nodeDisk, directory, segmentBytesMax: 2 ** 20, logger });

const record: EditRecord = {
  op: 'mkdirs',
  timeMs: 5,
  directories: [{ id: 16385, parent: 1, name: 'a', mode: 0o755, owner: 'u', group: 'g' }],
};

test('a formatted directory holds an empty namespace with its root', async (t) => {
  const directory = temporaryDirectory(t);
  t.false(await isFormatted(nodeDisk, directory));
  await format(directory);
  t.true(await isFormatted(nodeDisk, directory));
  const opened = await open(directory);
  t.is(opened.clusterId, 'CID-1');
  const root = opened.connections.reading.prepare('SELECT id, mode, owner, grp, children FROM inodes').all();
  t.deepEqual(root, [{ id: 1, mode: 0o755, owner: 'hdfs', grp: 'supergroup', children: 0 }]);
  await opened.close();
});

test('formatting makes the directory with its parents', async (t) => {
  const directory = join(temporaryDirectory(t), 'deep', 'name');
  await format(directory);
  t.true(await isFormatted(nodeDisk, directory));
});

test('formatting does not touch a namespace unless it is forced to', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const error = await t.throwsAsync(format(directory, { clusterId: 'CID-2' }), { name: 'FileAlreadyExists' });
  t.true(error.message.includes(directory) && error.message.includes('--force'));
  t.is((await closed(open(directory))).clusterId, 'CID-1');
  await format(directory, { clusterId: 'CID-2', force: true });
  t.is((await closed(open(directory))).clusterId, 'CID-2');
});

test('formatting by force throws the log away as well', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const opened = await open(directory);
  await opened.log.append({ firstTxid: 1, records: [record] });
  await opened.close();
  await format(directory, { force: true });
  t.is((await closed(open(directory))).log.lastTxid, 0);
});

test('a directory that is in use is neither opened nor formatted', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const opened = await open(directory);
  const error = await t.throwsAsync(open(directory), { name: 'DirectoryLocked' });
  t.true(error.message.includes(directory));
  await t.throwsAsync(format(directory, { force: true }), { name: 'DirectoryLocked' });
  await opened.close();
  await closed(open(directory));
});

test('a directory that is not formatted says what to run', async (t) => {
  const directory = temporaryDirectory(t);
  await t.throwsAsync(open(directory), {
    name: 'InvalidConfiguration',
    message: /is not formatted.*dfs namenode --format/,
  });
});

test('what the log has beyond the database is applied at the start, and the epoch grows', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const first = await open(directory);
  await first.log.append({ firstTxid: 1, records: [record] });
  const epoch = first.log.epoch;
  await first.close();
  const second = await open(directory);
  const names = second.connections.reading.prepare('SELECT name FROM inodes ORDER BY id').all();
  t.deepEqual(names, [{ name: '' }, { name: 'a' }]);
  t.is(second.log.lastTxid, 1);
  t.true(second.log.epoch > epoch);
  await second.close();
});

test('a database of another cluster is not taken', async (t) => {
  const [one, two] = [temporaryDirectory(t), temporaryDirectory(t)];
  await format(one, { clusterId: 'CID-1' });
  await format(two, { clusterId: 'CID-2' });
  renameSync(join(two, 'current', 'namespace.db'), join(one, 'current', 'namespace.db'));
  await t.throwsAsync(open(one), { name: 'DamagedMetadata', message: /CID-1.*CID-2.*mixed/ });
});

test('missing and damaged files are named', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const path = (name: string) => join(directory, 'current', name);
  const version = readFileSync(path('VERSION'), 'utf8');

  rmSync(path('VERSION'));
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata', message: /VERSION is missing/ });
  writeFileSync(path('VERSION'), version.replace('layoutVersion=1', 'layoutVersion=99'));
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata', message: /VERSION says layoutVersion=99/ });
  writeFileSync(path('VERSION'), 'garbage');
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata' });
  writeFileSync(path('VERSION'), version);

  writeFileSync(path('namespace.db'), 'this is no database at all, but long enough to be looked at as if it were one');
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata', message: /namespace\.db cannot be opened/ });
  rmSync(path('namespace.db'));
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata', message: /namespace\.db/ });
  // Whatever was refused, the directory is free again.
  await format(directory, { force: true });
  await closed(open(directory));
});

test('a log that was lost is refused', async (t) => {
  const directory = temporaryDirectory(t);
  await format(directory);
  const opened = await open(directory);
  await opened.log.append({ firstTxid: 1, records: [record] });
  await opened.close();
  await closed(open(directory)); // the database holds transaction 1 now
  for (const name of readdirSync(join(directory, 'current'))) {
    if (name.startsWith('edits_')) rmSync(join(directory, 'current', name));
  }
  await t.throwsAsync(open(directory), { name: 'DamagedMetadata', message: /the log has lost its end/ });
});

/** Opens, closes, and gives what had been opened. */
async function closed<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
  const opened = await opening;
  await opened.close();
  return opened;
}
