import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Replica } from './replica.js';
import type { ReplicaStore } from './replica-store.js';

/**
 * Files are removed by so many at a time: a deleted tree of a million blocks must not keep the disk from serving
 * others.
 */
const REMOVALS_AT_A_TIME = 2;
/**
 * The NameNode sends an order again when it does not hear that it was carried out, so orders beyond this may be
 * dropped.
 */
const MAX_WAITING = 1_000_000;

/** Deletes replicas in the background, as the NameNode orders it. */
export class ReplicaRemoval {
  readonly #store: ReplicaStore;
  readonly #logger: Logger;
  readonly #waiting: Block[] = [];
  /** Where {@link #waiting} begins; what is before it has been taken. */
  #next = 0;
  readonly #workers = new Set<Promise<void>>();
  #stopped = false;

  constructor(store: ReplicaStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Replicas whose deletion was ordered and is not done. */
  get pendingCount(): number {
    return this.#waiting.length - this.#next;
  }

  /**
   * Orders deletions. A replica with a newer stamp than the one given stays: the NameNode did not know of it. From now
   * on the replica is not served any more; once its files are gone the NameNode is told.
   */
  invalidate(blocks: readonly Block[]): void {
    for (const block of blocks) {
      if (this.#stopped || this.pendingCount >= MAX_WAITING || this.#store.beingDeleted.has(block.blockId)) continue;
      const replica = this.#store.catalog.get(block.blockId);
      if (replica === undefined || replica.generationStamp > block.generationStamp) continue;
      this.#store.beingDeleted.add(block.blockId);
      this.#waiting.push(block);
    }
    while (this.#workers.size < REMOVALS_AT_A_TIME && this.#workers.size < this.pendingCount) this.#startWorker();
  }

  /** Resolves when no removal is under way; the rest is left to the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  #startWorker(): void {
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    for (let block = this.#take(); block !== undefined; block = this.#take()) {
      try {
        await this.#remove(block);
      } catch (error) {
        this.#logger.warn({ block: blockName(block), reason: messageOf(error) }, 'cannot delete a replica');
      } finally {
        this.#store.beingDeleted.delete(block.blockId);
      }
    }
  }

  #take(): Block | undefined {
    if (this.#stopped) return undefined;
    const block = this.#waiting[this.#next];
    if (block === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#next = 0;
    }
    return block;
  }

  async #remove(block: Block): Promise<void> {
    await this.#store.catalog.inPipeline(block.blockId)?.writer?.stop('the block is being deleted');
    await this.#store.locks.run(block.blockId, async () => {
      const unfinished = this.#store.catalog.inPipeline(block.blockId);
      if (unfinished !== undefined) {
        if (unfinished.writer === undefined) await this.#store.drop(unfinished);
        return;
      }
      const replica = this.#store.catalog.finalized(block.blockId);
      if (replica !== undefined) await this.#removeFinalized(replica);
    });
  }

  async #removeFinalized(replica: Replica): Promise<void> {
    const { volumes, catalog } = this.#store;
    const volume = volumes.get(replica.volume);
    await this.#store.onDisk(volume, () => volume.remove('finalized', replica));
    catalog.deletedFinalized(replica, volume);
  }
}
