import test from 'ava';
import fc from 'fast-check';
import { ByteReader } from '../../common/byte-reader.js';
import { DfsError } from '../../common/errors.js';
import {
  DEFAULT_PACKET_LIMITS,
  encodeAck,
  encodePacket,
  HEARTBEAT_SEQNO,
  OUT_OF_BAND_SEQNO,
  type Packet,
  type PipelineAck,
  readAck,
  readPacket,
} from '../../common/packet.js';
import { Status } from '../../common/status.js';
import { cut, cuts, readerOf, scriptedChannel } from '../support/scripted-channel.js';

const anyBuffer = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const anyPacket: fc.Arbitrary<Packet> = fc
  .record({
    offsetInBlock: fc.maxSafeNat(),
    seqno: fc.oneof(fc.constant(HEARTBEAT_SEQNO), fc.maxSafeNat()),
    sync: fc.boolean(),
    checksums: anyBuffer,
    data: fc.array(anyBuffer, { maxLength: 3 }),
  })
  .map((fields) => {
    const dataLength = Buffer.concat(fields.data).length;
    return { ...fields, dataLength, last: dataLength === 0 };
  });

const emptyPacket: Packet = {
  offsetInBlock: 0,
  seqno: 0,
  last: false,
  sync: false,
  checksums: Buffer.alloc(0),
  data: [],
  dataLength: 0,
};

const anyStatus = fc.constantFrom(...Object.values(Status));

/** Of up to five DataNodes; if any of them is slow, there is a flag for each. */
const anyAck: fc.Arbitrary<PipelineAck> = fc
  .record({
    seqno: fc.oneof(fc.constantFrom(HEARTBEAT_SEQNO, OUT_OF_BAND_SEQNO), fc.maxSafeNat()),
    nodes: fc.array(fc.tuple(anyStatus, fc.boolean()), { maxLength: 5 }),
  })
  .map(({ seqno, nodes }) => {
    const reply = nodes.map(([status]) => status);
    const slow = nodes.map(([, isSlow]) => isSlow);
    return slow.includes(true) ? { seqno, reply, slow } : { seqno, reply };
  });

test("a packet is laid out as HDFS's", (t) => {
  const bytes = Buffer.concat(
    encodePacket({
      offsetInBlock: 0x0102030405,
      seqno: 7,
      last: false,
      sync: false,
      checksums: Buffer.from('c1c2c3c4', 'hex'),
      data: [Buffer.from('d1d2', 'hex'), Buffer.from('d3', 'hex')],
      dataLength: 3,
    }),
  );
  const expected = [
    ['0000000b', '0019'], // 4 + 4 + 3 bytes of payload, a header of 25 bytes
    ['09', '0504030201000000'], // offsetInBlock
    ['11', '0700000000000000'], // seqno
    ['18', '00'], // lastPacketInBlock
    ['25', '03000000'], // dataLen
    ['c1c2c3c4', 'd1d2', 'd3'],
  ];
  t.is(bytes.toString('hex'), expected.flat().join(''));
});

test('a heartbeat and a request to sync have the values that HDFS gives them', (t) => {
  const bytes = Buffer.concat(encodePacket({ ...emptyPacket, seqno: HEARTBEAT_SEQNO, last: true, sync: true }));
  t.is(bytes.toString('hex'), `00000004001b09${'00'.repeat(8)}11${'ff'.repeat(8)}180125000000002801`);
});

test('packets are read back, whatever pieces they arrive in, and can be forwarded as they came', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPacket, { minLength: 1, maxLength: 4 }), cuts, async (packets, places) => {
      const wires = packets.map((packet) => Buffer.concat(encodePacket(packet)));
      const reader = readerOf(...cut(Buffer.concat(wires), places));
      for (const [index, packet] of packets.entries()) {
        const { wire, data, release, ...fields } = await readPacket(reader, DEFAULT_PACKET_LIMITS, 0);
        const { data: sentData, ...sentFields } = packet;
        t.deepEqual(fields, sentFields);
        t.deepEqual(Buffer.concat(data), Buffer.concat(sentData));
        t.deepEqual(Buffer.concat(wire), wires[index]);
        t.notThrows(release);
      }
      t.is(reader.available, 0);
    }),
  );
});

test('the data of a packet is passed on without being copied', async (t) => {
  const data = Buffer.from('some data');
  const encoded = encodePacket({ ...emptyPacket, data: [data], dataLength: data.length });
  t.is(encoded.at(-1), data);
  const received = Buffer.concat(encoded);
  const packet = await readPacket(readerOf(received), DEFAULT_PACKET_LIMITS, 0);
  t.is(packet.data[0]?.buffer, received.buffer);
});

test('a packet gives back exactly what was received, and only once', async (t) => {
  const received = Buffer.concat(encodePacket({ ...emptyPacket, data: [Buffer.from('some data')], dataLength: 9 }));
  const recycled: Uint8Array[] = [];
  const channel = {
    ...scriptedChannel([received]),
    recycle: (buffers: readonly Uint8Array[]) => recycled.push(...buffers),
  };
  const packet = await readPacket(new ByteReader(channel), DEFAULT_PACKET_LIMITS, 0);
  packet.release();
  packet.release();
  t.deepEqual(Buffer.concat(recycled), received);
});

test('a packet that is cut off is a lost connection', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyPacket, fc.double({ min: 0, max: 1, noNaN: true }), cuts, async (packet, fraction, places) => {
      const wire = Buffer.concat(encodePacket(packet));
      const received = wire.subarray(0, Math.floor(fraction * (wire.length - 1)));
      await t.throwsAsync(readPacket(readerOf(...cut(received, places)), DEFAULT_PACKET_LIMITS, 0), {
        name: 'ConnectionLost',
      });
    }),
  );
});

function withBytes(hexByOffset: Record<number, string>): Buffer {
  const wire = Buffer.concat(encodePacket({ ...emptyPacket, data: [Buffer.alloc(10)], dataLength: 10 }));
  for (const [offset, hex] of Object.entries(hexByOffset)) wire.write(hex, Number(offset), 'hex');
  return wire;
}

const refused: Record<string, Buffer> = {
  'a payload shorter than its own length': withBytes({ 0: '00000003' }),
  'a payload of 4 GiB': withBytes({ 0: 'ffffffff' }),
  'a payload one byte above the limit': withBytes({
    0: (DEFAULT_PACKET_LIMITS.maxPayloadBytes + 5).toString(16).padStart(8, '0'),
  }),
  'no header': withBytes({ 4: '0000' }),
  'a header of 64 KiB': withBytes({ 4: 'ffff' }),
  'a header with other fields': withBytes({ 6: '12' }),
  'more data than payload': withBytes({ 27: '0b000000' }),
  'a negative length of data': withBytes({ 27: 'ffffffff' }),
  'a negative offset': withBytes({ 14: 'ff' }),
  'an offset beyond what a number holds': withBytes({ 14: '7f' }),
  'a sequence number below that of heartbeats': withBytes({ 16: 'feffffffffffffff' }),
  'data in the last packet': withBytes({ 25: '01' }),
};

for (const [name, bytes] of Object.entries(refused)) {
  test(`refused: ${name}`, async (t) => {
    await t.throwsAsync(readPacket(readerOf(bytes), DEFAULT_PACKET_LIMITS, 0), {
      name: 'ProtocolViolation',
      message: /^dn1:9866 sent /,
    });
  });
}

test('garbage in place of a packet is an error, never a packet beyond the limits', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (garbage) => {
      try {
        const packet = await readPacket(readerOf(Buffer.from(garbage)), { maxPayloadBytes: 100 }, 0);
        t.true(packet.dataLength + packet.checksums.length <= 100);
      } catch (error) {
        t.true(error instanceof DfsError && ['ProtocolViolation', 'ConnectionLost'].includes(error.name));
      }
    }),
  );
});

test('acks are read back, whatever pieces they arrive in', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAck, { maxLength: 5 }), cuts, async (acks, places) => {
      const reader = readerOf(...cut(Buffer.concat(acks.map(encodeAck)), places));
      for (const ack of acks) t.deepEqual(await readAck(reader, 0), ack);
      t.is(await readAck(reader, 0), null);
    }),
  );
});

test("an ack is laid out as HDFS's", (t) => {
  const ack = encodeAck({ seqno: 5, reply: [Status.SUCCESS, Status.ERROR_CHECKSUM] });
  t.is(ack.toString('hex'), '06080a10001002'); // sint64 is zigzag: 5 becomes 10
});

test('an ack with more fields than we know is read', async (t) => {
  // downstreamAckTimeNanos = 1 and flag = [1], as HDFS sends them.
  const ack = await readAck(readerOf(Buffer.from('09080a10001801220101', 'hex')), 0);
  t.deepEqual(ack, { seqno: 5, reply: [Status.SUCCESS] });
});

test('an ack with an unknown status or number, or none, is refused', async (t) => {
  for (const hex of ['04080a1063', '021000', '04080310ff', '03080510', '02ffff']) {
    await t.throwsAsync(readAck(readerOf(Buffer.from(hex, 'hex')), 0), { name: 'ProtocolViolation' }, hex);
  }
});
