/**
 * A DataNode in memory that speaks the data plane over channels in memory, and can be told to fail in all the ways that a client
 * has to live with. It does one packet after the other.
 */
import { ByteReader } from '../../../common/byte-reader.js';
import type { Channel } from '../../../common/channel.js';
import { computeChecksums, verifyChecksums } from '../../../common/checksum.js';
import type {
  Operation,
  ReadBlockOperation,
  TransferBlockOperation,
  VisibleLengthOperation,
  WriteBlockOperation,
} from '../../../common/data-transfer.js';
import { encodeOperation, readOperation } from '../../../common/data-transfer.js';
import {
  encodeBlockOpResponse,
  readBlockOpResponse,
  readClientReadStatus,
} from '../../../common/data-transfer-response.js';
import type { PipelineAck, ReceivedPacket } from '../../../common/packet.js';
import {
  DEFAULT_PACKET_LIMITS,
  encodeAck,
  encodePacket,
  OUT_OF_BAND_SEQNO,
  readAck,
  readPacket,
} from '../../../common/packet.js';
import { Status } from '../../../common/status.js';
import type { FakeCluster } from './fake-cluster.js';

export interface FakeReplica {
  generationStamp: number;
  data: Buffer;
  finalized: boolean;
}

export type FakeOperation = WriteBlockOperation | ReadBlockOperation | TransferBlockOperation | VisibleLengthOperation;

/** What to do wrong. Each is asked at its moment, and may change its mind from one time to the next. */
export interface Misbehaviour {
  /** Refuses operations, with this message. */
  refuse?: (operation: FakeOperation) => string | undefined;
  /**
   * Before a packet is stored: `die` ends the node, `restart` says so first, `checksum` says that the packet is damaged, a promise lets
   * it wait.
   */
  onPacket?: (packet: ReceivedPacket) => 'die' | 'restart' | 'checksum' | Promise<void> | undefined;
  /** After a packet is stored and before it is acknowledged. */
  beforeAck?: (packet: ReceivedPacket) => 'die' | undefined;
  /** Whether the node says that it was slow with a packet. */
  slow?: (packet: ReceivedPacket) => boolean;
  /** Before it says how much of a block can be read. */
  onAskedForLength?: () => Promise<void>;
  /** Before a packet of a read is sent that begins at an offset of the block: a promise lets it wait. */
  onReading?: (offset: number) => Promise<void> | undefined;
  /** How many bytes of a read are sent before the node dies. */
  dieAfterReading?: number | undefined;
  /** Offset of a byte in the block that reads deliver damaged. */
  damagedByte?: number | undefined;
}

const TIMEOUT_MS = 60_000;
const CHECKSUM = { type: 'CRC32C', bytesPerChecksum: 512 } as const;
const READ_PACKET_BYTES = 16 * 512;

function isFakeOperation(operation: Operation): operation is FakeOperation {
  return ['writeBlock', 'readBlock', 'transferBlock', 'visibleLength'].includes(operation.op);
}

export class FakeDatanode {
  readonly uuid: string;
  readonly host: string;
  readonly port = 9866;
  readonly replicas = new Map<number, FakeReplica>();
  readonly misbehaviour: Misbehaviour = {};
  alive = true;
  /** Packets received, heartbeats included. */
  packetsReceived: number[] = [];
  readonly operations: FakeOperation[] = [];
  readonly #cluster: FakeCluster;
  readonly #channels = new Set<Channel>();

  constructor(cluster: FakeCluster, name: string) {
    this.#cluster = cluster;
    this.host = name;
    this.uuid = `uuid-of-${name}`;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#channels.size;
  }

  die(): void {
    this.alive = false;
    for (const channel of this.#channels) channel.destroy();
  }

  async serve(channel: Channel): Promise<void> {
    this.#channels.add(channel);
    const reader = new ByteReader(channel);
    try {
      for (;;) {
        const operation = await readOperation(reader, TIMEOUT_MS);
        if (operation === null || !isFakeOperation(operation)) break;
        this.operations.push(operation);
        const message = this.misbehaviour.refuse?.(operation);
        if (message !== undefined) {
          await channel.write([encodeBlockOpResponse({ status: Status.ERROR, message })], TIMEOUT_MS);
          break;
        }
        if (operation.op === 'writeBlock') {
          await this.#write(operation, channel, reader);
          break;
        }
        if (operation.op === 'transferBlock') await this.#transfer(operation, channel);
        else if (operation.op === 'visibleLength') await this.#tellLength(operation, channel);
        else await this.#read(operation, channel, reader);
      }
    } catch {
      // the other side has gone, or this node has died
    } finally {
      this.#channels.delete(channel);
      channel.destroy();
    }
  }

  // ---- Writing -----------------------------------------------------------------------------------------------------

  async #write(operation: WriteBlockOperation, channel: Channel, reader: ByteReader): Promise<void> {
    const [next, ...rest] = operation.targets;
    let mirror: { channel: Channel; reader: ByteReader } | undefined;
    if (next !== undefined) {
      try {
        const connected = await this.#cluster.network.connect(next.host, next.dataPort, { timeoutMs: TIMEOUT_MS });
        mirror = { channel: connected, reader: new ByteReader(connected) };
        await connected.write([encodeOperation({ ...operation, targets: rest })], TIMEOUT_MS);
        const answer = await readBlockOpResponse(mirror.reader, TIMEOUT_MS);
        if (answer.status !== Status.SUCCESS) {
          const firstBadLink = answer.firstBadLink || `${next.host}:${next.dataPort}`;
          await channel.write([encodeBlockOpResponse({ ...answer, firstBadLink })], TIMEOUT_MS);
          return;
        }
      } catch {
        const firstBadLink = `${next.host}:${next.dataPort}`;
        await channel.write([encodeBlockOpResponse({ status: Status.ERROR, firstBadLink })], TIMEOUT_MS);
        return;
      }
    }
    try {
      const replica = this.#prepare(operation);
      await channel.write([encodeBlockOpResponse({ status: Status.SUCCESS })], TIMEOUT_MS);
      if (operation.stage !== 'PIPELINE_CLOSE_RECOVERY') {
        await this.#receive(operation, replica, channel, reader, mirror);
      }
    } finally {
      mirror?.channel.destroy();
    }
  }

  async #tellLength({ block }: VisibleLengthOperation, channel: Channel): Promise<void> {
    await this.misbehaviour.onAskedForLength?.();
    const visibleBytes = this.replicas.get(block.blockId)?.data.length;
    await channel.write([encodeBlockOpResponse({ status: Status.SUCCESS, visibleBytes })], TIMEOUT_MS);
  }

  /** Copies what it has, without the way over the wire. */
  async #transfer({ block, targets }: TransferBlockOperation, channel: Channel): Promise<void> {
    const replica = this.replicas.get(block.blockId);
    const [target] = this.#cluster.datanodes.filter(({ uuid }) => uuid === targets[0]?.uuid);
    const isPossible = replica !== undefined && target?.alive === true;
    if (isPossible) target.replicas.set(block.blockId, { ...replica, data: Buffer.from(replica.data) });
    const response = isPossible
      ? { status: Status.SUCCESS }
      : { status: Status.ERROR, message: `no copy to ${targets[0]?.host}` };
    await channel.write([encodeBlockOpResponse(response)], TIMEOUT_MS);
  }

  #prepare(operation: WriteBlockOperation): FakeReplica {
    const { block, stage, latestGenerationStamp, minBytesRcvd, maxBytesRcvd } = operation;
    const found = this.replicas.get(block.blockId);
    if (stage === 'PIPELINE_SETUP_CREATE') {
      const replica = { generationStamp: latestGenerationStamp, data: Buffer.alloc(0), finalized: false };
      this.replicas.set(block.blockId, replica);
      return replica;
    }
    if (found === undefined || found.data.length < minBytesRcvd) throw new Error('replica lost');
    if (stage === 'PIPELINE_CLOSE_RECOVERY') {
      if (found.data.length !== minBytesRcvd) throw new Error('wrong length at close');
      found.finalized = true;
    } else {
      if (found.data.length > maxBytesRcvd) throw new Error('replica is longer than what was sent');
      found.data = found.data.subarray(0, minBytesRcvd);
      found.finalized = false;
    }
    found.generationStamp = latestGenerationStamp;
    return found;
  }

  async #receive(
    operation: WriteBlockOperation,
    replica: FakeReplica,
    channel: Channel,
    reader: ByteReader,
    mirror: { channel: Channel; reader: ByteReader } | undefined,
  ): Promise<void> {
    for (;;) {
      const packet = await readPacket(reader, DEFAULT_PACKET_LIMITS, TIMEOUT_MS);
      this.packetsReceived.push(packet.seqno);
      const fault = this.misbehaviour.onPacket?.(packet);
      if (fault === 'die') return this.die();
      if (fault === 'restart') {
        await channel.write([encodeAck({ seqno: OUT_OF_BAND_SEQNO, reply: [Status.OOB_RESTART] })], TIMEOUT_MS);
        return this.die();
      }
      if (fault === 'checksum') {
        await channel.write([encodeAck({ seqno: packet.seqno, reply: [Status.ERROR_CHECKSUM] })], TIMEOUT_MS);
        return;
      }
      await fault;
      const reply: Status[] = [Status.SUCCESS];
      try {
        await mirror?.channel.write(packet.wire, TIMEOUT_MS);
      } catch {
        // the acknowledgement that does not come tells it
      }
      this.#store(operation, replica, packet);
      const slow = [this.misbehaviour.slow?.(packet) ?? false];
      if (mirror !== undefined) {
        const downstream = await downstreamAck(mirror.reader);
        reply.push(...downstream.reply);
        slow.push(...(downstream.slow ?? downstream.reply.map(() => false)));
      }
      if (packet.last) replica.finalized = true;
      if (this.misbehaviour.beforeAck?.(packet) === 'die') return this.die();
      await channel.write([encodeAck({ seqno: packet.seqno, reply, slow })], TIMEOUT_MS);
      if (packet.last) return;
    }
  }

  #store({ checksum }: WriteBlockOperation, replica: FakeReplica, packet: ReceivedPacket): void {
    if (packet.dataLength === 0) return;
    if (packet.offsetInBlock > replica.data.length) throw new Error('a packet was left out');
    if (verifyChecksums(checksum, packet.data, packet.checksums) >= 0) throw new Error('a packet was damaged');
    const end = packet.offsetInBlock + packet.dataLength;
    replica.data = Buffer.concat([
      replica.data.subarray(0, packet.offsetInBlock),
      ...packet.data,
      replica.data.subarray(end),
    ]);
  }

  // ---- Reading -----------------------------------------------------------------------------------------------------

  async #read(operation: ReadBlockOperation, channel: Channel, reader: ByteReader): Promise<void> {
    const replica = this.replicas.get(operation.block.blockId);
    const end = operation.offset + operation.length;
    if (replica === undefined || end > replica.data.length) {
      await channel.write([encodeBlockOpResponse({ status: Status.ERROR, message: 'Replica not found' })], TIMEOUT_MS);
      return;
    }
    const chunk = CHECKSUM.bytesPerChecksum;
    const chunkOffset = operation.offset - (operation.offset % chunk);
    const readOpChecksumInfo = { checksum: CHECKSUM, chunkOffset };
    await channel.write([encodeBlockOpResponse({ status: Status.SUCCESS, readOpChecksumInfo })], TIMEOUT_MS);
    const chunksEnd = Math.min(replica.data.length, Math.ceil(end / chunk) * chunk);
    let seqno = 0;
    for (let at = chunkOffset; at < chunksEnd; at += READ_PACKET_BYTES) {
      await this.misbehaviour.onReading?.(at);
      if (at - chunkOffset >= (this.misbehaviour.dieAfterReading ?? Number.POSITIVE_INFINITY)) return this.die();
      const data = Buffer.from(replica.data.subarray(at, Math.min(at + READ_PACKET_BYTES, chunksEnd)));
      const checksums = computeChecksums(CHECKSUM, [data]);
      this.#damage(data, at);
      const packet = { offsetInBlock: at, seqno: seqno++, last: false, sync: false, checksums, data: [data] };
      await channel.write(encodePacket({ ...packet, dataLength: data.length }), TIMEOUT_MS);
    }
    const nothing = { checksums: Buffer.alloc(0), data: [], dataLength: 0 };
    await channel.write(
      encodePacket({ offsetInBlock: chunksEnd, seqno, last: true, sync: false, ...nothing }),
      TIMEOUT_MS,
    );
    await readClientReadStatus(reader, TIMEOUT_MS);
  }

  #damage(data: Buffer, offset: number): void {
    const index = (this.misbehaviour.damagedByte ?? Number.POSITIVE_INFINITY) - offset;
    if (index >= 0 && index < data.length) data[index] = (data[index] ?? 0) ^ 1;
  }
}

async function downstreamAck(reader: ByteReader): Promise<Pick<PipelineAck, 'reply' | 'slow'>> {
  try {
    return (await readAck(reader, TIMEOUT_MS)) ?? { reply: [Status.ERROR] };
  } catch {
    return { reply: [Status.ERROR] };
  }
}
