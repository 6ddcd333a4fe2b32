import test from 'ava';
import fc from 'fast-check';
import { BufferPool } from '../../client/buffer-pool.js';
import { PacketBuilder } from '../../client/packet-builder.js';
import { verifyChecksums } from '../../common/checksum.js';
import type { Packet } from '../../common/packet.js';
import { testBytes } from './support/fake-cluster.js';

const checksum = { type: 'CRC32C', bytesPerChecksum: 16 } as const;
const PACKET_SIZE = 64;
const BLOCK_SIZE = 1000;
const buffers = new BufferPool(PACKET_SIZE, 4);

type Step = { readonly write: number; readonly owned: boolean } | { readonly flush: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ write: fc.nat({ max: 150 }), owned: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ flush: fc.boolean() }) },
);

/** Lays packets over each other as a DataNode does. */
function replay(packets: readonly Packet[], start: Buffer): Buffer {
  let content = start;
  for (const packet of packets) {
    if (packet.offsetInBlock > content.length) throw new Error('a gap');
    content = Buffer.concat([content.subarray(0, packet.offsetInBlock), ...packet.data]);
  }
  return content;
}

test('any writes and flushes give packets that make up the bytes, begin at chunks and have right checksums', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const builder = new PacketBuilder({ checksum, packetSize: PACKET_SIZE, blockSize: BLOCK_SIZE, buffers });
      const source = testBytes(BLOCK_SIZE);
      const packets: Packet[] = [];
      let written = 0;
      for (const one of steps) {
        if ('write' in one) {
          const end = Math.min(written + one.write, BLOCK_SIZE);
          packets.push(...builder.append(source.subarray(written, end), one.owned));
          written = end;
        } else {
          const packet = builder.flush(one.flush);
          if (packet !== undefined) packets.push(packet);
        }
      }
      const rest = builder.flush(false);
      if (rest !== undefined) packets.push(rest);
      const last = builder.end();

      t.true(replay(packets, Buffer.alloc(0)).equals(source.subarray(0, written)));
      for (const packet of packets) {
        t.is(packet.offsetInBlock % checksum.bytesPerChecksum, 0);
        t.true(packet.dataLength <= PACKET_SIZE);
        t.is(verifyChecksums(checksum, packet.data, packet.checksums), -1);
      }
      t.deepEqual(
        [...packets, last].map(({ seqno }) => seqno),
        [...packets, last].map((_, index) => index),
      );
      t.is(last.offsetInBlock, written);
      t.is(builder.length, written);
      t.is(builder.room, BLOCK_SIZE - written);
    }),
  );
});

test('small pieces are copied, so that the caller may use its buffer again', (t) => {
  const builder = new PacketBuilder({ checksum, packetSize: PACKET_SIZE, blockSize: BLOCK_SIZE, buffers });
  const buffer = Buffer.from('once');
  builder.append(buffer, false);
  buffer.write('othr');
  builder.append(buffer, true);
  buffer.write('gone');
  t.is(Buffer.concat(builder.flush(false)?.data ?? []).toString(), 'onceothr');
});

test('large pieces that were handed over are not copied', (t) => {
  const size = 64 * 1024;
  const builder = new PacketBuilder({ checksum, packetSize: size, blockSize: 4 * size, buffers });
  const mine = testBytes(2 * size);
  const packets = builder.append(mine, true);
  t.is(packets.length, 2);
  for (const packet of packets) {
    for (const piece of packet.data) t.is(piece.buffer, mine.buffer);
  }
  const copied = builder.append(mine.subarray(0, size), false);
  for (const piece of copied[0]?.data ?? []) t.not(piece.buffer, mine.buffer);
});

test('an append repeats the bytes of the last chunk in its first packet', (t) => {
  const before = testBytes(100);
  const tail = before.subarray(96);
  const builder = new PacketBuilder({
    checksum,
    packetSize: PACKET_SIZE,
    blockSize: BLOCK_SIZE,
    buffers,
    length: 100,
    tail,
  });
  t.is(builder.length, 100);
  t.is(builder.flush(false), undefined);
  builder.append(Buffer.from('more'), false);
  const packet = builder.flush(false);
  t.is(packet?.offsetInBlock, 96);
  t.is(packet?.dataLength, 8);
  t.is(
    replay(packet === undefined ? [] : [packet], before)
      .subarray(96)
      .toString('latin1'),
    `${tail.toString('latin1')}more`,
  );
});

test('a sync without new bytes is a packet all the same', (t) => {
  const builder = new PacketBuilder({ checksum, packetSize: PACKET_SIZE, blockSize: BLOCK_SIZE, buffers });
  builder.append(Buffer.from('x'), false);
  t.is(builder.flush(false)?.sync, false);
  const sync = builder.flush(true);
  t.is(sync?.sync, true);
  t.is(sync?.offsetInBlock, 0);
});

test('the buffers of full packets are used again, and only those that hold nothing else', (t) => {
  const pool = new BufferPool(PACKET_SIZE, 4);
  const builder = new PacketBuilder({ checksum, packetSize: PACKET_SIZE, blockSize: 100_000, buffers: pool });
  const source = testBytes(100 * PACKET_SIZE);
  const seen = new Set<ArrayBufferLike>();
  let reused = 0;
  let written = 0;
  const sizes = [3, PACKET_SIZE, 2 * PACKET_SIZE + 1, 7, ...Array.from({ length: 40 }, () => PACKET_SIZE)];
  for (const size of sizes) {
    for (const packet of builder.append(source.subarray(written, written + size), false)) {
      const { offsetInBlock, dataLength, copiedInto } = packet;
      t.true(Buffer.concat(packet.data).equals(source.subarray(offsetInBlock, offsetInBlock + dataLength)));
      if (copiedInto === undefined) continue;
      if (seen.has(copiedInto.buffer)) reused++;
      seen.add(copiedInto.buffer);
      pool.give(copiedInto);
    }
    written += size;
    if (size < PACKET_SIZE) t.is(builder.flush(false)?.copiedInto, undefined);
  }
  // 44 packets: without reuse each would have a buffer of its own.
  t.true(seen.size > 0 && seen.size <= 6);
  t.true(reused > 30);
});
