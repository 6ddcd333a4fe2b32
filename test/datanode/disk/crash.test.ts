/**
 * What start-up finds after a crash at any moment of a replica's life. The disk is the simulator's image of one: after
 * a kill it has everything that was written, after a power cut a random part of what was not synced.
 */
import { basename } from 'node:path';
import test from 'ava';
import type { Block } from '../../../common/block.js';
import { computeChecksums } from '../../../common/checksum.js';
import { type Random, seededRandom } from '../../../common/random.js';
import { PipelineRecovery } from '../../../datanode/pipeline-recovery.js';
import { ReplicaRemoval } from '../../../datanode/replica-removal.js';
import type { ReplicaStore } from '../../../datanode/replica-store.js';
import { DiskImage } from '../../sim/disk-image.js';
import { FaultyDisk } from '../../support/faulty-disk.js';
import { imageDisk } from '../support/image-disk.js';
import {
  CHECKSUM,
  contentOf,
  moveFromJournals,
  newReplica,
  nobody,
  openStore,
  packetOf,
  packetWriter,
  quiet,
  readAll,
  writeBlock,
} from '../support/store-fixture.js';

/** What was promised to others before the crash. */
interface Promises {
  /** Bytes that were hflushed: they survive the end of the process. */
  flushedBytes: number;
  /** Bytes that were hsynced, or in a block that was closed: they survive the loss of power. */
  syncedBytes: number;
  /** The block was closed with this stamp, and nobody asked for anything afterwards. */
  closedAs: number | undefined;
  deleted: boolean;
}

type Story = (store: ReplicaStore, promises: Promises) => Promise<void>;

const BLOCK: Block = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 19_200);

const STORIES: Readonly<Record<string, Story>> = {
  'a block is written and closed': async (store, promises) => {
    const writable = await store.createRbw(BLOCK, newReplica());
    const writer = packetWriter(store, writable);
    await writer.write(packetOf(CONTENT, 0, 6144));
    promises.flushedBytes = 6144;
    await writer.write(packetOf(CONTENT, 6144, 12800));
    promises.flushedBytes = 12800;
    await writer.write(packetOf(CONTENT, 12288, 19200));
    await writer.flush();
    await store.finalize(writable);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200, closedAs: 1001 });
  },
  'the beginning of a chunk is synced, and then more is written to it': async (store, promises) => {
    const writable = await store.createRbw(BLOCK, newReplica());
    const writer = packetWriter(store, writable);
    for (const [from, to] of [
      [0, 4480],
      [4096, 4800],
      [4096, 5760],
      [5120, 5824],
    ] as const) {
      await writer.write(packetOf(CONTENT, from, to, true));
      promises.flushedBytes = to;
      promises.syncedBytes = to;
      await writer.write(packetOf(CONTENT, to - (to % 1024), to + 300));
      promises.flushedBytes = to + 300;
    }
  },
  'an empty block is closed': async (store, promises) => {
    const writable = await store.createRbw(BLOCK, newReplica());
    await store.finalize(writable);
    promises.closedAs = 1001;
  },
  'a copy is made': async (store, promises) => {
    const writable = await store.createTemporary(BLOCK, newReplica());
    const writer = packetWriter(store, writable);
    await writer.write(packetOf(CONTENT, 0, 10240));
    await writer.write(packetOf(CONTENT, 10240, 19200));
    await writer.flush();
    await store.finalize(writable);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200, closedAs: 1001 });
  },
  'a closed block is appended to and closed again': async (store, promises) => {
    const first = await store.createRbw(BLOCK, newReplica());
    const before = packetWriter(store, first);
    await before.write(packetOf(CONTENT, 0, 6400));
    await before.flush();
    await store.finalize(first);
    Object.assign(promises, { flushedBytes: 6400, syncedBytes: 6400, closedAs: 1001 });
    promises.closedAs = undefined;
    const closed = { ...BLOCK, numBytes: 6400 };
    const writable = await new PipelineRecovery(store).append(
      { block: closed, newGenerationStamp: 1002, writer: nobody },
      6400,
    );
    const writer = packetWriter(store, writable);
    await writer.write(packetOf(CONTENT, 6144, 10240));
    promises.flushedBytes = 10240;
    await writer.write(packetOf(CONTENT, 10240, 19200));
    await writer.flush();
    await store.finalize(writable);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200, closedAs: 1002 });
  },
  'a pipeline is rebuilt, and the block is closed': async (store, promises) => {
    const first = await store.createRbw(BLOCK, newReplica());
    const before = packetWriter(store, first);
    await before.write(packetOf(CONTENT, 0, 6400, true));
    Object.assign(promises, { flushedBytes: 6400, syncedBytes: 6400 });
    first.replica.acknowledged(6400);
    await before.write(packetOf(CONTENT, 6144, 8960));
    await before.settled();
    await store.release(first);
    const request = { block: BLOCK, newGenerationStamp: 1002, writer: nobody };
    const writable = await new PipelineRecovery(store).recoverRbw(request, 6400, 12_800);
    const writer = packetWriter(store, writable);
    await writer.write(packetOf(CONTENT, 6144, 19200));
    promises.flushedBytes = 19200;
    await writer.flush();
    await store.finalize(writable);
    Object.assign(promises, { syncedBytes: 19200, closedAs: 1002 });
  },
  'a closed block gets a new stamp, as its pipeline was rebuilt while it was closed': async (store, promises) => {
    await writeOut(store);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200 });
    const block = { ...BLOCK, numBytes: 19_200 };
    await new PipelineRecovery(store).recoverClose({ block, newGenerationStamp: 1002, writer: nobody }, 19_200);
    promises.closedAs = 1002;
  },
  'a small block is taken in as a whole, and gets its files': async (store, promises) => {
    await takeIn(store, 19_200);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200, closedAs: 1001 });
    await moveFromJournals(store);
  },
  'a small block is taken in as a whole, appended to and closed': async (store, promises) => {
    await takeIn(store, 6_400);
    Object.assign(promises, { flushedBytes: 6400, syncedBytes: 6400 });
    const closed = { ...BLOCK, numBytes: 6400 };
    const request = { block: closed, newGenerationStamp: 1002, writer: nobody };
    const writable = await new PipelineRecovery(store).append(request, 6400);
    const writer = packetWriter(store, writable);
    await writer.write(packetOf(CONTENT, 6144, 19200));
    promises.flushedBytes = 19200;
    await writer.flush();
    await store.finalize(writable);
    Object.assign(promises, { syncedBytes: 19200, closedAs: 1002 });
    await moveFromJournals(store);
  },
  'a small block is taken in as a whole, and gets a new stamp': async (store, promises) => {
    await takeIn(store, 19_200);
    Object.assign(promises, { flushedBytes: 19200, syncedBytes: 19200 });
    const block = { ...BLOCK, numBytes: 19_200 };
    await new PipelineRecovery(store).recoverClose({ block, newGenerationStamp: 1002, writer: nobody }, 19_200);
    promises.closedAs = 1002;
  },
  'a small block is taken in as a whole and deleted': async (store, promises) => {
    await takeIn(store, 19_200);
    promises.deleted = true;
    const moved = moveFromJournals(store);
    await deleteIt(store);
    await moved;
  },
  'a closed block is deleted': async (store, promises) => {
    await writeOut(store);
    promises.deleted = true;
    await deleteIt(store);
  },
};

async function deleteIt(store: ReplicaStore): Promise<void> {
  const removal = new ReplicaRemoval(store, quiet);
  removal.invalidate([{ ...BLOCK, numBytes: 19_200 }]);
  while (removal.pendingCount > 0) await nextTurn();
  await removal.stop();
}

async function takeIn(store: ReplicaStore, numBytes: number): Promise<void> {
  const data = [CONTENT.subarray(0, numBytes)];
  const block = { ...BLOCK, numBytes };
  await store.takeIn({ block, checksum: CHECKSUM, checksums: computeChecksums(CHECKSUM, data), data }, '');
}

async function writeOut(store: ReplicaStore): Promise<void> {
  const writable = await store.createRbw(BLOCK, newReplica());
  const writer = packetWriter(store, writable);
  await writer.write(packetOf(CONTENT, 0, 19200));
  await writer.flush();
  await store.finalize(writable);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs a story until the disk has done `changes`; how many there were, and what had been promised by then. */
async function runUntil(
  story: Story,
  image: DiskImage,
  changes: number,
): Promise<{ changes: number; promises: Promises }> {
  const promises: Promises = { flushedBytes: 0, syncedBytes: 0, closedAs: undefined, deleted: false };
  const disk = new FaultyDisk(imageDisk(image));
  const { store } = await openStore(disk);
  // Another block in the same directories, which nothing of this may touch.
  await writeBlock(store, { blockId: 8, generationStamp: 1001, numBytes: 50 });
  const before = disk.changes;
  disk.crashAt(before + changes);
  try {
    await story(store, promises);
  } catch (error) {
    if (!disk.crashed) throw error;
  }
  await nextTurn(); // what runs in the background finds out as well
  return { changes: disk.changes - before, promises };
}

/** What start-up finds, and that it is what was promised. Returns what is wrong. */
async function judge(image: DiskImage, promises: Promises, promisedBytes: number): Promise<string[]> {
  const { store } = await openStore(imageDisk(image));
  const wrong: string[] = [];
  const other = store.catalog.finalized(8);
  if (other === undefined || !(await readAll(await store.openForRead(other))).equals(contentOf(8, 50)))
    wrong.push('the other block is damaged');
  const replica = store.catalog.get(7);
  if (promises.deleted) {
    if (replica !== undefined && replica.state !== 'FINALIZED') wrong.push(`a deleted replica is ${replica.state}`);
    return wrong;
  }
  if (replica?.state === 'FINALIZED' && !isDurable(image, replica)) wrong.push('a finalized replica is not durable');
  if (replica === undefined) {
    if (promisedBytes > 0 || promises.closedAs !== undefined) wrong.push('the replica is lost');
    return wrong;
  }
  if (replica.numBytes < promisedBytes)
    wrong.push(`${replica.state} with ${replica.numBytes} of ${promisedBytes} promised bytes`);
  if (
    promises.closedAs !== undefined &&
    (replica.state !== 'FINALIZED' || replica.generationStamp !== promises.closedAs)
  ) {
    wrong.push(`closed as ${promises.closedAs}, but ${replica.state} with stamp ${replica.generationStamp}`);
  }
  const directory = replica.state === 'FINALIZED' ? 'finalized' : 'rbw';
  const files = await store.volumes.get(0).open(directory, replica, 'read');
  const bytes = Buffer.alloc(replica.numBytes);
  await files.readData(bytes, 0);
  if (!bytes.equals(CONTENT.subarray(0, bytes.length))) wrong.push(`${replica.state} with wrong bytes`);
  if (replica.state === 'FINALIZED' && ![0, 6400, 19_200].includes(bytes.length))
    wrong.push(`FINALIZED with ${bytes.length} bytes`);
  await files.close();
  return wrong;
}

/** Others are deleted on the strength of a finalized replica. */
function isDurable(image: DiskImage, { blockId, generationStamp, numBytes }: Block): boolean {
  const files = new Map([...image.durableFiles()].map(({ path, bytes }) => [basename(path), bytes]));
  return files.get(`blk_${blockId}`)?.length === numBytes && files.has(`blk_${blockId}_${generationStamp}.meta`);
}

/**
 * Crashes the story at each of its operations; with each image that is left, calls `crash` and looks at what start-up
 * makes of it.
 */
async function crashEverywhere(
  story: Story,
  crash: (image: DiskImage, attempt: number) => void,
  promisedBytes: (promises: Promises) => number,
  attempts: number,
): Promise<string[]> {
  const whole = await runUntil(story, new DiskImage(), Number.POSITIVE_INFINITY);
  const wrong: string[] = [];
  for (let changes = 0; changes <= whole.changes; changes++) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const image = new DiskImage();
      const { promises } = await runUntil(story, image, changes);
      crash(image, changes * attempts + attempt);
      const found = await judge(image, promises, promisedBytes(promises));
      // Start-up may itself have changed something; a second one must find the same.
      found.push(...(await judge(image, promises, promisedBytes(promises))));
      wrong.push(...found.map((what) => `crash after ${changes} of ${whole.changes} operations: ${what}`));
    }
  }
  return wrong;
}

for (const [title, story] of Object.entries(STORIES)) {
  test(`${title}: a kill at any operation loses nothing that was acknowledged`, async (t) => {
    const kill = (image: DiskImage): void => image.closeAll();
    t.deepEqual(await crashEverywhere(story, kill, ({ flushedBytes }) => flushedBytes, 1), []);
  });

  test(`${title}: a power cut at any operation loses nothing that was synced`, async (t) => {
    const cut = (image: DiskImage, attempt: number): void => {
      const random: Random = seededRandom(attempt + 1);
      image.closeAll();
      image.crash(random);
    };
    t.deepEqual(await crashEverywhere(story, cut, ({ syncedBytes }) => syncedBytes, 12), []);
  });
}
