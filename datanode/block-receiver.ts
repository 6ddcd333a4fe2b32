/**
 * Takes one block: from a client, from the DataNode before this one in a pipeline, or from one that copies a replica. Sets the pipeline
 * up from here on; the packets are packet-reception.ts's part.
 */
import { blockName } from '../common/block.js';
import type { ByteReader } from '../common/byte-reader.js';
import type { Channel, Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { BlockOpResponse, WriteBlockOperation } from '../common/data-transfer.js';
import { encodeBlockOpResponse, Status } from '../common/data-transfer.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Mirror } from './mirror.js';
import { MirrorFailed, openMirror } from './mirror.js';
import { statusOfError } from './operation-status.js';
import { PacketReception } from './packet-reception.js';
import type { PacketWriterOptions } from './packet-writer.js';
import { completeReplica, isCopy, openReplicaFor, undoSetUp } from './pipeline-setup.js';
import type { ReplicaWriter } from './replica-in-pipeline.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

export interface ReceiverServices {
  readonly store: ReplicaStore;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A DataNode whose disk takes longer over a packet tells the writer that it is slow. */
  readonly slowPacketMs: number;
  readonly timeouts: TransferTimeouts;
  readonly writing: Omit<PacketWriterOptions, 'clock'>;
  /** What a client's block may become when the client does not say (`dfs.blocksize`). */
  readonly expectedBlockBytes: number;
  /** Throws when this DataNode should take no new blocks. */
  readonly requireNamenode: () => void;
}

/** The connection that the operation came on. */
export interface Connection {
  readonly channel: Channel;
  readonly reader: ByteReader;
}

export class BlockReceiver implements ReplicaWriter {
  readonly #services: ReceiverServices;
  readonly #operation: WriteBlockOperation;
  readonly #upstream: Connection;
  #ownLogger: Logger | undefined;
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #reception: PacketReception | undefined;

  constructor(services: ReceiverServices, operation: WriteBlockOperation, upstream: Connection) {
    this.#services = services;
    this.#operation = operation;
    this.#upstream = upstream;
  }

  /** Names the block and the peer. Made by the first line: hardly any block has one. */
  get #logger(): Logger {
    this.#ownLogger ??= this.#services.logger.child({
      block: blockName(this.#operation.block),
      peer: this.#upstream.channel.peer,
    });
    return this.#ownLogger;
  }

  /** Carries the operation out. Does not reject: what fails is answered, or logged. The connection is of no use afterwards. */
  run(): Promise<void> {
    this.#ended = this.#setUp().catch((error: unknown) => {
      this.#logger.warn({ reason: messageOf(error) }, 'receiving a block was broken off');
    });
    return this.#ended;
  }

  /** Breaks the operation off: another one has come for the same replica, or the DataNode stops. */
  async stop(reason: string): Promise<void> {
    this.#stopping.abort(new DfsError('Cancelled', `Receiving was broken off: ${reason}`));
    this.#upstream.channel.destroy();
    await this.#ended;
  }

  /** Tells a client that this DataNode stops and will soon be back; resolves when the client has closed the connection. Does not reject. */
  async announceRestart(): Promise<void> {
    if (isCopy(this.#operation) || this.#reception === undefined) return;
    try {
      await this.#reception.announceRestart();
      await this.#ended;
    } catch (error) {
      this.#logger.info({ reason: messageOf(error) }, 'a writer could not be told of the restart');
    }
  }

  async #setUp(): Promise<void> {
    const { store } = this.#services;
    // Both at once: that saves every node of the pipeline the time that the other part takes.
    const [replica, mirror] = await Promise.allSettled([
      openReplicaFor(this.#operation, this, this.#services),
      this.#openMirror(),
    ]);
    const openedMirror = mirror.status === 'fulfilled' ? mirror.value : undefined;
    try {
      if (replica.status === 'rejected') return await this.#refuse(replica.reason);
      if (mirror.status === 'rejected') {
        await undoSetUp(this.#operation, store, replica.value);
        return await this.#refuse(mirror.reason);
      }
      await this.#receive(replica.value, openedMirror);
    } finally {
      openedMirror?.destroy();
    }
  }

  async #receive(writable: WritableReplica | undefined, mirror: Mirror | undefined): Promise<void> {
    try {
      await this.#respond({ status: Status.SUCCESS });
    } catch (error) {
      await undoSetUp(this.#operation, this.#services.store, writable);
      throw error;
    }
    if (writable === undefined) return;
    const complete = (): Promise<unknown> => completeReplica(this.#operation, this.#services.store, writable);
    const logger = (): Logger => this.#logger;
    this.#reception = new PacketReception(this.#services, writable, this.#upstream, mirror, complete, logger);
    await this.#reception.run();
  }

  /** Undefined when this is the pipeline's last node. */
  async #openMirror(): Promise<Mirror | undefined> {
    const [next] = this.#operation.targets;
    if (next === undefined) return undefined;
    try {
      return await openMirror(
        this.#services.network,
        this.#operation,
        next,
        this.#services.timeouts,
        this.#stopping.signal,
      );
    } catch (error) {
      if (!isCopy(this.#operation)) throw error;
      // One copy is better than none; the NameNode orders the others again. (HDFS does the same.)
      this.#logger.warn({ reason: messageOf(error) }, 'a copy goes on without the next DataNode');
      return undefined;
    }
  }

  async #refuse(error: unknown): Promise<void> {
    const message = messageOf(error);
    this.#logger.warn({ reason: message }, 'a block was refused');
    const firstBadLink = error instanceof MirrorFailed ? error.firstBadLink : undefined;
    await this.#respond({ status: statusOfError(error), message, firstBadLink });
  }

  async #respond(response: BlockOpResponse): Promise<void> {
    await this.#upstream.channel.write([encodeBlockOpResponse(response)], this.#services.timeouts.writeTimeoutMs);
  }
}
