/** Copies replicas to other DataNodes, as the NameNode orders it. */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { addressOf } from './pipeline-node.js';
import { type CopyServices, copyReplica, type TransferTarget } from './replica-copy.js';
import type { ReadableReplica, ReplicaStore } from './replica-store.js';

/** One copy to be made, through a pipeline of all targets. */
export interface TransferOrder {
  readonly block: Block;
  /** At least one. */
  readonly targets: readonly TransferTarget[];
}

export interface TransfersOptions extends CopyServices {
  readonly store: ReplicaStore;
  readonly logger: Logger;
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

  async #copy({ block, targets }: TransferOrder): Promise<void> {
    const { store, clusterId } = this.#options;
    const replica = await store.openForRead(block);
    try {
      requireSame(replica, block);
      const header = {
        block: { ...block, poolId: clusterId() },
        clientName: '',
        stage: 'PIPELINE_SETUP_CREATE',
      } as const;
      await copyReplica(this.#options, replica, header, targets, this.#stopping.signal);
    } catch (error) {
      store.readFailed(replica, error);
      throw error;
    } finally {
      replica.files.closeLater();
    }
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
