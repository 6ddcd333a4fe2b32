import test from 'ava';
import type { Disk } from '../../../common/disk.js';
import { DirectorySync } from '../../../datanode/disk/directory-sync.js';

/** A disk whose syncs end when the test says so. */
function heldDisk() {
  const started: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const syncDirectory = (path: string): Promise<void> => {
    started.push(path);
    return new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
  };
  return { disk: { syncDirectory } as Disk, started, ends };
}

test('those who ask while a sync is under way share the next one', async (t) => {
  const { disk, started, ends } = heldDisk();
  const sync = new DirectorySync(disk);
  const done: string[] = [];
  const asked = ['a', 'b', 'c'].map((name) => sync.sync('/d').then(() => done.push(name)));
  t.deepEqual(started, ['/d']);
  ends[0]?.();
  await asked[0];
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(done, ['a']);
  t.deepEqual(started, ['/d', '/d']);
  const late = sync.sync('/d').then(() => done.push('late'));
  ends[1]?.();
  await Promise.all([asked[1], asked[2]]);
  t.deepEqual(done, ['a', 'b', 'c']);
  await new Promise((resolve) => setImmediate(resolve));
  ends[2]?.();
  await late;
  t.is(started.length, 3);
});

test('different directories do not wait for each other', (t) => {
  const { disk, started } = heldDisk();
  const sync = new DirectorySync(disk);
  void sync.sync('/d');
  void sync.sync('/e');
  t.deepEqual(started, ['/d', '/e']);
});

test('a sync that fails fails for those who asked for it, and not for the next ones', async (t) => {
  const { disk, ends } = heldDisk();
  const sync = new DirectorySync(disk);
  const first = sync.sync('/d');
  const second = sync.sync('/d');
  ends[0]?.(new Error('EIO'));
  await t.throwsAsync(first, { message: 'EIO' });
  await new Promise((resolve) => setImmediate(resolve));
  ends[1]?.();
  await t.notThrowsAsync(second);
});
