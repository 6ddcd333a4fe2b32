import test from 'ava';
import fc from 'fast-check';
import { ByteReader } from '../../common/byte-reader.js';
import { computeChecksums } from '../../common/checksum.js';
import { systemClock } from '../../common/clock.js';
import { channelPair } from '../../common/memory-channel.js';
import {
  encodeSmallBlock,
  encodeSmallBlockAnswer,
  firstFailed,
  readSmallBlock,
  readSmallBlockAnswer,
  type SmallBlock,
} from '../../common/small-block.js';
import { Status } from '../../common/status.js';

const TIMEOUT_MS = 5_000;

/** A reader of what is sent in pieces of so many bytes. */
async function received(bytes: Buffer, pieceBytes: number): Promise<ByteReader> {
  const [near, far] = channelPair({ clock: systemClock, names: ['near', 'far'] });
  for (let at = 0; at < bytes.length; at += pieceBytes)
    await near.write([bytes.subarray(at, at + pieceBytes)], TIMEOUT_MS);
  near.end();
  return new ByteReader(far);
}

const text = fc.string({ maxLength: 20 });
const integer = fc.integer({ min: 1, max: 2 ** 53 - 1 });

const smallBlocks: fc.Arbitrary<SmallBlock> = fc
  .record({
    blockId: fc.maxSafeNat().map((id) => Math.max(1, id)),
    generationStamp: fc.maxSafeNat(),
    data: fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
    type: fc.constantFrom('CRC32C', 'CRC32'),
    bytesPerChecksum: fc.integer({ min: 16, max: 4_096 }),
    storageId: text,
    targets: fc.array(
      fc.record({
        host: fc.string({ minLength: 1, maxLength: 20 }),
        dataPort: fc.integer({ min: 1, max: 65_535 }),
        storageId: text,
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ blockId, generationStamp, data, type, bytesPerChecksum, storageId, targets }) => {
    const checksum = { type, bytesPerChecksum } as const;
    const block = { blockId, generationStamp, numBytes: data.length };
    const bytes = [Buffer.from(data)];
    return { block, checksum, storageId, targets, checksums: computeChecksums(checksum, bytes), data: bytes };
  });

test('property: requests come back as they were sent, in whatever pieces', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(smallBlocks, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (all, size) => {
        const wire = Buffer.concat(all.flatMap((smallBlock, id) => encodeSmallBlock(id, smallBlock)));
        const reader = await received(wire, size);
        for (const [requestId, smallBlock] of all.entries())
          t.deepEqual(await readSmallBlock(reader, TIMEOUT_MS), { requestId, smallBlock });
        t.is(await readSmallBlock(reader, TIMEOUT_MS), null);
      },
    ),
    { numRuns: 50 },
  );
});

test('property: answers come back as they were sent', async (t) => {
  const answers = fc.record({
    requestId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    statuses: fc.array(fc.constantFrom(...Object.values(Status)), { minLength: 1, maxLength: 5 }),
    message: fc.string(),
  });
  await fc.assert(
    fc.asyncProperty(answers, fc.integer({ min: 1, max: 50 }), async (answer, size) => {
      const reader = await received(encodeSmallBlockAnswer(answer), size);
      t.deepEqual(await readSmallBlockAnswer(reader, TIMEOUT_MS), answer);
    }),
  );
});

test('property: whatever else comes is refused in words, or read as another request', async (t) => {
  await fc.assert(
    fc.asyncProperty(smallBlocks, integer, fc.integer({ min: 0, max: 255 }), async (smallBlock, position, value) => {
      const wire = Buffer.concat(encodeSmallBlock(1, smallBlock));
      wire[position % wire.length] = value;
      const reader = await received(wire, wire.length);
      try {
        const request = await readSmallBlock(reader, TIMEOUT_MS);
        t.truthy(request);
      } catch (error) {
        t.regex((error as { name: string }).name, /^(ProtocolViolation|ConnectionLost)$/);
      }
    }),
    { numRuns: 300 },
  );
});

test('a block of no bytes, of too many, or of another length than comes with it is refused', async (t) => {
  const checksum = { type: 'CRC32C', bytesPerChecksum: 512 } as const;
  const data = [Buffer.alloc(100, 1)];
  const good = { checksum, storageId: '', targets: [], checksums: computeChecksums(checksum, data), data };
  for (const numBytes of [0, 99, 101, 2 ** 31]) {
    const block = { blockId: 1, generationStamp: 1, numBytes };
    const wire = Buffer.concat(encodeSmallBlock(1, { ...good, block: { ...block, numBytes: 100 } }));
    wire.writeUInt32BE(numBytes, 24);
    await t.throwsAsync(readSmallBlock(await received(wire, 1_000), TIMEOUT_MS), { name: 'ProtocolViolation' });
  }
});

test('the first node that has failed, or did not answer, is known by its place', (t) => {
  const answer = (...statuses: Status[]) => ({ requestId: 1, statuses, message: '' });
  t.is(firstFailed(answer(Status.SUCCESS, Status.SUCCESS), 2), undefined);
  t.is(firstFailed(answer(Status.SUCCESS, Status.ERROR), 2), 1);
  t.is(firstFailed(answer(Status.SUCCESS), 2), 1);
  t.is(firstFailed(answer(Status.ERROR), 3), 0);
});
