/**
 * One connection of the data plane (HDFS: DataXceiver): takes an operation, has it carried out, and waits for the next
 * one. Runs on any channel: TCP's, or the memory's behind the gRPC service.
 */
import { setMaxListeners } from 'node:events';
import { blockName } from '../common/block.js';
import { ByteReader } from '../common/byte-reader.js';
import type { Channel } from '../common/channel.js';
import type { Timer } from '../common/clock.js';
import type {
  BlockChecksumOperation,
  BlockLocalPathOperation,
  BlockOpResponse,
  Operation,
  TransferBlockOperation,
  VisibleLengthOperation,
  WriteBlockOperation,
  WriteSmallBlocksOperation,
} from '../common/data-transfer.js';
import { encodeBlockOpResponse, readOperation, Status } from '../common/data-transfer.js';
import { DfsError, isDfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { blockChecksum } from './block-checksum.js';
import { blockLocalPath } from './block-local-path.js';
import type { Connection, ReceiverServices } from './block-receiver.js';
import { BlockReceiver } from './block-receiver.js';
import { sendBlock } from './block-sender.js';
import { closeGently } from './close-gently.js';
import { statusOfError } from './operation-status.js';
import { addressOf } from './pipeline-node.js';
import { transferForPipeline } from './pipeline-transfer.js';
import type { SmallBlockServices } from './small-block-receiver.js';
import { SmallBlockReceiver } from './small-block-receiver.js';
import { visibleLength } from './visible-length.js';

export interface XceiverServices extends ReceiverServices, SmallBlockServices {
  /** The cluster that this DataNode belongs to; '' as long as it has not registered. */
  readonly clusterId: () => string;
  /** `dfs.datanode.max.transfer.threads` */
  readonly maxConnections: number;
}

type BlockOperation = Exclude<Operation, WriteSmallBlocksOperation>;

/** HDFS: dfs.datanode.oob.timeout-ms. */
const ANNOUNCE_TIMEOUT_MS = 1_500;

/** Serves connections; counts those that carry out an operation. */
export class DataXceiver {
  readonly #services: XceiverServices;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  readonly #receivers = new Set<BlockReceiver>();
  #connections = 0;
  #active = 0;

  constructor(services: XceiverServices) {
    this.#services = services;
    this.#logger = services.logger;
    setMaxListeners(0, this.#stopping.signal); // Node warns of more than ten otherwise
  }

  /** Operations that are being carried out now. */
  get activeCount(): number {
    return this.#active;
  }

  /** Tells all writers that this DataNode stops and will soon be back, and gives them a moment to close their connections. */
  async announceRestart(): Promise<void> {
    let giveUp: Timer | undefined;
    const over = new Promise<void>((resolve) => {
      giveUp = this.#services.clock.after(ANNOUNCE_TIMEOUT_MS, resolve);
    });
    const told = Promise.all([...this.#receivers].map((receiver) => receiver.announceRestart()));
    await Promise.race([told, over]);
    giveUp?.cancel();
  }

  /** Breaks off what does not end with its connection. */
  stop(): void {
    this.#stopping.abort();
  }

  /** @throws DfsError `Overloaded` when no more connections can be served. */
  requireRoom(): void {
    const { maxConnections } = this.#services;
    if (this.#connections < maxConnections) return;
    throw new DfsError(
      'Overloaded',
      `This DataNode serves ${maxConnections} data connections already (dfs.datanode.max.transfer.threads)`,
    );
  }

  /** Serves the channel until its end. Does not reject. */
  async serve(channel: Channel): Promise<void> {
    this.#connections++;
    try {
      await this.#operations({ channel, reader: new ByteReader(channel) });
      await closeGently(channel, this.#services.clock);
    } catch (error) {
      this.#logger.info({ peer: channel.peer, reason: messageOf(error) }, 'a data connection was closed');
    } finally {
      channel.destroy();
      this.#connections--;
    }
  }

  async #operations(connection: Connection): Promise<void> {
    const { timeouts } = this.#services;
    for (let waitMs = timeouts.readTimeoutMs; ; waitMs = timeouts.keepAliveMs) {
      const operation = await this.#nextOperation(connection, waitMs);
      if (operation === null) return;
      if (operation.op === 'writeSmallBlocks') {
        await this.#receiveSmallBlocks(operation, connection);
        return;
      }
      this.#active++;
      try {
        if (!(await this.#carryOut(operation, connection))) return;
      } finally {
        this.#active--;
      }
    }
  }

  /** Null when none comes any more. */
  async #nextOperation({ reader }: Connection, waitMs: number): Promise<Operation | null> {
    try {
      return await readOperation(reader, waitMs);
    } catch (error) {
      if (isDfsError(error, 'Timeout') && reader.available === 0) return null;
      throw error;
    }
  }

  /** True when the connection may be used again. */
  async #carryOut(operation: BlockOperation, connection: Connection): Promise<boolean> {
    if (!(await this.#isOfThisCluster(operation.block.poolId, connection))) return false;
    switch (operation.op) {
      case 'writeBlock':
        await this.#receive(operation, connection);
        return false;
      case 'readBlock':
        return sendBlock(this.#services, operation, connection);
      case 'blockChecksum':
        await this.#respond(connection, await this.#blockChecksum(operation));
        return true;
      case 'visibleLength':
        await this.#respond(connection, this.#visibleLength(operation));
        return true;
      case 'blockLocalPath':
        await this.#respond(connection, await this.#localPath(operation, connection));
        return true;
      case 'transferBlock':
        await this.#respond(connection, await this.#transfer(operation));
        return true;
    }
  }

  /** Tells the other side when it is not. */
  async #isOfThisCluster(poolId: string, connection: Connection): Promise<boolean> {
    const clusterId = this.#services.clusterId();
    if (poolId === clusterId) return true;
    const own = clusterId === '' ? 'has not joined a cluster yet' : `belongs to cluster ${clusterId}`;
    const message = `This DataNode ${own}; the block is of cluster ${poolId}`;
    await this.#respond(connection, { status: Status.ERROR_INVALID, message });
    return false;
  }

  /** A connection of this kind counts only while something is under way on it. */
  async #receiveSmallBlocks({ poolId }: WriteSmallBlocksOperation, connection: Connection): Promise<void> {
    if (!(await this.#isOfThisCluster(poolId, connection))) return;
    const onBusy = (change: 1 | -1): void => {
      this.#active += change;
    };
    await new SmallBlockReceiver(this.#services, connection, onBusy).run();
  }

  async #receive(operation: WriteBlockOperation, connection: Connection): Promise<void> {
    const receiver = new BlockReceiver(this.#services, operation, connection);
    this.#receivers.add(receiver);
    await receiver.run();
    this.#receivers.delete(receiver);
  }

  async #transfer(operation: TransferBlockOperation): Promise<BlockOpResponse> {
    const context = { block: blockName(operation.block), targets: operation.targets.map(addressOf) };
    try {
      await transferForPipeline(this.#services, operation, this.#stopping.signal);
      this.#logger.info(context, 'an unfinished replica was copied for its pipeline');
      return { status: Status.SUCCESS };
    } catch (error) {
      this.#logger.warn({ ...context, reason: messageOf(error) }, 'an unfinished replica could not be copied');
      return { status: statusOfError(error), message: messageOf(error) };
    }
  }

  #visibleLength({ block }: VisibleLengthOperation): BlockOpResponse {
    try {
      return { status: Status.SUCCESS, visibleBytes: visibleLength(this.#services.store, block) };
    } catch (error) {
      return { status: statusOfError(error), message: messageOf(error) };
    }
  }

  async #localPath({ block }: BlockLocalPathOperation, { channel }: Connection): Promise<BlockOpResponse> {
    try {
      return { status: Status.SUCCESS, localPath: await blockLocalPath(this.#services.store, block, channel.peer) };
    } catch (error) {
      return { status: statusOfError(error), message: messageOf(error) };
    }
  }

  async #blockChecksum({ block }: BlockChecksumOperation): Promise<BlockOpResponse> {
    try {
      return { status: Status.SUCCESS, checksumResponse: await blockChecksum(this.#services.store, block) };
    } catch (error) {
      this.#logger.warn({ block: blockName(block), reason: messageOf(error) }, 'a block checksum was refused');
      return { status: statusOfError(error), message: messageOf(error) };
    }
  }

  async #respond({ channel }: Connection, response: BlockOpResponse): Promise<void> {
    await channel.write([encodeBlockOpResponse(response)], this.#services.timeouts.writeTimeoutMs);
  }
}
