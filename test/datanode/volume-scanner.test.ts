import test, { type ExecutionContext } from 'ava';
import type { Block } from '../../common/block.js';
import { VolumeLayout } from '../../datanode/disk/layout.js';
import { PipelineRecovery } from '../../datanode/pipeline-recovery.js';
import { ReplicaRemoval } from '../../datanode/replica-removal.js';
import type { ReplicaStore } from '../../datanode/replica-store.js';
import { VolumeScanner } from '../../datanode/volume-scanner.js';
import { DiskImage } from '../sim/disk-image.js';
import { FakeClock } from '../support/fake-clock.js';
import { FaultyDisk, osError } from '../support/faulty-disk.js';
import { imageDisk } from './support/image-disk.js';
import {
  contentOf,
  type NotedEvents,
  nobody,
  openStore,
  packetOf,
  packetWriter,
  quiet,
  writeBlock,
} from './support/store-fixture.js';

const HOUR_MS = 3_600_000;
const PERIOD_MS = 21 * 24 * HOUR_MS;
const FAST = 1024 ** 3;
const layout = new VolumeLayout('/data');

const block = (blockId: number, numBytes = 5000): Block => ({ blockId, generationStamp: 1001, numBytes });

interface Fixture {
  readonly image: DiskImage;
  readonly disk: FaultyDisk;
  readonly clock: FakeClock;
  readonly store: ReplicaStore;
  readonly events: NotedEvents;
  readonly scanner: VolumeScanner;
  /** Data files in the order in which they were opened for reading. */
  readonly opened: number[];
  start(): void;
  stop(): Promise<void>;
}

interface FixtureOptions {
  readonly image?: DiskImage;
  readonly clock?: FakeClock;
  readonly bytesPerSecond?: number;
}

/** A scanner that has not been started, over what the image holds and `blocks` besides. */
async function openScanner(
  t: ExecutionContext,
  blocks: readonly Block[],
  { image = new DiskImage(), clock = new FakeClock(), bytesPerSecond = FAST }: FixtureOptions = {},
): Promise<Fixture> {
  const disk = new FaultyDisk(imageDisk(image));
  const { store, events } = await openStore(disk);
  for (const written of blocks) await writeBlock(store, written);
  events.notes.length = 0;
  const opened: number[] = [];
  disk.onOperation = ({ kind, path }) => {
    const blockId = /blk_(\d+)$/.exec(path)?.[1];
    if (kind === 'open' && blockId !== undefined) opened.push(Number(blockId));
  };
  const [volume] = store.volumes.all;
  if (volume === undefined) throw new Error('there is no volume');
  const scanner = new VolumeScanner({ store, volume, clock, logger: quiet, bytesPerSecond, periodMs: PERIOD_MS });
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const start = (): void => {
    running = scanner.run(stopping.signal);
  };
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the test stops it'));
    await running;
  };
  t.teardown(stop);
  return { image, disk, clock, store, events, scanner, opened, start, stop };
}

function flip(image: DiskImage, path: string, position: number): void {
  const handle = image.open(path, 'write');
  const byte = Buffer.alloc(1);
  handle.image.read(byte, position);
  image.write(handle, Buffer.from([(byte[0] ?? 0) ^ 0x10]), position);
  handle.close();
}

const sorted = (ids: Iterable<number>): number[] => [...new Set(ids)].sort((a, b) => a - b);
const dataFile = (blockId: number): string => layout.dataFile('finalized', blockId);
const metaFile = (blockId: number): string => layout.metaFile('finalized', blockId, 1001);

test('every replica is verified, and nothing is said of good ones', async (t) => {
  const blocks = [block(1, 0), block(2, 1), block(3, 1024), block(4, 300_000)];
  const { scanner, events, clock, start } = await openScanner(t, blocks);
  t.is(scanner.lastPassEndedMs, undefined);
  start();
  await clock.advance(60_000);
  t.deepEqual(scanner.counts, { replicas: 4, bytes: 301_025, corrupt: 0 });
  t.true(scanner.lastPassEndedMs !== undefined);
  t.deepEqual(events.notes, []);
});

type Damage = (image: DiskImage) => void;

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a bit flipped at the beginning of the data': (image) => flip(image, dataFile(7), 0),
  'a bit flipped at the end of the data': (image) => flip(image, dataFile(7), 299_999),
  'a bit flipped in a checksum': (image) => flip(image, metaFile(7), 600),
  'a bit flipped in the header of the meta file': (image) => flip(image, metaFile(7), 1),
  'a data file that is cut': (image) => image.truncate(image.open(dataFile(7), 'write'), 299_000),
  'a data file that has grown': (image) => image.write(image.open(dataFile(7), 'write'), Buffer.from('x'), 300_000),
  'a meta file that is cut': (image) => image.truncate(image.open(metaFile(7), 'write'), 100),
  'no data file': (image) => image.remove(dataFile(7)),
  'no meta file': (image) => image.remove(metaFile(7)),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`${what} is reported without any reader`, async (t) => {
    const { image, scanner, events, clock, start } = await openScanner(t, [block(6), block(7, 300_000), block(8)]);
    damage(image);
    start();
    await clock.advance(60_000);
    t.deepEqual(new Set(events.notes), new Set(['corrupt 7_1001 300000']));
    t.is(scanner.counts.replicas, 2);
    t.is(scanner.counts.corrupt, 1);
  });
}

test('a sector that cannot be read makes the replica a corrupt one', async (t) => {
  const { disk, events, clock, scanner, start } = await openScanner(t, [block(7), block(8)]);
  disk.onOperation = (operation) => {
    if (operation.kind === 'read' && operation.path.endsWith('blk_7')) throw osError('EIO', operation);
  };
  start();
  await clock.advance(60_000);
  t.deepEqual(events.notes, ['corrupt 7_1001 5000']);
  t.is(scanner.counts.replicas, 1);
});

test('a disk that fails for a moment makes no replica corrupt', async (t) => {
  const { disk, events, clock, scanner, start } = await openScanner(t, [block(7)]);
  let failures = 2;
  disk.onOperation = (operation) => {
    if (operation.kind === 'read' && failures-- > 0) throw osError('EIO', operation);
  };
  start();
  await clock.advance(60_000);
  t.deepEqual(events.notes, []);
  t.is(scanner.counts.replicas, 1);
});

test('want of file descriptors says nothing about a replica', async (t) => {
  const { disk, events, clock, scanner, start } = await openScanner(t, [block(7), block(8)]);
  disk.onOperation = (operation) => {
    if (operation.kind === 'open' && operation.path.endsWith('blk_7')) throw osError('EMFILE', operation);
  };
  start();
  await clock.advance(60_000);
  t.deepEqual(events.notes, []);
  t.is(scanner.counts.replicas, 1);
});

test('the scan reads no faster than configured', async (t) => {
  const bytesPerSecond = 100_000;
  const blocks = [1, 2, 3, 4].map((blockId) => block(blockId, 1_000_000));
  const { scanner, clock, start } = await openScanner(t, blocks, { bytesPerSecond });
  start();
  const burst = 256 * 1024;
  for (let seconds = 1; seconds <= 30; seconds++) {
    await clock.advance(1000);
    // One slice is read before it is paid for.
    t.true(scanner.counts.bytes <= seconds * bytesPerSecond + burst);
  }
  t.true(scanner.counts.bytes >= 20 * bytesPerSecond);
  await clock.advance(20_000);
  t.is(scanner.counts.replicas, 4);
});

test('many small replicas are not opened faster than a disk finds them', async (t) => {
  const blocks = Array.from({ length: 100 }, (_, i) => block(i + 1, 1));
  const { scanner, clock, start } = await openScanner(t, blocks, { bytesPerSecond: 320 * 1024 });
  start();
  await clock.advance(1000);
  t.true(scanner.counts.replicas <= 12, `${scanner.counts.replicas} in the first second`);
  await clock.advance(10_000);
  t.is(scanner.counts.replicas, 100);
});

test('the next pass begins a period later, and finds what has rotted meanwhile', async (t) => {
  const { image, scanner, events, clock, start } = await openScanner(t, [block(7)]);
  start();
  await clock.advance(60_000);
  t.is(scanner.counts.replicas, 1);
  flip(image, dataFile(7), 3000);
  await clock.advance(PERIOD_MS - 120_000);
  t.deepEqual(events.notes, []);
  await clock.advance(120_000);
  t.deepEqual(events.notes, ['corrupt 7_1001 5000']);
});

test('a suspect is verified next, before the rest of the pass and while nothing is due', async (t) => {
  const blocks = Array.from({ length: 20 }, (_, i) => block(i + 1, 100_000));
  const { scanner, clock, opened, start } = await openScanner(t, blocks, { bytesPerSecond: 100_000 });
  start();
  await clock.advance(3000);
  t.true(opened.length >= 2 && opened.length < 10);
  const last = blocks.map(({ blockId }) => blockId).find((blockId) => !opened.includes(blockId)) ?? 0;
  const before = opened.length;
  scanner.suspect(last);
  await clock.advance(3000);
  t.is(opened[before], last);

  await clock.advance(100_000);
  const whole = opened.length;
  await clock.advance(1000);
  t.is(opened.length, whole);
  const another = last === 20 ? 19 : 20;
  scanner.suspect(another);
  await clock.advance(0);
  t.is(opened.length, whole + 1);
  t.is(opened.at(-1), another);
});

test('after a stop the scan goes on where it was', async (t) => {
  const ids = Array.from({ length: 20 }, (_, i) => i + 1);
  const first = await openScanner(
    t,
    ids.map((id) => block(id, 100_000)),
    { bytesPerSecond: 100_000 },
  );
  first.start();
  await first.clock.advance(10_000);
  await first.stop();
  t.true(first.opened.length >= 3 && first.opened.length < 20);

  const second = await openScanner(t, [], { image: first.image, clock: first.clock });
  second.start();
  await second.clock.advance(60_000);
  // The one that was being read is read again.
  t.is(second.opened[0], first.opened.at(-1));
  t.deepEqual(sorted([...first.opened, ...second.opened]), ids);
  t.is(first.opened.length + second.opened.length, ids.length + 1);

  // A pass that is complete is not begun again by a restart.
  await second.stop();
  const third = await openScanner(t, [], { image: first.image, clock: first.clock });
  third.start();
  await third.clock.advance(HOUR_MS);
  t.deepEqual(third.opened, []);
  t.is(third.scanner.lastPassEndedMs, second.scanner.lastPassEndedMs);
});

test('after a crash no more than a minute of the scan is done again', async (t) => {
  const ids = Array.from({ length: 40 }, (_, i) => i + 1);
  const blocks = ids.map((id) => block(id, 500_000));
  const { image, disk, clock, opened, start } = await openScanner(t, blocks, { bytesPerSecond: 100_000 });
  let saves = 0;
  const { onOperation } = disk;
  disk.onOperation = (operation) => {
    onOperation(operation);
    if (operation.kind === 'rename' && operation.path.includes('scanner.cursor')) saves++;
  };
  start();
  await clock.advance(150_000);
  t.is(saves, 2);
  const before = [...opened];
  disk.crashAt(disk.changes - 1);

  const second = await openScanner(t, [], { image, clock });
  second.start();
  await clock.advance(60_000);
  const again = second.opened.filter((id) => before.includes(id));
  t.true(again.length <= 8, `${again.length} of ${before.length} again`);
  t.deepEqual(sorted([...before, ...second.opened]), ids);
});

for (const [what, damage] of Object.entries({
  torn: (text: string): string => text.slice(0, 20),
  'with a flipped bit': (text: string): string => text.replace('lastPass', 'lastPbss'),
  'of another version': (text: string): string => text.replace('"version":1', '"version":2'),
  empty: (): string => '',
  'of other bytes': (): string => '\0\u00ff\n\n\n',
})) {
  test(`a place that is ${what} is not believed: the scan begins anew`, async (t) => {
    const first = await openScanner(t, [block(1), block(2)]);
    first.start();
    await first.clock.advance(60_000);
    await first.stop();
    const handle = first.image.open(layout.scannerCursor, 'write');
    const bytes = Buffer.alloc(handle.image.size);
    handle.image.read(bytes, 0);
    first.image.truncate(handle, 0);
    first.image.write(handle, Buffer.from(damage(bytes.toString())), 0);
    handle.close();

    const second = await openScanner(t, [], { image: first.image, clock: first.clock });
    second.start();
    await second.clock.advance(60_000);
    t.is(second.scanner.counts.replicas, 2);
  });
}

test('a disk that does not keep the place does not keep the scan from going on', async (t) => {
  const { disk, clock, scanner, start } = await openScanner(t, [block(1), block(2)]);
  disk.onOperation = (operation) => {
    if (operation.path.includes('scanner.cursor')) throw osError('ENOSPC', operation);
  };
  start();
  await clock.advance(2 * HOUR_MS);
  t.is(scanner.counts.replicas, 2);
});

test('a replica that is deleted while it is verified is not reported, whatever its bytes are', async (t) => {
  const fixture = await openScanner(t, [block(7, 600_000)], { bytesPerSecond: 100_000 });
  const { image, store, clock, events, scanner } = fixture;
  fixture.start();
  await clock.advance(1000);
  t.true(scanner.counts.bytes > 0 && scanner.counts.bytes < 600_000);
  flip(image, dataFile(7), 599_000);
  new ReplicaRemoval(store, quiet).invalidate([block(7)]);
  await clock.advance(60_000);
  t.deepEqual(events.notes, ['deleted 7_1001 600000']);
  t.is(image.openFiles, 0);
  t.is(scanner.counts.replicas, 0);
});

test('a replica that is appended to while it is verified is not reported', async (t) => {
  const numBytes = 600_100;
  const fixture = await openScanner(t, [block(7, numBytes)], { bytesPerSecond: 100_000 });
  const { store, clock, events, scanner } = fixture;
  fixture.start();
  await clock.advance(1000);
  t.true(scanner.counts.bytes > 0 && scanner.counts.bytes < numBytes);
  const request = { block: block(7, numBytes), newGenerationStamp: 1002, writer: nobody };
  const writable = await new PipelineRecovery(store).append(request, numBytes);
  const longer = Buffer.concat([contentOf(7, numBytes), Buffer.alloc(500, 'x')]);
  const writer = packetWriter(store, writable);
  const chunkStart = numBytes - (numBytes % 1024);
  await writer.write(packetOf(longer, chunkStart, longer.length));
  await writer.flush();
  await clock.advance(60_000);
  t.deepEqual(
    events.notes.filter((note) => note.startsWith('corrupt')),
    [],
  );
  await store.finalize(writable);
  t.is(scanner.counts.corrupt, 0);
});

test('stopping breaks off a long replica at once and leaves no file open and no timer', async (t) => {
  const { image, clock, start, stop } = await openScanner(t, [block(7, 10_000_000)], { bytesPerSecond: 10_000 });
  start();
  await clock.advance(1000);
  t.true(image.openFiles > 0);
  await stop();
  t.is(image.openFiles, 0);
  t.is(clock.pendingTimers, 0);
});
