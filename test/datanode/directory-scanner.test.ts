import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Block } from '../../common/block.js';
import { seededRandom } from '../../common/random.js';
import { type DirectoryScanCounts, DirectoryScanner } from '../../datanode/directory-scanner.js';
import { VolumeLayout } from '../../datanode/disk/layout.js';
import type { Volume } from '../../datanode/disk/volume.js';
import { ReplicaRemoval } from '../../datanode/replica-removal.js';
import type { ReplicaStore } from '../../datanode/replica-store.js';
import { DiskImage } from '../sim/disk-image.js';
import { FakeClock } from '../support/fake-clock.js';
import { FaultyDisk, osError } from '../support/faulty-disk.js';
import { imageDisk } from './support/image-disk.js';
import {
  type NotedEvents,
  newReplica,
  openStore,
  packetOf,
  packetWriter,
  quiet,
  writeBlock,
} from './support/store-fixture.js';

const INTERVAL_MS = 6 * 3_600_000;
const layout = new VolumeLayout('/data');

const block = (blockId: number, numBytes = 5000): Block => ({ blockId, generationStamp: 1001, numBytes });
const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => a.localeCompare(b));
const dataFile = (blockId: number): string => layout.dataFile('finalized', blockId);
const metaFile = (blockId: number, stamp = 1001): string => layout.metaFile('finalized', blockId, stamp);

interface Fixture {
  readonly image: DiskImage;
  readonly disk: FaultyDisk;
  readonly clock: FakeClock;
  readonly store: ReplicaStore;
  readonly events: NotedEvents;
  readonly scanner: DirectoryScanner;
  readonly suspects: number[];
  scan(): Promise<DirectoryScanCounts>;
}

async function openScanner(blocks: readonly Block[], roots: readonly string[] = ['/data']): Promise<Fixture> {
  const image = new DiskImage();
  const disk = new FaultyDisk(imageDisk(image));
  const { store, events } = await openStore(disk, { roots });
  for (const written of blocks) await writeBlock(store, written);
  events.notes.length = 0;
  const suspects: number[] = [];
  store.onSuspect = (blockId) => void suspects.push(blockId);
  const clock = new FakeClock();
  const random = seededRandom(1);
  const scanner = new DirectoryScanner({ store, clock, random, logger: quiet, intervalMs: INTERVAL_MS });
  const [volume] = store.volumes.all;
  if (volume === undefined) throw new Error('there is no volume');
  const scan = async (): Promise<DirectoryScanCounts> => {
    const scanning = scanner.scan(volume, new AbortController().signal);
    await clock.advance(60_000);
    return scanning;
  };
  return { image, disk, clock, store, events, scanner, suspects, scan };
}

function create(image: DiskImage, path: string, bytes: Uint8Array): void {
  const handle = image.open(path, 'create');
  image.write(handle, bytes, 0);
  handle.close();
}

function bytesOf(image: DiskImage, path: string): Buffer {
  const handle = image.open(path, 'read');
  const bytes = Buffer.alloc(handle.image.size);
  handle.image.read(bytes, 0);
  handle.close();
  return bytes;
}

test('where everything is as known, nothing happens', async (t) => {
  const { scan, events } = await openScanner([block(1, 0), block(2), block(70_000), block(3_000_000)]);
  t.deepEqual(await scan(), { looked: 4, missing: 0, corrupt: 0, unknown: 0, debris: 0 });
  t.deepEqual(events.notes, []);
});

test('a replica whose data file was removed by hand is forgotten and reported as deleted', async (t) => {
  const { image, store, events, scan } = await openScanner([block(6), block(7), block(8)]);
  image.remove(dataFile(7));
  t.is((await scan()).missing, 1);
  t.deepEqual(events.notes, ['deleted 7_1001 5000']);
  t.is(store.catalog.finalized(7), undefined);
  t.is(store.catalog.finalizedCount, 2);
  t.is(store.volumes.get(0).space().usedBytes, 10_000);
  t.is(image.fileSize(metaFile(7)), undefined, 'its checksums go, too');
  // A copy of it may come again.
  await writeBlock(store, block(7));
});

test('a whole directory that was removed is noticed', async (t) => {
  const { image, events, scan } = await openScanner([block(7), block(8), block(70_000)]);
  for (const id of [7, 8]) for (const path of [dataFile(id), metaFile(id)]) image.remove(path);
  t.is((await scan()).missing, 2);
  t.deepEqual(sorted(events.notes), ['deleted 7_1001 5000', 'deleted 8_1001 5000']);
});

const DAMAGES: Readonly<Record<string, (image: DiskImage) => void>> = {
  'no meta file': (image) => image.remove(metaFile(7)),
  'a meta file that is cut': (image) => image.truncate(image.open(metaFile(7), 'write'), 9),
  'a meta file without a header': (image) => image.truncate(image.open(metaFile(7), 'write'), 3),
  'a data file that is cut': (image) => image.truncate(image.open(dataFile(7), 'write'), 4999),
  'a data file that has grown': (image) => image.write(image.open(dataFile(7), 'write'), Buffer.from('x'), 5000),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a replica with ${what} is reported as corrupt, and stays until the NameNode has it deleted`, async (t) => {
    const { image, store, events, scan } = await openScanner([block(6), block(7)]);
    damage(image);
    t.is((await scan()).corrupt, 1);
    t.deepEqual(events.notes, ['corrupt 7_1001 5000']);
    t.not(store.catalog.finalized(7), undefined);
  });
}

test('files of a replica that were put back are taken in, reported, and verified soon', async (t) => {
  const { image, store, events, suspects, scan } = await openScanner([block(6), block(7)]);
  const [data, meta] = [bytesOf(image, dataFile(7)), bytesOf(image, metaFile(7))];
  image.remove(dataFile(7));
  await scan();
  events.notes.length = 0;
  create(image, dataFile(7), data);
  create(image, metaFile(7), meta);
  t.is((await scan()).unknown, 1);
  t.deepEqual(events.notes, ['received 7_1001 5000']);
  t.deepEqual(suspects, [7]);
  t.is(store.catalog.finalized(7)?.numBytes, 5000);
  t.is(store.volumes.get(0).space().usedBytes, 10_000);
  t.is((await scan()).unknown, 0);
});

test('files that make no replica are put aside at the second sight', async (t) => {
  const { image, events, scan } = await openScanner([block(6)]);
  image.makeDirectory(layout.directory('finalized', 9));
  create(image, dataFile(7), Buffer.from('data alone'));
  create(image, metaFile(8), Buffer.from('meta alone'));
  create(image, dataFile(9), Buffer.from('data'));
  create(image, metaFile(9, 5), Buffer.from('nonsense'));
  t.is((await scan()).debris, 3);
  t.not(image.fileSize(dataFile(7)), undefined);
  t.is((await scan()).debris, 3);
  for (const path of [dataFile(7), metaFile(8), dataFile(9), metaFile(9, 5)]) t.is(image.fileSize(path), undefined);
  t.deepEqual(sorted(image.list(layout.quarantine).map(({ name }) => name)), [
    'blk_7',
    'blk_8_1001.meta',
    'blk_9',
    'blk_9_5.meta',
  ]);
  t.is((await scan()).debris, 0);
  t.deepEqual(events.notes, []);
});

test('data whose meta file follows before the second sight is a replica after all', async (t) => {
  const { image, events, scan } = await openScanner([block(7)]);
  const meta = bytesOf(image, metaFile(7));
  const data = bytesOf(image, dataFile(7));
  image.remove(dataFile(7));
  await scan();
  create(image, dataFile(7), data);
  t.is((await scan()).debris, 1);
  create(image, metaFile(7), meta);
  t.is((await scan()).unknown, 1);
  t.is(events.notes.at(-1), 'received 7_1001 5000');
});

test('files of strangers are left alone', async (t) => {
  const { image, scan } = await openScanner([block(7)]);
  const directory = layout.directory('finalized', 7);
  for (const name of ['lost+found', 'blk_', 'blk_7.bak', 'blk_70000000']) {
    create(image, `${directory}/${name}`, Buffer.from('x'));
  }
  t.is((await scan()).looked, 1);
  t.is((await scan()).debris, 0);
  t.is(image.list(directory).length, 6);
});

test('a replica that another volume has as well is left alone', async (t) => {
  const { image, events, store, scan } = await openScanner([block(6), block(7)], ['/data', '/other']);
  const [first, second] = [6, 7].map((id) => store.catalog.finalized(id)?.volume);
  t.deepEqual([first, second], [0, 1]);
  const other = new VolumeLayout('/other');
  image.makeDirectory(layout.directory('finalized', 7));
  create(image, dataFile(7), bytesOf(image, other.dataFile('finalized', 7)));
  create(image, metaFile(7), bytesOf(image, other.metaFile('finalized', 7, 1001)));
  for (let i = 0; i < 3; i++) t.is((await scan()).unknown, 0);
  t.deepEqual(events.notes, []);
  t.is(store.catalog.finalized(7)?.volume, 1);
});

test('what is being written, finalized or deleted is left alone', async (t) => {
  const { store, events, scan } = await openScanner([block(7), block(8)]);
  const writable = await store.createRbw(block(9), newReplica());
  const content = Buffer.alloc(3000, 'x');
  const writer = packetWriter(store, writable);
  await writer.write(packetOf(content, 0, 3000));
  await writer.flush();
  store.beingDeleted.add(8);
  events.notes.length = 0;
  const { missing, corrupt, unknown, debris } = await scan();
  t.deepEqual([missing, corrupt, unknown, debris], [0, 0, 0, 0]);
  t.deepEqual(events.notes, []);
  await store.finalize(writable);
});

test('a deletion or a write in the middle of a scan is never taken for damage', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 12 })), { maxLength: 20 }),
      async (turns) => {
        const ids = Array.from({ length: 12 }, (_, i) => i + 1);
        const { disk, store, events, scanner, clock } = await openScanner(ids.slice(0, 6).map((id) => block(id, 700)));
        const removal = new ReplicaRemoval(store, quiet);
        const works: Promise<unknown>[] = [];
        let operations = 0;
        disk.onOperation = () => {
          operations++;
          for (const [turn, id] of turns) {
            if (turn !== operations) continue;
            if (store.catalog.finalized(id) !== undefined) removal.invalidate([block(id)]);
            else if (store.catalog.get(id) === undefined) works.push(writeBlock(store, block(id, 700)).catch(() => {}));
          }
        };
        const [volume] = store.volumes.all;
        if (volume === undefined) throw new Error('there is no volume');
        const scanning = scanner.scan(volume, new AbortController().signal);
        await clock.advance(60_000);
        const { missing, corrupt, unknown } = await scanning;
        await Promise.all(works);
        await clock.advance(0);
        t.deepEqual([missing, corrupt, unknown], [0, 0, 0]);
        t.deepEqual(
          events.notes.filter((note) => note.startsWith('corrupt')),
          [],
        );
      },
    ),
    { numRuns: 25 },
  );
});

type Act = 'nothing' | 'lose data' | 'lose meta' | 'lose both' | 'cut data' | 'grow data' | 'cut meta';

const ACTS: Readonly<Record<Act, (image: DiskImage, id: number) => void>> = {
  nothing: () => {},
  'lose data': (image, id) => image.remove(dataFile(id)),
  'lose meta': (image, id) => image.remove(metaFile(id)),
  'lose both': (image, id) => {
    for (const path of [dataFile(id), metaFile(id)]) image.remove(path);
  },
  'cut data': (image, id) => image.truncate(image.open(dataFile(id), 'write'), 1),
  'grow data': (image, id) => image.write(image.open(dataFile(id), 'write'), Buffer.from('x'), 2500),
  'cut meta': (image, id) => image.truncate(image.open(metaFile(id), 'write'), 8),
};

const EXPECTED: Readonly<Record<Act, string>> = {
  nothing: '',
  'lose data': 'deleted',
  'lose meta': 'corrupt',
  'lose both': 'deleted',
  'cut data': 'corrupt',
  'grow data': 'corrupt',
  'cut meta': 'corrupt',
};

test('whatever is done to the files of any replicas, each gets the report that it needs, and no other', async (t) => {
  const act = fc.constantFrom(...(Object.keys(ACTS) as Act[]));
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 10 }), fc.nat(100_000), async (acts, start) => {
      const id = (index: number): number => 1 + start + index * 9001;
      const { image, events, scan } = await openScanner(acts.map((_, index) => block(id(index), 2500)));
      for (const [index, what] of acts.entries()) ACTS[what](image, id(index));
      await scan();
      const wanted = acts.flatMap((what, index) =>
        EXPECTED[what] ? [`${EXPECTED[what]} ${id(index)}_1001 2500`] : [],
      );
      t.deepEqual(sorted(events.notes), sorted(wanted));
    }),
    { numRuns: 25 },
  );
});

test('when the disk is not mounted any more, nothing is taken for lost', async (t) => {
  const { image, store, events, scanner, clock } = await openScanner([block(7), block(8)]);
  for (const id of [7, 8]) for (const path of [dataFile(id), metaFile(id)]) image.remove(path);
  image.remove(layout.version);
  const [volume] = store.volumes.all;
  if (volume === undefined) throw new Error('there is no volume');
  const scanning = t.throwsAsync(scanner.scan(volume, new AbortController().signal), {
    message: /is its disk mounted/,
  });
  await clock.advance(60_000);
  await scanning;
  t.deepEqual(events.notes, []);
  t.is(store.catalog.finalizedCount, 2);
});

/** Lets the scanner run on its own. */
function run(t: ExecutionContext, scanner: DirectoryScanner): void {
  const stopping = new AbortController();
  const running = scanner.run(stopping.signal);
  t.teardown(async () => {
    stopping.abort(new Error('the test stops it'));
    await running;
  });
}

test('the directories are compared every interval, the first time somewhere within the first one', async (t) => {
  const { image, events, clock, scanner } = await openScanner([block(7), block(8)]);
  run(t, scanner);
  image.remove(dataFile(7));
  await clock.advance(INTERVAL_MS + 60_000);
  t.deepEqual(events.notes, ['deleted 7_1001 5000']);
  t.true(scanner.lastEndedMs !== undefined);
  image.remove(dataFile(8));
  await clock.advance(INTERVAL_MS + 60_000);
  t.deepEqual(events.notes, ['deleted 7_1001 5000', 'deleted 8_1001 5000']);
});

test('a disk that fails in the middle ends that scan, not the scanner', async (t) => {
  const { image, disk, events, clock, scanner } = await openScanner([block(7)]);
  run(t, scanner);
  disk.onOperation = (operation) => {
    if (operation.kind === 'list') throw osError('EMFILE', operation);
  };
  image.remove(dataFile(7));
  await clock.advance(INTERVAL_MS + 60_000);
  t.deepEqual(events.notes, []);
  disk.onOperation = () => {};
  await clock.advance(INTERVAL_MS + 60_000);
  t.deepEqual(events.notes, ['deleted 7_1001 5000']);
});

test('files in rbw/ that belong to nothing are put aside at the second sight, others stay', async (t) => {
  const { image, store, scan } = await openScanner([block(1)]);
  const writable = await store.createRbw(block(2, 0), newReplica());
  await packetWriter(store, writable).write(packetOf(Buffer.alloc(5000, 2), 0, 5000));
  const left = ['/data/current/rbw/blk_3', '/data/current/rbw/blk_3_1001.meta', '/data/current/rbw/blk_1'];
  for (const path of left) create(image, path, Buffer.from('left'));
  t.is((await scan()).debris, 2);
  t.is((await scan()).debris, 2);
  // Block 1 has a finalized replica: what an older one has left in rbw/, because it could not be removed, is in nobody's way, but no use either.
  t.deepEqual(sorted(image.list(layout.quarantine).map(({ name }) => name)), ['blk_1', 'blk_3', 'blk_3_1001.meta']);
  t.deepEqual(sorted(image.list(layout.rbw).map(({ name }) => name)), ['blk_2', 'blk_2_1001.meta']);
});

test('what a copy that was given up left in tmp/ is removed, files of one that comes in stay', async (t) => {
  const { image, store, scan } = await openScanner([block(1)]);
  const writable = await store.createTemporary(block(2, 0), newReplica());
  await packetWriter(store, writable).write(packetOf(Buffer.alloc(5000, 2), 0, 5000));
  for (const name of ['blk_3', 'blk_3_1001.meta', 'blk_1_1001.meta'])
    create(image, `${layout.tmp}/${name}`, Buffer.from('left'));
  t.is((await scan()).debris, 2);
  t.deepEqual(sorted(image.list(layout.tmp).map(({ name }) => name)), ['blk_2', 'blk_2_1001.meta']);
  t.is((await scan()).debris, 0);
  t.deepEqual(sorted(image.list(layout.subdirectory(0)).map(({ name }) => name)), ['blk_1', 'blk_1_1001.meta']);
});

test('the meta file of an older replica that was left in finalized/ is removed', async (t) => {
  const { image, scan } = await openScanner([{ ...block(1), generationStamp: 1002 }]);
  create(image, metaFile(1), Buffer.from('old'));
  t.is((await scan()).corrupt, 0);
  t.deepEqual(sorted(image.list(layout.subdirectory(0)).map(({ name }) => name)), ['blk_1', 'blk_1_1002.meta']);
});

test('an older replica of a block that another volume has is put aside at the second sight', async (t) => {
  const { image, disk, store, scan } = await openScanner([], ['/data', '/other']);
  await disk.makeDirectory(layout.subdirectory(0));
  const [first, second] = store.volumes.all as [Volume, Volume];
  const newer = { ...block(1), generationStamp: 1002 };
  t.true(store.catalog.foundFinalized(newer, second));
  create(image, dataFile(1), Buffer.from('old'));
  create(image, metaFile(1), Buffer.from('old'));
  t.deepEqual([(await scan()).debris, (await scan()).debris], [1, 1]);
  t.is(image.list(first.layout.quarantine).length, 2);
  t.is(store.catalog.finalized(1)?.generationStamp, 1002);
});
