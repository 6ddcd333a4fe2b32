/** Copies replicas to other DataNodes, as the NameNode orders it. */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { Network } from '../common/channel.js';
import type { PipelineNode, WriteBlockOperation } from '../common/data-transfer.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { READ_PACKET_BYTES } from './block-sender.js';
import { chunkRange, PacketSource, sendAllPackets } from './packet-source.js';
import { PipelineClient } from './pipeline-client.js';
import { addressOf } from './pipeline-node.js';
import type { ReadableReplica, ReplicaStore } from './replica-store.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

/** One copy to be made, through a pipeline of all targets. */
export interface TransferOrder {
  readonly block: Block;
  /** At least one. */
  readonly targets: readonly TransferTarget[];
}

export interface TransferTarget {
  readonly node: PipelineNode;
  readonly storageId: string;
}

export interface TransfersOptions {
  readonly store: ReplicaStore;
  readonly network: Network;
  readonly logger: Logger;
  readonly timeouts: TransferTimeouts;
  readonly clusterId: () => string;
  readonly maxConcurrent: number;
  /** Called when a copy has ended, one way or the other. */
  readonly onEnded: () => void;
}

/** Orders beyond this are failed at once; the NameNode gives them to another DataNode. */
const MAX_WAITING = 1000;

export class Transfers {
  readonly #options: TransfersOptions;
  /** By block id, in the order in which they came; the first ones are running. */
  readonly #orders = new Map<number, TransferOrder>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #failed: Block[] = [];

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /** Copies that were ordered and have not ended. */
  get pendingCount(): number {
    return this.#orders.size;
  }

  /** Copies that failed, as long as they were not {@link failuresTold}. */
  get failures(): readonly Block[] {
    return this.#failed;
  }

  /** The first `count` of them are known to the NameNode. */
  failuresTold(count: number): void {
    this.#failed.splice(0, count);
  }

  order(order: TransferOrder): void {
    const { blockId } = order.block;
    if (this.#stopping.signal.aborted || this.#orders.has(blockId)) return;
    if (this.#orders.size >= MAX_WAITING) {
      this.#failed.push(order.block);
      return;
    }
    this.#orders.set(blockId, order);
    this.#startNext();
  }

  /** Breaks off all copies. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#orders.clear();
    await Promise.all(this.#running.values());
  }

  #startNext(): void {
    for (const [blockId, order] of this.#orders) {
      if (this.#running.size >= this.#options.maxConcurrent) return;
      if (this.#running.has(blockId)) continue;
      this.#running.set(blockId, this.#run(order));
    }
  }

  async #run(order: TransferOrder): Promise<void> {
    const { logger, onEnded } = this.#options;
    const context = { block: blockName(order.block), targets: order.targets.map(({ node }) => addressOf(node)) };
    try {
      await this.#copy(order);
      logger.info(context, 'replica copied');
    } catch (error) {
      logger.warn({ ...context, reason: messageOf(error) }, 'a replica could not be copied');
      this.#failed.push(order.block);
    }
    this.#orders.delete(order.block.blockId);
    this.#running.delete(order.block.blockId);
    this.#startNext();
    onEnded();
  }

  async #copy(order: TransferOrder): Promise<void> {
    const { store } = this.#options;
    const replica = await store.openForRead(order.block);
    try {
      requireSame(replica, order.block);
      const client = await this.#openPipeline(order, replica);
      try {
        await this.#send(replica, client);
        await client.finish();
      } catch (error) {
        await client.abort();
        throw error;
      }
    } catch (error) {
      store.readFailed(replica, error);
      throw error;
    } finally {
      replica.files.closeLater();
    }
  }

  async #send(replica: ReadableReplica, client: PipelineClient): Promise<void> {
    const onAbort = (): void => void client.abort();
    this.#stopping.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const range = chunkRange(replica, 0, replica.block.numBytes);
      // Verified here too: otherwise the target would be blamed for what is wrong on this disk.
      const source = new PacketSource(replica, range, {
        packetBytes: READ_PACKET_BYTES,
        withChecksums: true,
        verify: true,
      });
      await sendAllPackets(source, (packet) => client.send(packet));
    } finally {
      this.#stopping.signal.removeEventListener('abort', onAbort);
    }
  }

  async #openPipeline({ block, targets }: TransferOrder, { files }: ReadableReplica): Promise<PipelineClient> {
    const { network, timeouts, clusterId } = this.#options;
    const [first, ...others] = targets;
    if (first === undefined) throw new DfsError('InvalidArgument', 'A copy was ordered without a target');
    const operation: WriteBlockOperation = {
      op: 'writeBlock',
      block: { ...block, poolId: clusterId() },
      clientName: '',
      targets: others.map(({ node }) => node),
      stage: 'PIPELINE_SETUP_CREATE',
      pipelineSize: targets.length,
      minBytesRcvd: 0,
      maxBytesRcvd: 0,
      latestGenerationStamp: block.generationStamp,
      checksum: files.checksum,
      storageId: first.storageId,
      targetStorageIds: others.map(({ storageId }) => storageId),
    };
    const options = { timeoutMs: timeouts.readTimeoutMs, signal: this.#stopping.signal };
    const channel = await network.connect(first.node.host, first.node.dataPort, options);
    return PipelineClient.open({ channel, operation, nodes: targets.map(({ node }) => addressOf(node)), timeouts });
  }
}

/** The NameNode orders the copy of one version of a block; if the replica is another one by now, it is not that. */
function requireSame(replica: ReadableReplica, block: Block): void {
  const isSame = replica.block.generationStamp === block.generationStamp && replica.visibleBytes === block.numBytes;
  if (isSame && replica.numBytes === replica.visibleBytes) return;
  throw new DfsError(
    'InvalidArgument',
    `Replica ${blockName(replica.block)} of ${replica.visibleBytes} bytes is not ${blockName(block)} of ${block.numBytes} bytes`,
  );
}
