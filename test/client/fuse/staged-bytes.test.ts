import { randomFillSync } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { type JournalPlace, StagedBytes, type StagingBudget } from '../../../client/fuse/staged-bytes.js';
import type { DiskFile } from '../../../common/disk.js';
import { nodeDisk } from '../../../common/node-disk.js';

const OLD_BYTES = 40;
const SALT = 0xfeedbeef;
const BASE = { clusterId: 'c', fileId: 7, version: { length: OLD_BYTES, blockIds: [1, 2], lastGenerationStamp: 3 } };
const UNLIMITED: StagingBudget = { take: () => {}, giveBack: () => {} };

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly data: Buffer }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'commit' };

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), position: fc.nat(60), data: bytes(1, 20) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('length' as const), length: fc.nat(70) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
);

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
}

/** A journal's file in memory. */
class MemoryFile implements DiskFile {
  readonly path = '/staged';
  bytes: Buffer;
  /** The next write stops after so many bytes, as on a full disk. */
  roomBytes = Number.POSITIVE_INFINITY;

  constructor(contents: Buffer = Buffer.alloc(0)) {
    this.bytes = contents;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.bytes.copy(target, 0, position);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const whole = Buffer.concat(buffers);
    const data = whole.subarray(0, this.roomBytes);
    const before = this.bytes.subarray(0, position);
    this.bytes = Buffer.concat([before, data, this.bytes.subarray(position + data.length)]);
    if (data.length < whole.length) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  }

  async size(): Promise<number> {
    return this.bytes.length;
  }

  async identity(): Promise<string> {
    return this.path;
  }

  async sync(): Promise<void> {}
  async truncate(): Promise<void> {}
  async close(): Promise<void> {}
}

function place(file: DiskFile, budget = UNLIMITED): JournalPlace {
  return { disk: nodeDisk, file, budget };
}

async function apply(staged: StagedBytes, change: Change): Promise<void> {
  if (change.kind === 'write') await staged.write(change.position, change.data);
  else if (change.kind === 'length') await staged.setLength(change.length);
  else await staged.committing(BASE.version);
}

/** What the file holds; bytes of the old contents are 256, holes 0. */
async function contentsOf(staged: StagedBytes): Promise<number[]> {
  const contents: number[] = Array.from({ length: staged.length }, (_, i) => (i < staged.keptBytes ? 256 : 0));
  for (const { start, end } of staged.written) {
    const target = Buffer.alloc(end - start);
    await staged.readInto(target, start);
    contents.splice(start, target.length, ...target);
  }
  return contents;
}

/** The same on an array. */
function changed(contents: readonly number[], change: Change): number[] {
  if (change.kind === 'commit') return [...contents];
  const length =
    change.kind === 'length' ? change.length : Math.max(contents.length, change.position + change.data.length);
  const result = Array.from({ length }, (_, i) => contents[i] ?? 0);
  if (change.kind === 'write') result.splice(change.position, change.data.length, ...change.data);
  return result;
}

const BEFORE: readonly number[] = Array.from({ length: OLD_BYTES }, () => 256);

test('a journal that is cut at any byte gives the state after its last whole record', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { maxLength: 8 }), async (changes) => {
      const file = new MemoryFile();
      const staged = await StagedBytes.begin(place(file), BASE, SALT);
      const states = [{ end: staged.journalBytes, contents: BEFORE }];
      for (const change of changes) {
        await apply(staged, change);
        states.push({ end: staged.journalBytes, contents: changed(states.at(-1)?.contents ?? [], change) });
      }
      t.deepEqual(await contentsOf(staged), states.at(-1)?.contents);
      for (let cut = 0; cut <= file.bytes.length; cut++) {
        const loaded = await StagedBytes.load(place(new MemoryFile(file.bytes.subarray(0, cut))));
        const expected = states.filter(({ end }) => end <= cut).at(-1);
        if (expected === undefined) t.is(loaded, undefined);
        else t.deepEqual(loaded && (await contentsOf(loaded)), expected.contents);
      }
    }),
    { numRuns: 30 },
  );
});

test('a journal that is damaged at any byte gives a state that the file had', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyChange, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 255 }),
      async (changes, flip) => {
        const file = new MemoryFile();
        const staged = await StagedBytes.begin(place(file), BASE, SALT);
        const states = [{ end: staged.journalBytes, contents: BEFORE }];
        for (const change of changes) {
          await apply(staged, change);
          states.push({ end: staged.journalBytes, contents: changed(states.at(-1)?.contents ?? [], change) });
        }
        for (let at = 0; at < file.bytes.length; at += 3) {
          const damaged = Buffer.from(file.bytes);
          damaged[at] = (damaged[at] ?? 0) ^ flip;
          const loaded = await StagedBytes.load(place(new MemoryFile(damaged)));
          const expected = states.filter(({ end }) => end <= at).at(-1);
          t.deepEqual(loaded && (await contentsOf(loaded)), expected?.contents);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('writing goes on behind a record that found no room, and behind a torn end', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyChange, { maxLength: 4 }),
      anyChange,
      fc.nat(23),
      anyChange,
      async (before, failing, room, after) => {
        const file = new MemoryFile();
        const staged = await StagedBytes.begin(place(file), BASE, SALT);
        for (const change of before) await apply(staged, change);
        const expected = before.reduce<readonly number[]>(changed, BEFORE);
        file.roomBytes = room;
        if (failing.kind !== 'commit') await t.throwsAsync(apply(staged, failing), { name: 'NoSpace' });
        file.roomBytes = Number.POSITIVE_INFINITY;
        t.deepEqual(await contentsOf(staged), expected);
        const loaded = await StagedBytes.load(place(file));
        for (const each of [staged, loaded]) {
          if (each === undefined) return t.fail('the journal could not be taken up');
          await apply(each, after);
          t.deepEqual(await contentsOf(each), changed(expected, after));
        }
        const again = await StagedBytes.load(place(file));
        t.deepEqual(again && (await contentsOf(again)), changed(expected, after));
      },
    ),
    { numRuns: 200 },
  );
});

test('what a program wrote is not taken for a record, though it looks like one', async (t) => {
  const other = new MemoryFile();
  const inner = await StagedBytes.begin(place(other), BASE, SALT + 1);
  await inner.write(0, Buffer.from('inner'));
  const file = new MemoryFile();
  const staged = await StagedBytes.begin(place(file), BASE, SALT);
  await staged.write(0, other.bytes);
  const torn = new MemoryFile(file.bytes.subarray(0, -1));
  const loaded = await StagedBytes.load(place(torn));
  t.false(loaded?.hasChanges);
  t.is(
    await StagedBytes.load(place(new MemoryFile(Buffer.concat([Buffer.alloc(0), file.bytes.subarray(1)])))),
    undefined,
  );
});

test('many small writes, and large ones, are read back as one piece', async (t) => {
  const file = new MemoryFile();
  const staged = await StagedBytes.begin(place(file), BASE, SALT);
  const large = randomFillSync(Buffer.alloc(3 * 1024 * 1024 + 5));
  await staged.write(100, large);
  for (let i = 0; i < 500; i++) await staged.write(100 + i, large.subarray(1000 + i, 1001 + i));
  large.copy(large, 0, 1000, 1500);
  for (const each of [staged, await StagedBytes.load(place(file))]) {
    const target = Buffer.alloc(large.length);
    await each?.readInto(target, 100);
    t.true(target.equals(large));
  }
});

test('a journal takes from what all may have together, and gives it back when it is closed', async (t) => {
  let taken = 0;
  const budget = {
    take(bytes: number): void {
      taken += bytes;
    },
    giveBack(bytes: number): void {
      taken -= bytes;
    },
  };
  const file = new MemoryFile();
  const staged = await StagedBytes.begin(place(file, budget), BASE, SALT);
  await staged.write(0, Buffer.alloc(1000));
  await staged.write(0, Buffer.alloc(1000));
  t.is(taken, file.bytes.length);
  await staged.close();
  t.is(taken, 0);
});
