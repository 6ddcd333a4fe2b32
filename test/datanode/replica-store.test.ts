import test from 'ava';
import { DiskImage } from '../sim/disk-image.js';
import { imageDisk } from './support/image-disk.js';
import { contentOf, newReplica, openStore, packetOf, packetWriter } from './support/store-fixture.js';

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
