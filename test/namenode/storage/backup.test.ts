import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nodeDisk } from '../../../common/node-disk.js';
import { backUp, restore, verifyBackup } from '../../../namenode/storage/backup.js';
import { formatNameDirectory } from '../../../namenode/storage/name-directory.js';
import { type LiveNamenode, startLiveNamenode } from '../support/live-namenode.js';

const HEADER = { user: 'hdfs-test', clientId: Buffer.alloc(0), callId: 0 };

function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-backup-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function formatted(t: ExecutionContext): Promise<string> {
  const directory = join(temporaryDirectory(t), 'name');
  const identity = { clusterId: 'CID-backup', owner: 'hdfs-test', group: 'supergroup', timeMs: 1 };
  await formatNameDirectory({ disk: nodeDisk, directory, ...identity, force: false });
  return directory;
}

const start = (directory: string): Promise<LiveNamenode> => startLiveNamenode({ 'dfs.namenode.name.dir': directory });

async function mkdir(live: LiveNamenode, path: string): Promise<void> {
  await live.client.Mkdirs({ header: HEADER, path, mode: 0, modeSet: false, createParent: true, exclusive: false });
}

async function names(live: LiveNamenode): Promise<string[]> {
  const { entries } = await live.client.GetListing({ header: HEADER, path: '/', startAfter: '', limit: 0 });
  return entries.map(({ name }) => name);
}

/** Starts a NameNode on what a backup gives, and lists the root. */
async function restored(t: ExecutionContext, backup: string): Promise<string[]> {
  const directory = join(temporaryDirectory(t), 'restored');
  await restore(nodeDisk, backup, directory, false);
  const live = await start(directory);
  try {
    const found = await names(live);
    await mkdir(live, '/after-the-restore');
    return found;
  } finally {
    await live.stop();
  }
}

test('a backup of a running NameNode has all that was answered before it, and starts again', async (t) => {
  const directory = await formatted(t);
  const live = await start(directory);
  t.teardown(() => live.stop());
  for (let i = 0; i < 5; i++) await mkdir(live, `/d${i}`);
  const target = join(temporaryDirectory(t), 'backup');
  const backup = await backUp(nodeDisk, directory, target);
  t.is(backup.clusterId, 'CID-backup');
  t.true(backup.lastTxid >= 5);
  await mkdir(live, '/later');
  t.deepEqual(await restored(t, target), ['d0', 'd1', 'd2', 'd3', 'd4']);
  t.is((await verifyBackup(nodeDisk, target)).lastTxid, backup.lastTxid, 'the backup itself is as it was');
});

test('backups while the namespace changes, with checkpoints in between', async (t) => {
  const directory = await formatted(t);
  const live = await startLiveNamenode({
    'dfs.namenode.name.dir': directory,
    'dfs.namenode.num.extra.edits.retained': '0',
  });
  t.teardown(() => live.stop());
  let made = 0;
  let changing = true;
  const changes = (async () => {
    while (changing) {
      await mkdir(live, `/d${made++}`);
      if (made % 20 === 0) await live.client.SaveNamespace({ header: HEADER }).catch(() => undefined);
    }
  })();
  for (let i = 0; i < 3; i++) {
    while (made < 30 * (i + 1)) await new Promise((resolve) => setImmediate(resolve));
    const before = made - 1;
    const target = join(temporaryDirectory(t), 'backup');
    await backUp(nodeDisk, directory, target);
    t.true((await restored(t, target)).length >= before);
  }
  changing = false;
  await changes;
});

test('a directory that was left by a crash: what only the log has is in the backup', async (t) => {
  const directory = await formatted(t);
  const current = join(directory, 'current');
  const old = readFileSync(join(current, 'namespace.db'));
  const live = await start(directory);
  for (let i = 0; i < 5; i++) await mkdir(live, `/d${i}`);
  await live.stop();
  for (const suffix of ['-wal', '-shm']) rmSync(join(current, `namespace.db${suffix}`), { force: true });
  writeFileSync(join(current, 'namespace.db'), old);
  const target = join(temporaryDirectory(t), 'backup');
  t.is((await backUp(nodeDisk, directory, target)).lastTxid, 5);
  t.deepEqual(await restored(t, target), ['d0', 'd1', 'd2', 'd3', 'd4']);
});

test('what is damaged in a backup, or missing, is found before anything is restored', async (t) => {
  const directory = await formatted(t);
  const live = await start(directory);
  await mkdir(live, '/d');
  await live.stop();
  const target = join(temporaryDirectory(t), 'backup');
  await backUp(nodeDisk, directory, target);
  const check = () => restore(nodeDisk, target, join(temporaryDirectory(t), 'x'), false);
  for (const name of readdirSync(join(target, 'current'))) {
    const path = join(target, 'current', name);
    const bytes = readFileSync(path);
    const changed = Buffer.from(bytes);
    changed[Math.floor(changed.length / 2)] = (changed[Math.floor(changed.length / 2)] ?? 0) ^ 1;
    writeFileSync(path, changed);
    await t.throwsAsync(check(), { name: 'DamagedMetadata', message: new RegExp(name) });
    renameSync(path, `${path}.away`);
    await t.throwsAsync(check(), { name: 'DamagedMetadata', message: new RegExp(name) });
    rmSync(`${path}.away`);
    writeFileSync(path, bytes);
  }
  await verifyBackup(nodeDisk, target);
  rmSync(join(target, 'SHA256SUMS'));
  await t.throwsAsync(check(), { name: 'DamagedMetadata', message: /not finished/ });
});

test('neither a backup nor a namespace is written over by accident', async (t) => {
  const directory = await formatted(t);
  const target = join(temporaryDirectory(t), 'backup');
  await backUp(nodeDisk, directory, target);
  await t.throwsAsync(backUp(nodeDisk, directory, target), { name: 'FileAlreadyExists' });
  await t.throwsAsync(restore(nodeDisk, target, directory, false), { name: 'FileAlreadyExists', message: /--force/ });
  await restore(nodeDisk, target, directory, true);
  const live = await start(directory);
  await t.throwsAsync(restore(nodeDisk, target, directory, true), { name: 'DirectoryLocked' });
  await live.stop();
  await t.throwsAsync(backUp(nodeDisk, temporaryDirectory(t), join(temporaryDirectory(t), 'b')), {
    name: 'InvalidConfiguration',
  });
});
