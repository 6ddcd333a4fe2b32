/**
 * Writes one complete block through a pipeline, as a client: for copies that the NameNode orders, and for writers that
 * come over gRPC. Nothing is kept to be sent again: when a DataNode fails, the block fails.
 */
import { ByteReader } from '../common/byte-reader.js';
import type { Channel } from '../common/channel.js';
import type { WriteBlockOperation } from '../common/data-transfer.js';
import { encodeOperation, readBlockOpResponse, Status, statusName } from '../common/data-transfer.js';
import { DfsError, isDfsError, messageOf } from '../common/errors.js';
import type { Packet } from '../common/packet.js';
import { encodePacket, readAck } from '../common/packet.js';
import type { TransferTimeouts } from './transfer-timeouts.js';
import { downstreamTimeoutMs } from './transfer-timeouts.js';

/** Packets on their way. */
const WINDOW = 16;

export interface PipelineClientOptions {
  readonly channel: Channel;
  readonly operation: WriteBlockOperation;
  /** `host:port` of all nodes, in pipeline order, for messages. */
  readonly nodes: readonly string[];
  readonly timeouts: TransferTimeouts;
}

export class PipelineClient {
  readonly #options: PipelineClientOptions;
  readonly #reader: ByteReader;
  readonly #readTimeoutMs: number;
  readonly #unacked: Packet[] = [];
  #acking: Promise<void> = Promise.resolve();
  #failure: DfsError | undefined;
  #wake: (() => void) | undefined;

  private constructor(options: PipelineClientOptions) {
    this.#options = options;
    this.#reader = new ByteReader(options.channel);
    this.#readTimeoutMs = downstreamTimeoutMs(options.timeouts, options.nodes.length);
  }

  /**
   * Sets the pipeline up. The channel is this object's from now on.
   * @throws DfsError `PipelineFailed`, naming the DataNode that failed.
   */
  static async open(options: PipelineClientOptions): Promise<PipelineClient> {
    const client = new PipelineClient(options);
    try {
      await client.#setUp();
      return client;
    } catch (error) {
      options.channel.destroy();
      throw client.#failed(0, messageOf(error), error);
    }
  }

  async #setUp(): Promise<void> {
    const { channel, operation, timeouts } = this.#options;
    await channel.write([encodeOperation(operation)], timeouts.writeTimeoutMs);
    const response = await readBlockOpResponse(this.#reader, this.#readTimeoutMs);
    if (response.status === Status.SUCCESS) return;
    const bad = Math.max(0, this.#options.nodes.indexOf(response.firstBadLink ?? ''));
    throw this.#failed(bad, response.message || statusName(response.status));
  }

  /** Resolves when another packet may be sent. @throws DfsError `PipelineFailed`. */
  async send(packet: Packet): Promise<void> {
    this.#throwFailure();
    this.#unacked.push(packet);
    if (this.#unacked.length === 1) this.#acking = this.#receiveAcks();
    try {
      await this.#options.channel.write(encodePacket(packet), this.#options.timeouts.writeTimeoutMs);
    } catch (error) {
      await this.#acking; // what the acks say of it is nearer to the cause
      throw this.#failure ?? this.#failed(0, messageOf(error), error);
    }
    while (this.#unacked.length >= WINDOW && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#throwFailure();
  }

  /** Resolves when all that was sent is acknowledged, and closes the connection. @throws DfsError `PipelineFailed`. */
  async finish(): Promise<void> {
    await this.#acking;
    this.#options.channel.destroy();
    this.#throwFailure();
  }

  /** Breaks off: the DataNodes give up what they have. */
  async abort(): Promise<void> {
    this.#options.channel.destroy();
    await this.#acking;
  }

  /** Until nothing is unacknowledged. Does not reject. */
  async #receiveAcks(): Promise<void> {
    try {
      for (let packet = this.#unacked[0]; packet !== undefined; packet = this.#unacked[0]) {
        const ack = await readAck(this.#reader, this.#readTimeoutMs);
        if (ack === null) throw this.#failed(0, 'it closed the connection');
        const bad = ack.reply.findIndex((status) => status !== Status.SUCCESS);
        if (bad >= 0) throw this.#failed(bad, `it answered ${statusName(ack.reply[bad] ?? Status.ERROR)}`);
        if (ack.seqno !== packet.seqno)
          throw this.#failed(0, `it acknowledged packet ${ack.seqno} instead of ${packet.seqno}`);
        this.#unacked.shift();
        this.#wake?.();
      }
    } catch (error) {
      this.#failure = isDfsError(error, 'PipelineFailed') ? error : this.#failed(0, messageOf(error), error);
      this.#options.channel.destroy();
      this.#wake?.();
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #failed(node: number, reason: string, cause?: unknown): DfsError {
    if (isDfsError(cause, 'PipelineFailed')) return cause;
    const name = this.#options.nodes[node] ?? this.#options.channel.peer;
    return new DfsError('PipelineFailed', `DataNode ${name} failed: ${reason}`, { cause });
  }
}
