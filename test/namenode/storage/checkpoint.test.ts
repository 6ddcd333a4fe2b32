import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLogger } from '../../../common/logging.js';
import { nodeDisk } from '../../../common/node-disk.js';
import { Checkpointer } from '../../../namenode/storage/checkpoint.js';
import { openDatabase } from '../../../namenode/storage/database.js';
import { GroupCommitJournal } from '../../../namenode/storage/group-commit.js';
import {
  formatNameDirectory,
  type NameDirectory,
  openNameDirectory,
} from '../../../namenode/storage/name-directory.js';
import { WalFolder } from '../../../namenode/storage/wal-folder.js';
import { FakeClock } from '../../support/fake-clock.js';
import { dump } from '../support/namespace-world.js';

const logger = createLogger({ name: 'test', level: 'silent' });

interface Opened {
  readonly directory: string;
  readonly files: string;
  readonly opened: NameDirectory;
  readonly journal: GroupCommitJournal;
  readonly checkpointer: Checkpointer;
  readonly clock: FakeClock;
}

async function setUp(t: ExecutionContext, options: { retained?: number; walBytesMax?: number } = {}): Promise<Opened> {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-checkpoint-'));
  const identity = { clusterId: 'CID-1', owner: 'hdfs', group: 'supergroup', timeMs: 1 };
  await formatNameDirectory({ disk: nodeDisk, directory, ...identity, force: false });
  const opened = await openNameDirectory({ disk: nodeDisk, directory, segmentBytesMax: 2 ** 20, logger });
  const { connections, log, databasePath } = opened;
  const clock = new FakeClock();
  const observer = { batch() {}, batchFailed() {}, fatal() {} };
  const journal = new GroupCommitJournal({
    db: connections.writing,
    committed: connections.reading,
    log,
    clock,
    logger,
    observer,
  });
  const folder = new WalFolder(databasePath);
  const checkpointer = new Checkpointer({
    journal,
    log,
    folder,
    disk: nodeDisk,
    databasePath,
    clock,
    logger,
    periodMs: 60_000,
    transactionsMax: 10,
    walBytesMax: options.walBytesMax ?? 2 ** 30,
    retainedTransactions: options.retained ?? 0,
  });
  t.teardown(async () => {
    await journal.close();
    await folder.close();
    await opened.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, files: join(directory, 'current'), opened, journal, checkpointer, clock };
}

async function makeDirectories({ journal }: Opened, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await journal.mutate((tx) => {
      const id = tx.counters.nextInodeId;
      const directory = { id, parent: 1, name: `d${id}`, mode: 0o755, owner: 'u', group: 'g' };
      tx.log({ op: 'mkdirs', timeMs: 5, directories: [directory] });
    });
  }
}

const segments = ({ files }: Opened) => readdirSync(files).filter((name) => name.startsWith('edits_'));

test('after a checkpoint the database file alone holds everything, and the log before it is gone', async (t) => {
  const opened = await setUp(t);
  await makeDirectories(opened, 3);
  t.is(await opened.checkpointer.saveNamespace(), 3);
  t.deepEqual(segments(opened), ['edits_inprogress_0000000000000000004']);
  const copy = join(opened.directory, 'copy.db');
  copyFileSync(join(opened.files, 'namespace.db'), copy); // without its -wal
  const connections = openDatabase(copy);
  t.is(dump(connections.reading), dump(opened.journal.committed));
  connections.close();
});

test('changes go on during a checkpoint and after it, and survive a restart', async (t) => {
  const opened = await setUp(t);
  await makeDirectories(opened, 2);
  await Promise.all([opened.checkpointer.saveNamespace(), makeDirectories(opened, 20)]);
  await makeDirectories(opened, 1);
  const tables = dump(opened.journal.committed);
  await opened.journal.close();
  await opened.opened.close();
  const again = await openNameDirectory({
    disk: nodeDisk,
    directory: opened.directory,
    segmentBytesMax: 2 ** 20,
    logger,
  });
  t.is(dump(again.connections.reading), tables);
  t.is(again.log.lastTxid, 23);
  await again.close();
});

test('a checkpoint is made after so many transactions, or so much time, and not without either', async (t) => {
  const opened = await setUp(t);
  const { checkpointer, clock } = opened;
  await makeDirectories(opened, 9);
  await checkpointer.tick();
  t.is(segments(opened)[0], 'edits_inprogress_0000000000000000001');
  await makeDirectories(opened, 1);
  await checkpointer.tick();
  t.deepEqual(segments(opened), ['edits_inprogress_0000000000000000011']);
  await makeDirectories(opened, 1);
  await checkpointer.tick();
  t.deepEqual(segments(opened), ['edits_inprogress_0000000000000000011']);
  await clock.advance(60_000);
  await checkpointer.tick();
  t.deepEqual(segments(opened), ['edits_inprogress_0000000000000000012']);
});

test('segments younger than what is to be retained stay', async (t) => {
  const opened = await setUp(t, { retained: 4 });
  await makeDirectories(opened, 3);
  await opened.checkpointer.saveNamespace();
  await makeDirectories(opened, 3);
  await opened.checkpointer.saveNamespace();
  await makeDirectories(opened, 3);
  await opened.checkpointer.saveNamespace();
  t.deepEqual(segments(opened), [
    'edits_0000000000000000004-0000000000000000006',
    'edits_0000000000000000007-0000000000000000009',
    'edits_inprogress_0000000000000000010',
  ]);
});

test('the write-ahead log is folded when it has grown, without a checkpoint', async (t) => {
  const opened = await setUp(t, { walBytesMax: 1000 });
  await makeDirectories(opened, 5);
  const wal = join(opened.files, 'namespace.db-wal');
  t.true(statSync(wal).size > 1000);
  await opened.checkpointer.tick();
  t.is(statSync(wal).size, 0);
  t.deepEqual(segments(opened), ['edits_inprogress_0000000000000000001']);
});

test('two that ask for a checkpoint at once get one', async (t) => {
  const opened = await setUp(t);
  await makeDirectories(opened, 1);
  const [one, two] = await Promise.all([opened.checkpointer.saveNamespace(), opened.checkpointer.saveNamespace()]);
  t.is(one, 1);
  t.is(two, 1);
});

test('a checkpoint that cannot be completed says so and removes nothing', async (t) => {
  const opened = await setUp(t);
  await makeDirectories(opened, 2);
  // Another program reads: it holds the write-ahead log.
  const reader = openDatabase(join(opened.files, 'namespace.db'));
  reader.reading.exec('BEGIN');
  reader.reading.prepare('SELECT count(*) FROM inodes').get();
  await t.throwsAsync(opened.checkpointer.saveNamespace(), { name: 'RetryLater' });
  t.true(segments(opened).includes('edits_0000000000000000001-0000000000000000002'));
  reader.close();
  t.is(await opened.checkpointer.saveNamespace(), 2);
});

test('after a failure the next attempt waits a while, so that mutations are not held up all the time', async (t) => {
  const opened = await setUp(t);
  const { checkpointer, clock, files } = opened;
  await makeDirectories(opened, 10);
  const reader = openDatabase(join(files, 'namespace.db'));
  reader.reading.exec('BEGIN');
  reader.reading.prepare('SELECT count(*) FROM inodes').get();
  await checkpointer.tick();
  reader.close();
  const finished = 'edits_0000000000000000001-0000000000000000010';
  await clock.advance(29_999);
  await checkpointer.tick();
  t.true(segments(opened).includes(finished));
  await clock.advance(1);
  await checkpointer.tick();
  t.false(segments(opened).includes(finished));
});
