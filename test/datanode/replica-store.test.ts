import test, { type ExecutionContext } from 'ava';
import { DiskImage } from '../sim/disk-image.js';
import { imageDisk } from './support/image-disk.js';
import {
  contentOf,
  newReplica,
  openStore,
  packetOf,
  packetWriter,
  type StoreFixture,
  writeBlock,
} from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 100 };

test('a copy takes the place of what a writer has left, under the same stamp or an older one', async (t) => {
  for (const generationStamp of [1000, 1001]) {
    const { store } = await openStore(imageDisk(new DiskImage()));
    const left = await store.createRbw({ ...BLOCK, generationStamp }, newReplica());
    await packetWriter(store, left).write(packetOf(contentOf(7, 50), 0, 50));
    await store.release(left);
    const copy = await store.createTemporary(BLOCK, newReplica());
    t.is(store.catalog.get(7), copy.replica);
  }
});

test('a copy does not take the place of what is being written, or of a newer replica', async (t) => {
  const { store } = await openStore(imageDisk(new DiskImage()));
  const writing = await store.createRbw(BLOCK, newReplica());
  await t.throwsAsync(store.createTemporary(BLOCK, newReplica()), { name: 'ReplicaAlreadyExists' });
  await store.release(writing);
  const older = { ...BLOCK, generationStamp: 1000 };
  await t.throwsAsync(store.createTemporary(older, newReplica()), { name: 'ReplicaAlreadyExists' });
});

test('a flipped bit does not make a replica one without checksums', async (t) => {
  const image = new DiskImage();
  const { store, events } = await openStore(imageDisk(image));
  await writeBlock(store, BLOCK);
  const meta = [...image.files()].find(({ path }) => path.endsWith('.meta'))?.path ?? '';
  image.write(image.open(meta, 'write'), Buffer.from([0]), 2); // the type
  await t.throwsAsync(store.openForRead(BLOCK), { name: 'Corrupt' });
  t.is(events.notes.at(-1), 'corrupt 7_1001 100');
});

test('what one volume has left of a block of which another one has a finalized replica is removed at start-up', async (t) => {
  const image = new DiskImage();
  const roots = ['/a', '/b'];
  const disk = imageDisk(image);
  const { store } = await openStore(disk, { roots });
  const content = await writeBlock(store, BLOCK);
  const meta = [...image.files()].find(({ path }) => path.endsWith('blk_7_1001.meta'));
  const other = meta?.path.startsWith('/a/') ? '/b' : '/a';
  const put = (path: string, bytes: Uint8Array): void => image.write(image.open(path, 'create'), bytes, 0);
  put(`${other}/current/rbw/blk_7`, content);
  put(`${other}/current/rbw/blk_7_1000.meta`, meta?.bytes ?? Buffer.alloc(0));
  store.volumes.release();

  const again = await openStore(disk, { roots });
  t.is(again.store.catalog.get(7)?.state, 'FINALIZED');
  t.deepEqual(
    [...image.files()].map(({ path }) => path).filter((path) => path.includes('/rbw/')),
    [],
  );
});

test('of two finalized replicas of a block on two volumes, the newer one stays, wherever it is found', async (t) => {
  for (const newer of ['/a', '/b']) {
    const image = new DiskImage();
    const disk = imageDisk(image);
    const roots = ['/a', '/b'];
    for (const root of roots) {
      const { store } = await openStore(disk, { roots: [root] });
      await writeBlock(store, { ...BLOCK, generationStamp: root === newer ? 1002 : 1001 });
      store.volumes.release();
    }
    const { store, events } = await openStore(disk, { roots });
    const known = store.catalog.finalized(7);
    t.is(known?.generationStamp, 1002);
    t.is(store.volumes.get(known?.volume ?? -1).layout.root, newer);
    const files = [...image.files()].map(({ path }) => path).filter((path) => path.includes('/blk_7'));
    t.is(files.length, 2);
    t.true(files.every((path) => path.startsWith(`${newer}/`)));
    t.deepEqual(events.notes, [], 'its digest tells the NameNode');
    const used = store.volumes.all.map((volume) => volume.space().usedBytes);
    t.deepEqual(used, newer === '/a' ? [100, 0] : [0, 100]);
  }
});

/** Two volumes, each with a replica of the block that was left under the given stamp. */
async function openDoubles(
  stamps: Readonly<Record<string, number>>,
  unfinished: readonly string[],
  bytesOf: (root: string) => number = () => 50,
): Promise<{ image: DiskImage } & StoreFixture> {
  const image = new DiskImage();
  const disk = imageDisk(image);
  for (const [root, generationStamp] of Object.entries(stamps)) {
    const { store } = await openStore(disk, { roots: [root] });
    const block = { ...BLOCK, generationStamp };
    if (unfinished.includes(root)) {
      const left = await store.createRbw(block, newReplica());
      await packetWriter(store, left).write(packetOf(contentOf(7, bytesOf(root)), 0, bytesOf(root)));
      await store.release(left);
    } else {
      await writeBlock(store, block);
    }
    store.volumes.release();
  }
  return { image, ...(await openStore(disk, { roots: Object.keys(stamps) })) };
}

function assertOnlyOn(t: ExecutionContext, root: string, { image, store }: { image: DiskImage } & StoreFixture): void {
  const files = [...image.files()].map(({ path }) => path).filter((path) => path.includes('/blk_7'));
  t.is(files.length, 2);
  t.true(
    files.every((path) => path.startsWith(`${root}/`)),
    files.join(' '),
  );
  for (const volume of store.volumes.all) t.is(volume.space().usedBytes > 0, volume.layout.root === root);
}

test('an unfinished replica that is newer than a finalized one on another volume stays, and that one goes', async (t) => {
  for (const newer of ['/a', '/b']) {
    const stamps = newer === '/a' ? { '/a': 1002, '/b': 1001 } : { '/a': 1001, '/b': 1002 };
    const opened = await openDoubles(stamps, [newer]);
    const found = opened.store.catalog.get(7);
    t.deepEqual([found?.state, found?.generationStamp, found?.numBytes], ['RWR', 1002, 50]);
    t.is(opened.store.catalog.finalized(7), undefined);
    t.is(opened.store.catalog.finalizedCount, 0);
    assertOnlyOn(t, newer, opened);
  }
});

test('a finalized replica is better than an unfinished one of the same generation', async (t) => {
  const opened = await openDoubles({ '/a': 1001, '/b': 1001 }, ['/a']);
  t.is(opened.store.catalog.get(7)?.state, 'FINALIZED');
  assertOnlyOn(t, '/b', opened);
});

test('of two unfinished replicas the newer one stays, of two as old as each other the longer one', async (t) => {
  const newer = await openDoubles({ '/a': 1001, '/b': 1002 }, ['/a', '/b']);
  t.is(newer.store.catalog.get(7)?.generationStamp, 1002);
  assertOnlyOn(t, '/b', newer);
  const longer = await openDoubles({ '/a': 1001, '/b': 1001 }, ['/a', '/b'], (root) => (root === '/a' ? 80 : 20));
  t.is(longer.store.catalog.get(7)?.numBytes, 80);
  assertOnlyOn(t, '/a', longer);
});

test('what is being written is not taken for free space before the disk is asked again', async (t) => {
  const { store } = await openStore(imageDisk(new DiskImage()));
  const [volume] = store.volumes.all;
  if (volume === undefined) throw new Error('there is no volume');
  const before = volume.space().remainingBytes;
  const writable = await store.createRbw(BLOCK, newReplica(100_000));
  const reserved = before - volume.space().remainingBytes;
  t.true(reserved >= 100_000, 'at least what was expected');
  const writer = packetWriter(store, writable);
  await writer.write(packetOf(contentOf(7, 50_000), 0, 50_000));
  await writer.flush();
  t.is(before - volume.space().remainingBytes, reserved);
  await store.finalize(writable);
  const taken = before - volume.space().remainingBytes;
  t.is(taken, 50_000);
  await volume.refreshSpace();
  t.true(before - volume.space().remainingBytes >= 50_000);
});

test('what is set aside has room for the checksums, too, and is given back when the files cannot be made', async (t) => {
  const disk = imageDisk(new DiskImage());
  const { store } = await openStore(disk);
  const [volume] = store.volumes.all;
  if (volume === undefined) throw new Error('there is no volume');
  const before = volume.space().remainingBytes;
  await store.createRbw(BLOCK, newReplica(2 ** 20));
  t.true(before - volume.space().remainingBytes >= 2 ** 20 + 1024 * 4 + 7);
  const inBetween = volume.space().remainingBytes;
  disk.open = async () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  await t.throwsAsync(store.createRbw({ ...BLOCK, blockId: 8 }, newReplica()));
  t.is(volume.space().remainingBytes, inBetween);
});
