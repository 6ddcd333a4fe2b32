import test from 'ava';
import fc from 'fast-check';
import { computeChecksums } from '../../../common/checksum.js';
import type { Clock } from '../../../common/clock.js';
import { readRecords, recordBytes, type WholeReplica, writeRecord } from '../../../datanode/disk/journal-record.js';
import { ReplicaRemoval } from '../../../datanode/replica-removal.js';
import type { ReplicaStore } from '../../../datanode/replica-store.js';
import { DiskImage } from '../../sim/disk-image.js';
import { FaultyDisk, osError } from '../../support/faulty-disk.js';
import { imageDisk } from '../support/image-disk.js';
import { CHECKSUM, contentOf, moveFromJournals, openStore, quiet, readAll } from '../support/store-fixture.js';

function whole(blockId: number, length = 1000 + blockId, generationStamp = 1001): WholeReplica {
  const data = [contentOf(blockId, length)];
  const block = { blockId, generationStamp, numBytes: length };
  return { block, checksum: CHECKSUM, checksums: computeChecksums(CHECKSUM, data), data };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function contentIn(store: ReplicaStore, { block }: WholeReplica): Promise<Buffer> {
  return await readAll(await store.openForRead(block));
}

function filesIn(image: DiskImage, part: string): string[] {
  return [...image.files()].map(({ path }) => path).filter((path) => path.includes(part));
}

test('a replica that is taken in can be read at once, and as well when it has files of its own', async (t) => {
  const image = new DiskImage();
  const { store, events } = await openStore(imageDisk(image));
  const replica = whole(7);
  await store.takeIn(replica, '');
  t.deepEqual(store.catalog.finalized(7)?.state, 'FINALIZED');
  t.deepEqual(events.notes, ['received 7_1001 1007']);
  t.deepEqual(filesIn(image, 'blk_7'), []);
  t.deepEqual(await contentIn(store, replica), contentOf(7, 1007));
  await store.volumes.get(0).moveOldFromJournal();
  t.deepEqual(filesIn(image, 'blk_7'), [], 'it has not waited long');
  await moveFromJournals(store);
  t.is(filesIn(image, 'blk_7').length, 2);
  t.deepEqual(filesIn(image, 'segment-'), []);
  t.deepEqual(await contentIn(store, replica), contentOf(7, 1007));
});

test('a replica that is there already is refused', async (t) => {
  const { store } = await openStore(imageDisk(new DiskImage()));
  await store.takeIn(whole(7), '');
  await t.throwsAsync(store.takeIn(whole(7), ''), { name: 'ReplicaAlreadyExists' });
  await moveFromJournals(store);
  await t.throwsAsync(store.takeIn(whole(7), ''), { name: 'ReplicaAlreadyExists' });
});

test('one that is being written when the others get their files gets its own, too, before its segment goes', async (t) => {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const { store } = await openStore(disk);
  await store.takeIn(whole(7), '');
  let moved: Promise<void> | undefined;
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'sync' && path.includes('segment-')) moved ??= moveFromJournals(store);
  };
  await store.takeIn(whole(8), '');
  t.truthy(moved);
  await moved;
  image.closeAll();
  const again = await openStore(imageDisk(image));
  for (const id of [7, 8]) t.deepEqual(await contentIn(again.store, whole(id)), contentOf(id, 1000 + id));
});

test('many at a time share syncs', async (t) => {
  const disk = new FaultyDisk(imageDisk(new DiskImage()));
  const { store } = await openStore(disk);
  let syncs = 0;
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'sync' && path.includes('segment-')) syncs++;
  };
  await Promise.all(Array.from({ length: 100 }, (_, i) => store.takeIn(whole(i + 1, 200), '')));
  t.true(syncs >= 1 && syncs < 10, `${syncs} syncs`);
});

test('one that is removed before it has files never gets any', async (t) => {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image));
  const replica = whole(7);
  await store.takeIn(replica, '');
  await store.takeIn(whole(8), '');
  const removal = new ReplicaRemoval(store, quiet);
  removal.invalidate([replica.block]);
  while (removal.pendingCount > 0) await nextTurn();
  await removal.stop();
  await moveFromJournals(store);
  t.deepEqual(filesIn(image, 'blk_7'), []);
  t.is(filesIn(image, 'blk_8').length, 2);
});

test('one that is removed while it gets its files leaves none behind', async (t) => {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const { store } = await openStore(disk);
  const replica = whole(7);
  await store.takeIn(replica, '');
  let removed: Promise<void> | undefined;
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'create' && path.endsWith('blk_7'))
      removed ??= store.volumes.get(0).remove('finalized', replica.block);
  };
  await moveFromJournals(store);
  t.truthy(removed);
  await removed;
  t.deepEqual(filesIn(image, 'blk_7'), []);
});

test('what is removed before it was moved makes room by itself', async (t) => {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image), { journalBytes: 20 * recordBytes(whole(1, 500)) });
  for (let id = 1; id <= 200; id++) {
    await store.takeIn(whole(id, 500), '');
    if (id > 5) await store.volumes.get(0).remove('finalized', whole(id - 5, 500).block);
  }
  await store.volumes.get(0).remove('finalized', whole(1, 500).block);
  while (filesIn(image, 'segment-').length > 3) await nextTurn();
  t.deepEqual(filesIn(image, 'finalized/'), []);
});

test('what is to be changed gets files of its own at once, alone, and keeps its changes after a crash', async (t) => {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image));
  for (const id of [7, 8]) await store.takeIn(whole(id), '');
  await store.volumes.get(0).restamp('finalized', whole(7).block, 1002);
  t.is(filesIn(image, 'blk_7').length, 2);
  t.deepEqual(filesIn(image, 'blk_8'), []);
  await moveFromJournals(store);
  t.deepEqual(filesIn(image, 'blk_7_').length, 1, 'not under its old stamp as well');
  image.closeAll();
  const again = await openStore(imageDisk(image));
  t.is(again.store.catalog.finalized(7)?.generationStamp, 1002);
  t.deepEqual(await contentIn(again.store, whole(8)), contentOf(8, 1008));
});

test('one that is settled while others are moved gets no files under its old stamp afterwards', async (t) => {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const { store } = await openStore(disk);
  for (const id of [7, 8]) await store.takeIn(whole(id), '');
  let changed: Promise<void> | undefined;
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'create' && path.endsWith('blk_7'))
      changed ??= store.volumes.get(0).restamp('finalized', whole(8).block, 1002);
  };
  await moveFromJournals(store);
  t.truthy(changed);
  await changed;
  t.deepEqual(
    filesIn(image, 'blk_8_').map((path) => path.split('_').at(-1)),
    ['1002.meta'],
  );
});

test('from half of its room on, replicas get files before their time, with pauses as long as there is enough room', async (t) => {
  const image = new DiskImage();
  const pauses: { delayMs: number; end: () => void }[] = [];
  let ms = 0;
  // Whatever is measured takes two milliseconds.
  const clock: Clock = {
    now: () => 0,
    monotonicMs: () => (ms += 2),
    after: (delayMs, end) => {
      pauses.push({ delayMs, end });
      return { cancel: () => {} };
    },
  };
  const { store } = await openStore(imageDisk(image), { journalBytes: 100 * recordBytes(whole(1, 500)), clock });
  let count = 0;
  const takeInUntil = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      await store.takeIn(whole(++count, 500), '');
      for (let turn = 0; turn < 5; turn++) await nextTurn();
    }
  };
  await takeInUntil(() => filesIn(image, 'finalized/').length > 0);
  t.true(count > 50 && count < 75, `the first were moved with ${count}`);
  await takeInUntil(() => pauses.length > 0);
  const moved = filesIn(image, 'finalized/').length;
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  t.is(filesIn(image, 'finalized/').length, moved, 'it pauses');
  const [pause] = pauses;
  t.true((pause?.delayMs ?? 0) > 0 && (pause?.delayMs ?? 0) <= 6);
  pause?.end();
  while (filesIn(image, 'finalized/').length === moved) await nextTurn();
  t.pass();
});

test('when the journal is full, what comes waits until there is room', async (t) => {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image), { journalBytes: 20_000 });
  await Promise.all(Array.from({ length: 60 }, (_, i) => store.takeIn(whole(i + 1, 1500), '')));
  t.is(store.catalog.finalizedCount, 60);
  t.true(filesIn(image, 'finalized/').length >= 2 * 40, 'most have files of their own');
  for (let id = 1; id <= 60; id++) t.deepEqual(await contentIn(store, whole(id, 1500)), contentOf(id, 1500));
});

test('a disk that is full refuses what comes, keeps what it has, and goes on when there is room again', async (t) => {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const { store } = await openStore(disk, { journalBytes: 20_000 });
  await store.takeIn(whole(1), '');
  disk.onOperation = (operation) => {
    if (operation.kind === 'write') throw osError('ENOSPC', operation);
  };
  await t.throwsAsync(store.takeIn(whole(2), ''), { code: 'ENOSPC' });
  t.is(store.catalog.get(2), undefined);
  await t.throwsAsync(moveFromJournals(store), { code: 'ENOSPC' });
  t.deepEqual(await contentIn(store, whole(1)), contentOf(1, 1001));
  disk.onOperation = () => {};
  await store.takeIn(whole(2), '');
  await moveFromJournals(store);
  for (const id of [1, 2]) t.deepEqual(await contentIn(store, whole(id)), contentOf(id, 1000 + id));
});

test('after a restart everything is there, and has files of its own', async (t) => {
  const image = new DiskImage();
  const before = await openStore(imageDisk(image));
  await Promise.all([1, 2, 3].map((id) => before.store.takeIn(whole(id), '')));
  image.closeAll();
  const { store } = await openStore(imageDisk(image));
  t.deepEqual(filesIn(image, 'segment-'), []);
  for (const id of [1, 2, 3]) t.deepEqual(await contentIn(store, whole(id)), contentOf(id, 1000 + id));
});

test('a damaged record costs its own replica only', async (t) => {
  const image = new DiskImage();
  const before = await openStore(imageDisk(image));
  await Promise.all([1, 2, 3].map((id) => before.store.takeIn(whole(id), '')));
  const [segment = ''] = filesIn(image, 'segment-');
  const handle = image.open(segment, 'write');
  image.write(handle, Buffer.from([0xff, 0x01]), recordBytes(whole(1)) + 500);
  handle.close();
  image.closeAll();
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.get(2), undefined);
  for (const id of [1, 3]) t.deepEqual(await contentIn(store, whole(id)), contentOf(id, 1000 + id));
});

test('a journal that was not removed in time does not undo what was done since', async (t) => {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const before = await openStore(disk);
  await before.store.takeIn(whole(7), '');
  disk.onOperation = (operation) => {
    if (operation.kind === 'remove' && operation.path.includes('segment-')) throw osError('EROFS', operation);
  };
  // It has files, and then a newer stamp, while its segment is still there.
  await t.throwsAsync(moveFromJournals(before.store), { code: 'EROFS' });
  disk.onOperation = () => {};
  await before.store.volumes.get(0).restamp('finalized', whole(7).block, 1002);
  image.closeAll();
  const { store } = await openStore(imageDisk(image));
  t.is(store.catalog.finalized(7)?.generationStamp, 1002);
  t.deepEqual(filesIn(image, 'segment-'), []);
});

test('property: records come back, whatever is damaged in between', (t) => {
  const lengths = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lengths, fc.nat(), fc.integer({ min: 1, max: 255 }), (sizes, position, flip) => {
      const replicas = sizes.map((length, i) => whole(i + 1, length));
      const bytes = Buffer.alloc(replicas.reduce((sum, replica) => sum + recordBytes(replica), 0));
      const starts: number[] = [];
      let at = 0;
      for (const replica of replicas) {
        starts.push(at);
        t.deepEqual(writeRecord(bytes, replica, at), replica);
        at += recordBytes(replica);
      }
      t.deepEqual(readRecords(bytes), { replicas, damagedBytes: 0 });
      const damagedAt = position % bytes.length;
      bytes[damagedAt] = (bytes[damagedAt] ?? 0) ^ flip;
      const hit = starts.findLastIndex((start) => start <= damagedAt);
      const found = readRecords(bytes).replicas;
      for (const [i, replica] of replicas.entries()) {
        if (i !== hit) t.true(found.some(({ block }) => block.blockId === replica.block.blockId));
      }
      // What the damage has hit is whole (it was in the zeros at its end) or not there.
      for (const replica of found) t.deepEqual(replica, replicas[replica.block.blockId - 1]);
      t.true(readRecords(bytes.subarray(0, damagedAt)).replicas.length >= Math.max(0, hit));
    }),
  );
});
