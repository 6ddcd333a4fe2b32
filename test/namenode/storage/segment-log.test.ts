import test from 'ava';
import fc from 'fast-check';
import { isDfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { seededRandom } from '../../../common/random.js';
import type { EditBatch } from '../../../namenode/storage/edit-log.js';
import type { EditRecord } from '../../../namenode/storage/edit-records.js';
import { SegmentLog } from '../../../namenode/storage/segment-log.js';
import { FakeDisk, osError } from '../support/fake-disk.js';

const DIRECTORY = '/name/current';
const logger = createLogger({ name: 'test', level: 'silent' });

const record = (txid: number): EditRecord => ({ op: 'setPermission', timeMs: txid, id: 1, mode: 0o700 + (txid % 8) });

function batchOf(firstTxid: number, count: number): EditBatch {
  return { firstTxid, records: Array.from({ length: count }, (_, i) => record(firstTxid + i)) };
}

function open(disk: FakeDisk, segmentBytesMax = 2 ** 20): Promise<SegmentLog> {
  return SegmentLog.open({ disk, directory: DIRECTORY, segmentBytesMax, logger });
}

/** A log that was written to batch by batch and never closed, as after `kill -9`. */
async function written(
  batchSizes: readonly number[],
  segmentBytesMax?: number,
): Promise<{ disk: FakeDisk; log: SegmentLog }> {
  const disk = new FakeDisk();
  const log = await open(disk, segmentBytesMax);
  await log.fence(1);
  for (const size of batchSizes) await log.append(batchOf(log.lastTxid + 1, size));
  return { disk, log };
}

async function readAll(log: SegmentLog, txid = 1): Promise<EditRecord[]> {
  const records: EditRecord[] = [];
  for await (const batch of log.read(txid)) records.push(...batch.records);
  return records;
}

const recordsThrough = (txid: number) => Array.from({ length: txid }, (_, i) => record(i + 1));

const IN_PROGRESS = `${DIRECTORY}/edits_inprogress_0000000000000000001`;

test('what was appended is read back after a restart, across segments', async (t) => {
  const { disk, log } = await written([1, 3, 2, 5], 200);
  t.is(log.lastTxid, 11);
  t.deepEqual(await readAll(log), recordsThrough(11));
  const again = await open(disk);
  t.is(again.lastTxid, 11);
  t.deepEqual(await readAll(again), recordsThrough(11));
  t.true([...disk.files.keys()].filter((path) => path.includes('edits_0')).length > 1);
});

test('a batch is answered only after it was synced', async (t) => {
  const disk = new FakeDisk();
  const log = await open(disk);
  await log.fence(1);
  disk.events.length = 0;
  let synced = false;
  disk.fault = (operation) => {
    if (operation === 'sync') synced = true;
  };
  await log.append(batchOf(1, 2));
  t.true(synced);
  t.deepEqual(disk.events, [`write ${IN_PROGRESS}.tmp`, `sync ${IN_PROGRESS}.tmp`]);
});

test('cut at any byte, the log holds exactly the batches that are whole, or is refused', async (t) => {
  const sizes = [1, 2, 1, 4];
  const ends: number[] = [];
  const { disk: whole, log } = await written([]);
  for (const size of sizes) {
    await log.append(batchOf(log.lastTxid + 1, size));
    ends.push(whole.bytesOf(IN_PROGRESS).length);
  }
  const bytes = whole.bytesOf(IN_PROGRESS);
  for (let length = 0; length <= bytes.length; length++) {
    const disk = new FakeDisk();
    disk.put(IN_PROGRESS, bytes.subarray(0, length));
    if (length < 32) {
      await t.throwsAsync(open(disk), { name: 'DamagedMetadata', message: /no header/ });
      continue;
    }
    const survivors = ends.filter((end) => end <= length).length;
    const txid = sizes.slice(0, survivors).reduce((sum, size) => sum + size, 0);
    const log = await open(disk);
    t.is(log.lastTxid, txid);
    t.deepEqual(await readAll(log), recordsThrough(txid));
    await log.fence(log.epoch + 1);
    await log.append(batchOf(txid + 1, 1));
    t.deepEqual(await readAll(await open(disk)), recordsThrough(txid + 1));
  }
});

test('a flipped byte is never read as something else: damage before the last batch is refused', async (t) => {
  const { disk: whole, log } = await written([1, 2, 1]);
  const startOfLast = whole.bytesOf(IN_PROGRESS).length;
  await log.append(batchOf(5, 1));
  const bytes = whole.bytesOf(IN_PROGRESS);
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const disk = new FakeDisk();
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ flip;
      disk.put(IN_PROGRESS, damaged);
      if (at < startOfLast) {
        const error = await t.throwsAsync(open(disk), { name: 'DamagedMetadata' }, `byte ${at}`);
        t.regex(error.message, /edits_inprogress_0000000000000000001 at byte \d+, transaction \d/);
      } else {
        t.deepEqual(await readAll(await open(disk)), recordsThrough(4));
      }
    }
  }
});

test('any damage to a closed segment is refused when it is read', async (t) => {
  const { disk, log } = await written([2, 1]);
  await log.roll();
  const path = `${DIRECTORY}/edits_0000000000000000001-0000000000000000003`;
  const bytes = Buffer.from(disk.bytesOf(path));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    disk.put(path, damaged);
    await t.throwsAsync(readAll(await open(disk)), { name: 'DamagedMetadata', message: /edits_0+1-0+3 at byte/ });
    disk.put(path, bytes.subarray(0, at));
    await t.throwsAsync(readAll(await open(disk)), { name: 'DamagedMetadata' });
  }
});

test('a missing segment is refused, and the message says what is missing', async (t) => {
  const { disk, log } = await written([2]);
  await log.roll();
  await log.append(batchOf(3, 2));
  await log.roll();
  await log.append(batchOf(5, 1));
  disk.files.delete(`${DIRECTORY}/edits_0000000000000000003-0000000000000000004`);
  await t.throwsAsync(open(disk), {
    name: 'DamagedMetadata',
    message: /transaction 3: the file begins with transaction 5/,
  });
});

test('a power failure in the middle of an append leaves the whole batch or nothing of it', async (t) => {
  let lost = 0;
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
      fc.nat(),
      async (sizes, seed) => {
        const { disk, log } = await written(sizes);
        const before = log.lastTxid;
        disk.fault = (operation) => {
          if (operation !== 'write') throw new Error('the machine is off');
        };
        await t.throwsAsync(log.append(batchOf(before + 1, 20)), { name: 'DamagedMetadata' });
        disk.fault = () => {};
        disk.crash(seededRandom(seed));
        const recovered = await open(disk);
        if (recovered.lastTxid === before) lost++;
        else kept++;
        t.true(recovered.lastTxid === before || recovered.lastTxid === before + 20);
        t.deepEqual(await readAll(recovered), recordsThrough(recovered.lastTxid));
      },
    ),
    { numRuns: 300 },
  );
  t.true(lost > 0 && kept > 0);
});

test('a full disk fails the append, leaves no trace of it, and the log goes on afterwards', async (t) => {
  const { disk, log } = await written([2]);
  disk.fault = (operation) => {
    if (operation === 'write') throw osError('ENOSPC');
  };
  await t.throwsAsync(log.append(batchOf(3, 4)), { name: 'NoSpace', message: /disk is full/ });
  t.is(log.lastTxid, 2);
  disk.fault = () => {};
  t.deepEqual(await readAll(await open(disk)), recordsThrough(2));
});

test('an append works again once the disk does', async (t) => {
  for (const failing of ['write', 'sync'] as const) {
    const { disk, log } = await written([2]);
    let failures = 1;
    disk.fault = (operation) => {
      if (operation === failing && failures-- > 0) throw osError('EIO');
    };
    await t.throwsAsync(log.append(batchOf(3, 4)), { name: 'RetryLater' });
    await log.append(batchOf(3, 1));
    t.deepEqual(await readAll(await open(disk)), recordsThrough(3));
  }
});

test('when the end of the log cannot be cut back either, nothing more is written', async (t) => {
  const { disk, log } = await written([2]);
  disk.fault = (operation) => {
    if (operation === 'write' || operation === 'truncate') throw osError('EIO');
  };
  await t.throwsAsync(log.append(batchOf(3, 1)), {
    name: 'DamagedMetadata',
    message: /neither written .* nor cut back/,
  });
  disk.fault = () => {};
  await t.throwsAsync(log.append(batchOf(3, 1)), { name: 'DamagedMetadata' });
});

test('a failure while a new segment is begun leaves a log that can be opened and written', async (t) => {
  for (const failing of ['create', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
    const { disk, log } = await written([2]);
    let failures = 1;
    disk.fault = (operation) => {
      if (operation === failing && failures-- > 0) throw osError('ENOSPC');
    };
    await t.throwsAsync(log.roll());
    t.deepEqual(await readAll(await open(copyOf(disk))), recordsThrough(2), `${failing}: after a restart`);
    await log.append(batchOf(3, 1));
    t.deepEqual(await readAll(await open(copyOf(disk))), recordsThrough(3), `${failing}: in the same process`);
  }
});

test('nobody writes under an epoch that is over, or without having taken the log', async (t) => {
  const { disk, log } = await written([1]);
  await t.throwsAsync(log.fence(1), { name: 'DamagedMetadata', message: /epoch 1/ });
  const next = await open(disk);
  t.is(next.epoch, 1);
  await t.throwsAsync(next.append(batchOf(2, 1)), { message: /fenced/ });
  await next.fence(2);
  await next.append(batchOf(2, 1));
  t.is((await open(disk)).epoch, 2);
});

test('segments that a checkpoint covers are removed, but never what says where the log stands', async (t) => {
  const { disk, log } = await written([2]);
  await log.roll();
  await log.append(batchOf(3, 2));
  await log.roll();
  await log.removeThrough(3);
  t.deepEqual(await readAll(log, 3), [record(3), record(4)]);
  await log.removeThrough(4);
  await log.close();
  const again = await open(disk);
  t.is(again.lastTxid, 4);
  t.deepEqual(await readAll(again), []);
  await again.fence(again.epoch + 1);
  await again.append(batchOf(5, 1));
  t.deepEqual(await readAll(await open(disk), 5), [record(5)]);
});

test('a disk that fails when the log is closed is told of in words, and nothing is lost', async (t) => {
  const { disk, log } = await written([2]);
  disk.fault = (operation) => {
    if (operation === 'syncDirectory') throw osError('EIO');
  };
  await t.throwsAsync(log.close(), { name: 'RetryLater', message: /edit log .* cannot be written/ });
  disk.fault = () => {};
  t.is((await open(disk)).lastTxid, 2);
});

test('reading from a transaction in the middle of a batch begins with that batch', async (t) => {
  const { log } = await written([2, 3, 1]);
  const batches: EditBatch[] = [];
  for await (const batch of log.read(4)) batches.push(batch);
  t.deepEqual(
    batches.map(({ firstTxid }) => firstTxid),
    [3, 6],
  );
});

test('all errors of the log are errors that a user may read', async (t) => {
  const { disk, log } = await written([1]);
  await log.roll();
  await log.append(batchOf(2, 1));
  disk.fault = () => {
    throw osError('EROFS');
  };
  for (const fails of [() => log.removeThrough(1), () => log.roll(), () => log.append(batchOf(3, 1))]) {
    t.true(isDfsError(await t.throwsAsync(fails())));
  }
});

function copyOf(disk: FakeDisk): FakeDisk {
  const copy = new FakeDisk();
  for (const [path, { bytes }] of disk.files) copy.put(path, bytes);
  return copy;
}
