/**
 * The packets of one block, once its pipeline is set up: passed on to the next DataNode, written to the files, and acknowledged when
 * both is done.
 *
 *     upstream --packets--> receive loop --> mirror (the same bytes, at once) --> next DataNode
 *                                  |                                                 |
 *                                  +--> PacketWriter --> files                       |
 *                                  v           |                                     |
 *     upstream <----acks---- PacketResponder <-+-----------------acks----------------+
 *
 * Everything in between is bounded, so that the slowest part slows the sender down.
 */
import { checksumsLength, verifyChecksums } from '../common/checksum.js';
import { Status } from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { ReceivedPacket } from '../common/packet.js';
import { DEFAULT_PACKET_LIMITS, encodeAck, HEARTBEAT_SEQNO, OUT_OF_BAND_SEQNO, readPacket } from '../common/packet.js';
import type { Connection, ReceiverServices } from './block-receiver.js';
import type { Mirror } from './mirror.js';
import type { PacketOutcome } from './packet-responder.js';
import { PacketResponder } from './packet-responder.js';
import { PacketWriter } from './packet-writer.js';
import type { WritableReplica } from './replica-store.js';

export class PacketReception {
  readonly #services: ReceiverServices;
  readonly #writable: WritableReplica;
  readonly #upstream: Connection;
  readonly #mirror: Mirror | undefined;
  readonly #complete: () => Promise<unknown>;
  readonly #logger: () => Logger;
  readonly #writer: PacketWriter;
  readonly #responder: PacketResponder;
  /** Bytes of the block so far, written or not. */
  #receivedBytes: number;
  /** The pipeline has failed, and upstream has been told: what still comes in is of no use. */
  #broken = false;
  #diskFailed = false;
  #completed = false;
  #failure: unknown;

  /** `complete` is called when all packets are in the files: it makes the replica what it is to be from then on. */
  constructor(
    services: ReceiverServices,
    writable: WritableReplica,
    upstream: Connection,
    mirror: Mirror | undefined,
    complete: () => Promise<unknown>,
    logger: () => Logger,
  ) {
    this.#services = services;
    this.#writable = writable;
    this.#upstream = upstream;
    this.#mirror = mirror;
    this.#complete = complete;
    this.#logger = logger;
    this.#receivedBytes = writable.replica.numBytes;
    this.#writer = new PacketWriter(services.store, writable, { ...services.writing, clock: services.clock });
    this.#responder = new PacketResponder({
      upstream: upstream.channel,
      writeTimeoutMs: services.timeouts.writeTimeoutMs,
      downstream: mirror?.acks,
      onAcknowledged: ({ packet }) => this.#onAcknowledged(packet),
    });
  }

  /**
   * Receives until the block is complete or the pipeline broken. A replica that is not complete is left for recovery.
   * @throws what broke the pipeline.
   */
  async run(): Promise<void> {
    const receiving = this.#receivePackets().catch((error: unknown) => this.#breakOff(error));
    try {
      const complete = await this.#responder.run();
      if (!complete) this.#breakOff(new DfsError('PipelineFailed', 'The pipeline failed, and the writer was told'));
    } catch (error) {
      this.#breakOff(error);
      this.#upstream.channel.destroy();
    }
    if (!this.#completed) {
      await this.#writer.settled();
      await this.#giveUp();
    }
    // After a failure: until upstream, which was told of it, closes the connection.
    await receiving;
    if (!this.#completed) throw this.#failure;
  }

  /** Tells the writer that this DataNode stops and will soon be back. From then on nothing is taken. */
  async announceRestart(): Promise<void> {
    this.#breakOff(new DfsError('Cancelled', 'The DataNode stops, and its writer was told to wait for it'));
    const ack = encodeAck({ seqno: OUT_OF_BAND_SEQNO, reply: [Status.OOB_RESTART] });
    await this.#upstream.channel.write([ack], this.#services.timeouts.writeTimeoutMs);
  }

  /** Leaves the replica for recovery, unless it could not be written here and nobody was told that any of it was. */
  async #giveUp(): Promise<void> {
    const { store } = this.#services;
    const isWorthless = this.#diskFailed && this.#writable.replica.visibleBytes === 0;
    await (isWorthless ? store.discard(this.#writable) : store.release(this.#writable));
  }

  /** Keeps the first reason: what follows follows from it. */
  #breakOff(error: unknown): void {
    this.#failure ??= error;
    this.#broken = true;
    this.#responder.close();
    this.#mirror?.destroy();
  }

  async #receivePackets(): Promise<void> {
    const { readTimeoutMs } = this.#services.timeouts;
    for (;;) {
      const packet = await readPacket(this.#upstream.reader, DEFAULT_PACKET_LIMITS, readTimeoutMs);
      if (this.#broken) return;
      const isToBeVerified = this.#verifiesAll || packet.offsetInBlock < this.#receivedBytes;
      this.#requireInPlace(packet);
      const forwarded = this.#mirror?.forward(packet);
      const isGood = !isToBeVerified || this.#isGood(packet);
      const done = isGood ? this.#keep(packet) : Promise.resolve({ status: Status.ERROR_CHECKSUM, slow: false });
      this.#responder.enqueue({ packet, done });
      if (packet.last || !isGood) return;
      await forwarded;
      await this.#writer.room();
      await this.#responder.room();
    }
  }

  #onAcknowledged(packet: ReceivedPacket): void {
    if (packet.seqno !== HEARTBEAT_SEQNO) this.#writable.replica.acknowledged(packet.offsetInBlock + packet.dataLength);
    // It is in our file, and the next DataNode has answered to it: nobody looks at its bytes any more.
    packet.release();
  }

  /**
   * A packet begins at a chunk's start, where the one before it ended, or before that: it may bring the last chunk again, longer than
   * before, or what a rebuilt pipeline has not acknowledged.
   */
  #requireInPlace({ offsetInBlock, dataLength, checksums, seqno, last }: ReceivedPacket): void {
    if (seqno === HEARTBEAT_SEQNO) {
      if (dataLength > 0 || last) throw this.#violation('a heartbeat that carries data');
      return;
    }
    const spec = this.#writable.files.checksum;
    if (last && offsetInBlock !== this.#receivedBytes) {
      throw this.#violation(`the end at offset ${offsetInBlock} of a block of which ${this.#receivedBytes} bytes came`);
    }
    if (!last && (offsetInBlock % spec.bytesPerChecksum !== 0 || offsetInBlock > this.#receivedBytes)) {
      throw this.#violation(
        `a packet at offset ${offsetInBlock} of a block of which ${this.#receivedBytes} bytes came`,
      );
    }
    if (checksums.length !== checksumsLength(spec, dataLength)) {
      throw this.#violation(`${checksums.length} bytes of checksums for ${dataLength} bytes of data`);
    }
    this.#receivedBytes = Math.max(this.#receivedBytes, offsetInBlock + dataLength);
  }

  /**
   * Of what a client writes, only the pipeline's last node verifies (HDFS): what it finds good was good at all those before it, and if it does not, the
   * client leaves them out or writes again. A copy is finalized here whatever those behind have received, so each node verifies it (HDFS, too). And what
   * takes the place of bytes that this node has already, and has perhaps acknowledged, must not spoil them.
   */
  get #verifiesAll(): boolean {
    return this.#mirror === undefined || this.#writable.replica.state === 'TEMPORARY';
  }

  #isGood({ data, checksums, dataLength, offsetInBlock }: ReceivedPacket): boolean {
    if (dataLength === 0) return true;
    const bad = verifyChecksums(this.#writable.files.checksum, data, checksums);
    if (bad < 0) return true;
    this.#logger().error({ offsetInBlock, chunk: bad }, 'received bytes do not have their checksums');
    return false;
  }

  /** Resolves when the packet is in the files; the last one: when the replica is finalized. Does not reject. */
  async #keep(packet: ReceivedPacket): Promise<PacketOutcome> {
    if (packet.seqno === HEARTBEAT_SEQNO) return { status: Status.SUCCESS, slow: false };
    try {
      const tookMs = await this.#writer.write(packet);
      if (packet.last) await this.#finish();
      return { status: Status.SUCCESS, slow: tookMs > this.#services.slowPacketMs };
    } catch (error) {
      this.#diskFailed = true;
      this.#failure ??= error;
      return { status: Status.ERROR, slow: false };
    }
  }

  async #finish(): Promise<void> {
    await this.#writer.flush();
    await this.#complete();
    this.#completed = true;
  }

  #violation(what: string): DfsError {
    return new DfsError('ProtocolViolation', `${this.#upstream.channel.peer} sent ${what}`);
  }
}
