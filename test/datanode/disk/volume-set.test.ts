import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import { seededRandom } from '../../../common/random.js';
import type { Volume } from '../../../datanode/disk/volume.js';
import { VolumeSet, type VolumeSetOptions } from '../../../datanode/disk/volume-set.js';
import { DiskImage } from '../../sim/disk-image.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FaultyDisk, osError } from '../../support/faulty-disk.js';
import { imageDisk } from '../support/image-disk.js';
import { quiet } from '../support/store-fixture.js';

const GIB = 1024 ** 3;

function options(change: Partial<VolumeSetOptions> = {}): VolumeSetOptions {
  return {
    disk: imageDisk(new DiskImage(), 10 * GIB),
    clock: new FakeClock(),
    random: seededRandom(3),
    logger: quiet,
    lockDirectory: async () => ({ release: () => {} }),
    roots: ['/a', '/b', '/c'],
    directoryMode: 0o700,
    reservedBytes: 0,
    failedVolumesTolerated: 0,
    journalBytes: 1024 ** 2,
    ...change,
  };
}

test('new directories get one DataNode and a storage each, and keep them', async (t) => {
  const given = options();
  const volumes = await VolumeSet.open(given);
  const again = await VolumeSet.open({ ...given, random: seededRandom(4) });
  t.is(again.datanodeUuid, volumes.datanodeUuid);
  t.deepEqual(
    again.all.map((volume) => volume.storageId),
    volumes.all.map((volume) => volume.storageId),
  );
  t.is(new Set(volumes.all.map((volume) => volume.storageId)).size, 3);
});

test('a directory that is added belongs to the DataNode of the others, and to its cluster', async (t) => {
  const given = options({ roots: ['/a'] });
  const before = await VolumeSet.open(given);
  await before.joinCluster('CID-1');
  const after = await VolumeSet.open({ ...given, roots: ['/new', '/a'] });
  t.is(after.datanodeUuid, before.datanodeUuid);
  t.is(after.clusterId, 'CID-1');
  await after.joinCluster('CID-1');
  t.deepEqual(
    after.all.map((volume) => volume.identity.clusterId),
    ['CID-1', 'CID-1'],
  );
});

test('directories of different DataNodes are refused together, by name', async (t) => {
  const disk = imageDisk(new DiskImage());
  await VolumeSet.open(options({ disk, roots: ['/a'] }));
  await VolumeSet.open(options({ disk, roots: ['/b'], random: seededRandom(99) }));
  const error = await t.throwsAsync(VolumeSet.open(options({ disk, roots: ['/a', '/b'] })), {
    name: 'InvalidConfiguration',
  });
  t.is(
    error?.message,
    '/a and /b belong to different DataNodes or clusters. Give each DataNode directories of its own.',
  );
});

test('a damaged VERSION file is told by name, with what to do', async (t) => {
  const image = new DiskImage();
  await VolumeSet.open(options({ disk: imageDisk(image), roots: ['/a'] }));
  const handle = image.open('/a/current/VERSION', 'write');
  image.truncate(handle, 10);
  const error = await t.throwsAsync(VolumeSet.open(options({ disk: imageDisk(image), roots: ['/a'] })), {
    name: 'DamagedMetadata',
  });
  t.true(error?.message.startsWith('/a/current/VERSION is damaged. Put back a copy of it'));
});

test('when one directory is in use, the others are given back', async (t) => {
  const held: string[] = [];
  const lockDirectory = async (path: string) => {
    if (path === '/c') throw new DfsError('DirectoryLocked', '/c is in use');
    held.push(path);
    return { release: () => void held.splice(held.indexOf(path), 1) };
  };
  await t.throwsAsync(VolumeSet.open(options({ lockDirectory })), { name: 'DirectoryLocked' });
  t.deepEqual(held, []);
});

test('a directory that cannot be used is tolerated as often as configured', async (t) => {
  const disk = new FaultyDisk(imageDisk(new DiskImage()));
  disk.onOperation = (operation) => {
    if (operation.path === '/b') throw osError('EACCES', operation);
  };
  const volumes = await VolumeSet.open(options({ disk, failedVolumesTolerated: 1 }));
  t.is(volumes.failedCount, 1);
  const error = await t.throwsAsync(VolumeSet.open(options({ disk })), { name: 'InvalidConfiguration' });
  t.true(error?.message.includes('1 cannot be used and 2 can'));
  t.true(error?.message.includes('cannot use /b: permission denied'));
});

test('new replicas go to one volume after the other, to those that have room', async (t) => {
  const volumes = await VolumeSet.open(options());
  const [a, b, c] = volumes.all as [Volume, Volume, Volume];
  t.deepEqual(
    [1, 2, 3, 4].map(() => volumes.choose(100, '')),
    [a, b, c, a],
  );
  b.addPending(10 * GIB);
  t.deepEqual(
    [1, 2, 3].map(() => volumes.choose(100, '')),
    [c, a, c],
  );
  t.is(volumes.choose(100, a.storageId), a, 'the one that was asked for');
  t.is(volumes.choose(100, b.storageId), a, 'it has no room');
});

test('when no volume has room, the error has the room on each', async (t) => {
  const volumes = await VolumeSet.open(options({ reservedBytes: 9 * GIB, roots: ['/a', '/b'] }));
  volumes.all[1]?.markFailed();
  const error = t.throws(() => volumes.choose(2 * GIB, ''));
  t.is(error?.name, 'NoSpace');
  t.regex(
    error?.message ?? '',
    /No volume has 2147483648 bytes left for a new replica \(\/a: 10737\d+ bytes; \/b: failed\)/,
  );
});

test('what is reserved is neither capacity nor room', async (t) => {
  const volumes = await VolumeSet.open(options({ reservedBytes: 4 * GIB, roots: ['/a'] }));
  const { capacityBytes, remainingBytes } = volumes.all[0]?.space() ?? { capacityBytes: 0, remainingBytes: 0 };
  t.is(capacityBytes, 6 * GIB);
  t.true(remainingBytes <= 6 * GIB && remainingBytes > 6 * GIB - 1_000_000);
});

/** Suspects the first volume of an error, and waits until it was tried out. */
async function suspect(volumes: VolumeSet, code: string): Promise<void> {
  const [volume] = volumes.all;
  if (volume !== undefined) volumes.suspect(volume, Object.assign(new Error(code), { code }));
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a volume is tried out before it is taken for failed', async (t) => {
  const disk = new FaultyDisk(imageDisk(new DiskImage()));
  const volumes = await VolumeSet.open(options({ disk }));
  const failed: string[] = [];
  volumes.onFailure = (volume) => failed.push(volume.layout.root);
  await suspect(volumes, 'EIO');
  t.deepEqual(failed, []);
  disk.onOperation = (operation) => {
    if (operation.path.startsWith('/a')) throw osError('EIO', operation);
  };
  await suspect(volumes, 'ENOSPC');
  t.deepEqual(failed, [], 'a full disk is not a failed one');
  await suspect(volumes, 'EIO');
  await suspect(volumes, 'EIO');
  t.deepEqual(failed, ['/a']);
  t.throws(() => volumes.requireEnough(volumes.all[0] as Volume, 'EIO'), { name: 'InvalidConfiguration' });
  t.throws(() => volumes.get(0), { name: 'ReplicaNotFound' });
  t.not(volumes.choose(1, volumes.all[0]?.storageId ?? ''), volumes.all[0]);
});

test('a volume whose disk was unmounted is taken out, however much space its mount point has', async (t) => {
  const image = new DiskImage();
  const volumes = await VolumeSet.open(options({ disk: imageDisk(image), failedVolumesTolerated: 1 }));
  const failed: string[] = [];
  volumes.onFailure = (volume, reason) => failed.push(`${volume.layout.root}: ${reason}`);
  await volumes.refreshSpace();
  t.deepEqual(failed, []);
  image.remove('/b/current/VERSION');
  await volumes.refreshSpace();
  await volumes.refreshSpace();
  t.is(failed.length, 1);
  t.regex(failed[0] ?? '', /^\/b: \/b\/current\/VERSION is gone/);
  for (let i = 0; i < 4; i++) t.not(volumes.choose(1, '').layout.root, '/b');
});

test('a read-only directory is tolerated at the start, as any other that cannot be used', async (t) => {
  const lockDirectory = async (path: string) => {
    if (path !== '/b') return { release: () => {} };
    const cause = osError('EROFS', { kind: 'open', path: 'in_use.pid' });
    throw new DfsError('InvalidConfiguration', `Cannot use the directory ${path}`, { cause });
  };
  const volumes = await VolumeSet.open(options({ lockDirectory, failedVolumesTolerated: 1 }));
  t.is(volumes.failedCount, 1);
  await t.throwsAsync(VolumeSet.open(options({ lockDirectory })), { message: /1 cannot be used/ });
});
