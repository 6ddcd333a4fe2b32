import test from 'ava';
import { DiskImage } from '../../sim/disk-image.js';
import { FaultyDisk, osError } from '../../support/faulty-disk.js';
import { imageDisk } from '../support/image-disk.js';
import { contentOf, openStore, readAll, sameBytes, writeBlock } from '../support/store-fixture.js';

const FINALIZED = '/data/current/finalized/subdir0/subdir0';
const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 5000 };

/** A disk with one finalized block. */
async function diskWithBlock(): Promise<DiskImage> {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image));
  await writeBlock(store, BLOCK);
  return image;
}

function truncate(image: DiskImage, path: string, length: number): void {
  const handle = image.open(path, 'write');
  image.truncate(handle, length);
  handle.close();
}

const names = (image: DiskImage) => [...image.files()].map(({ path }) => path).filter((path) => path.includes('blk_'));

test('a finalized replica is found again', async (t) => {
  const { store, events } = await openStore(imageDisk(await diskWithBlock()));
  t.is(sameBytes(await readAll(await store.openForRead(BLOCK)), contentOf(7, 5000)), 'same');
  t.is(store.catalog.summary(store.volumes.get(0)).replicas, 1);
  t.is(store.volumes.get(0).space().usedBytes, 5000);
  t.deepEqual(events.notes, []);
});

const DAMAGES: Readonly<Record<string, (image: DiskImage) => void>> = {
  'has no meta file': (image) => image.remove(`${FINALIZED}/blk_7_1001.meta`),
  'has too few checksums': (image) => truncate(image, `${FINALIZED}/blk_7_1001.meta`, 7 + 4 * 4),
  'has half a checksum': (image) => truncate(image, `${FINALIZED}/blk_7_1001.meta`, 7 + 4 * 4 + 2),
  'has a meta file without a header': (image) => truncate(image, `${FINALIZED}/blk_7_1001.meta`, 3),
  'has a data file that is too short': (image) => truncate(image, `${FINALIZED}/blk_7`, 4096),
  'has a data file that is empty': (image) => truncate(image, `${FINALIZED}/blk_7`, 0),
};

for (const [title, damage] of Object.entries(DAMAGES)) {
  test(`a finalized replica that ${title} is not reported, and kept for a person to look at`, async (t) => {
    const image = await diskWithBlock();
    damage(image);
    const files = names(image).map((path) => path.replace(FINALIZED, '/data/current/quarantine'));
    const { store } = await openStore(imageDisk(image));
    t.is(store.catalog.get(7), undefined);
    t.deepEqual(names(image).sort(), files.sort());
    // There is room for a good copy.
    await writeBlock(store, BLOCK);
    t.is(sameBytes(await readAll(await store.openForRead(BLOCK)), contentOf(7, 5000)), 'same');
  });
}

test('a meta file alone is what a deletion left, and removed', async (t) => {
  const image = await diskWithBlock();
  image.remove(`${FINALIZED}/blk_7`);
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.get(7), undefined);
  t.deepEqual(names(image), []);
});

test('of several meta files the newest counts', async (t) => {
  const image = await diskWithBlock();
  const { bytes } = [...image.files()].find(({ path }) => path.endsWith('.meta')) ?? { bytes: Buffer.alloc(0) };
  const handle = image.open(`${FINALIZED}/blk_7_1000.meta`, 'create');
  image.write(handle, bytes, 0);
  handle.close();
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.get(7)?.generationStamp, 1001);
  t.deepEqual(names(image).sort(), [`${FINALIZED}/blk_7`, `${FINALIZED}/blk_7_1001.meta`]);
});

test('files that are not ours are left alone', async (t) => {
  const image = await diskWithBlock();
  for (const path of [`${FINALIZED}/notes.txt`, '/data/current/rbw/notes.txt', '/data/current/finalized/notes.txt']) {
    image.open(path, 'create').close();
  }
  image.makeDirectory('/data/current/finalized/subdir99/subdir0');
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.finalizedCount, 1);
  t.is([...image.files()].filter(({ path }) => path.endsWith('notes.txt')).length, 3);
});

test('a note of a stop that was not finished is gone after a restart', async (t) => {
  const image = await diskWithBlock();
  const handle = image.open('/data/current/rbw/blk_7.restart.tmp', 'create');
  image.write(handle, Buffer.from('{"gen'), 0);
  handle.close();
  await openStore(imageDisk(image));
  t.deepEqual(image.list('/data/current/rbw'), []);
});

test('copies in the making are gone after a restart', async (t) => {
  const image = await diskWithBlock();
  for (const name of ['blk_9', 'blk_9_1001.meta']) image.open(`/data/tmp/${name}`, 'create').close();
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.get(9), undefined);
  t.false(names(image).some((path) => path.includes('blk_9')));
});

/** Listing one directory of finalized replicas fails. */
function unreadable(image: DiskImage): FaultyDisk {
  const disk = new FaultyDisk(imageDisk(image));
  disk.onOperation = (operation) => {
    if (operation.kind === 'list' && operation.path === FINALIZED) throw osError('EIO', operation);
  };
  return disk;
}

test('a disk that cannot be read at start-up fails the start, rather than showing fewer replicas', async (t) => {
  const disk = unreadable(await diskWithBlock());
  const message = /the last one is \/data: EIO/;
  await t.throwsAsync(openStore(disk), { name: 'InvalidConfiguration', message });
});

test('when that is tolerated, the volume is left out', async (t) => {
  const disk = unreadable(await diskWithBlock());
  const { store } = await openStore(disk, { roots: ['/data', '/other'], failedVolumesTolerated: 1 });
  t.deepEqual(
    store.volumes.all.map((volume) => volume.failed),
    [true, false],
  );
  t.is(store.catalog.finalizedCount, 0);
  await writeBlock(store, BLOCK);
  t.is(store.catalog.get(7)?.volume, 1);
});

test('hundreds of replicas in many directories are all found', async (t) => {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image), { syncOnClose: false });
  for (let i = 0; i < 300; i++) await writeBlock(store, { blockId: 1 + i * 997, generationStamp: 1001, numBytes: i });
  const again = await openStore(imageDisk(image));
  const before = store.catalog.summary(store.volumes.get(0));
  t.deepEqual(again.store.catalog.summary(again.store.volumes.get(0)), before);
  t.is(before.replicas, 300);
});

const ABOVE = ['/data/current/finalized', '/data/current/finalized/subdir0'];

for (const directory of ABOVE) {
  test(`a block that is closed is durable although ${directory} was not, when the process ended`, async (t) => {
    const image = new DiskImage();
    const disk = new FaultyDisk(imageDisk(image));
    const { store } = await openStore(disk);
    disk.onOperation = (operation) => {
      if (operation.kind === 'syncDirectory' && operation.path === directory) throw osError('EIO', operation);
    };
    await t.throwsAsync(writeBlock(store, BLOCK), { code: 'EIO' });
    image.closeAll();
    const again = await openStore(imageDisk(image));
    await writeBlock(again.store, { ...BLOCK, blockId: 8 });
    const durable = [...image.durableFiles()].map(({ path }) => path);
    t.true(durable.includes(`${FINALIZED}/blk_8`), durable.join(', '));
  });
}
