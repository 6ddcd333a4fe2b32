/**
 * A DataNode's part in the recovery of a block whose writer has vanished (HDFS: FsDatasetImpl.initReplicaRecovery and
 * updateReplicaUnderRecovery). Who decides what the block consists of is the primary DataNode, block-recovery.ts.
 *
 * HDFS wraps a replica under recovery in a state of its own, RUR. Here it keeps its state and is given a recovery id besides, which keeps
 * all others from it: so a finalized one stays in the digest and is read as before, also when a recovery is never finished.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { DfsError, isDfsError } from '../common/errors.js';
import { verifiedLength } from './disk/replica-check.js';
import type { Volume } from './disk/volume.js';
import type { Replica } from './replica.js';
import { blockOf } from './replica-catalog.js';
import { ReplicaInPipeline } from './replica-in-pipeline.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';

/** What a DataNode has of a block when its recovery begins. */
export interface ReplicaRecoveryInfo extends Block {
  readonly state: 'FINALIZED' | 'RBW' | 'RWR';
}

/** Holds the replica while its files are changed; there is nobody to be stopped. */
const RECOVERY_AS_WRITER = { stop: async (): Promise<void> => {} };

export class ReplicaRecovery {
  readonly #store: ReplicaStore;

  constructor(store: ReplicaStore) {
    this.#store = store;
  }

  /**
   * Stops whoever writes to the replica of the block; from now on the recovery has it. Undefined when there is none.
   * @throws DfsError `RetryLater` when a newer recovery has it, or has been through with it.
   */
  async init({ blockId }: Pick<Block, 'blockId'>, recoveryId: number): Promise<ReplicaRecoveryInfo | undefined> {
    const { catalog, locks, beingDeleted } = this.#store;
    await catalog.inPipeline(blockId)?.writer?.stop('the block is being recovered');
    return locks.run(blockId, async () => {
      const replica = catalog.get(blockId);
      if (replica === undefined || beingDeleted.has(blockId)) return undefined;
      const { state } = replica;
      // A copy that the NameNode ordered: not one of the pipeline's replicas.
      if (state === 'TEMPORARY') return undefined;
      const latest = Math.max(catalog.recoveryIdOf(blockId) ?? 0, replica.generationStamp);
      if (latest > recoveryId) {
        throw new DfsError('RetryLater', `Recovery ${recoveryId} of ${blockName(replica)} was overtaken by ${latest}`);
      }
      requireNoWriter(this.#store, replica);
      catalog.recoveryBegan(blockId, recoveryId);
      const unfinished = catalog.inPipeline(blockId);
      if (unfinished !== undefined && unfinished.numBytes > unfinished.visibleBytes) await this.#dropDamage(unfinished);
      return { ...blockOf(unfinished ?? replica), state };
    });
  }

  /**
   * What was received and not acknowledged may have been damaged on its way, as only the last DataNode of a pipeline verifies. Nobody was told
   * that it is there, so it is cut off. (HDFS would make it part of the block.)
   */
  async #dropDamage(replica: ReplicaInPipeline): Promise<void> {
    const { catalog, volumes } = this.#store;
    const volume = volumes.get(replica.volume);
    await this.#store.onDisk(volume, async () => {
      const files = await volume.open('rbw', replica, 'write');
      try {
        const { numBytes } = await verifiedLength(files);
        const kept = Math.max(numBytes, replica.visibleBytes);
        if (kept < replica.numBytes) catalog.wrote(replica, volume, kept, await files.truncate(kept));
      } catch (error) {
        // What was acknowledged is damaged, too: other replicas may have it.
        if (!isDfsError(error, 'Corrupt')) throw error;
      } finally {
        await files.close();
      }
    });
  }

  /**
   * Makes the replica what the recovery has decided: cut to `newLength`, under the recovery's id as its stamp, finalized. May be repeated.
   * @returns the storage that holds it.
   * @throws DfsError `InvalidArgument` when the recovery has not this replica, or it is too short.
   */
  async update(blockId: number, recoveryId: number, newLength: number): Promise<string> {
    const { catalog, locks } = this.#store;
    const opened = await locks.run(blockId, async () => {
      const replica = catalog.get(blockId);
      if (replica !== undefined && isDone(replica, recoveryId, newLength)) return undefined;
      if (replica === undefined || catalog.recoveryIdOf(blockId) !== recoveryId) {
        throw new DfsError('InvalidArgument', `Recovery ${recoveryId} of block ${blockId} is not under way here`);
      }
      if (replica.numBytes < newLength) {
        throw new DfsError(
          'InvalidArgument',
          `Replica ${blockName(replica)} has ${replica.numBytes} bytes, not ${newLength}`,
        );
      }
      requireNoWriter(this.#store, replica);
      if (replica.state === 'FINALIZED' && replica.numBytes === newLength) return this.#restamp(replica, recoveryId);
      return replica.state === 'FINALIZED'
        ? this.#reopen(replica, recoveryId, newLength)
        : this.#open(replica.blockId, recoveryId, newLength);
    });
    if (opened !== undefined) await this.#finalize(opened);
    catalog.recoveryEnded(blockId, recoveryId);
    return this.#storageOf(blockId);
  }

  async #restamp(replica: Replica, recoveryId: number): Promise<undefined> {
    const { catalog, volumes } = this.#store;
    const volume = volumes.get(replica.volume);
    await this.#store.onDisk(volume, () => volume.restamp('finalized', replica, recoveryId));
    catalog.restamped(replica, volume, recoveryId);
  }

  /** A finalized replica that is to be cut goes back to rbw/ for it, where start-up can tell what a crash has left of it. */
  async #reopen(old: Replica, recoveryId: number, newLength: number): Promise<WritableReplica> {
    const { catalog, volumes } = this.#store;
    const volume = volumes.get(old.volume);
    return this.#store.onDisk(volume, async () => {
      await this.#verifyCut(old, volume, newLength);
      await volume.reopen(old, recoveryId);
      const replica = new ReplicaInPipeline({ ...blockOf(old), generationStamp: recoveryId }, 'RBW', old.volume);
      catalog.reopened(old, replica, volume);
      return this.#cut(replica, volume, newLength);
    });
  }

  /** While it still is what the NameNode knows, and can be reported. */
  async #verifyCut(replica: Replica, volume: Volume, newLength: number): Promise<void> {
    const files = await volume.open('finalized', replica, 'read');
    try {
      await files.verifyCut(newLength);
    } catch (error) {
      if (isDfsError(error, 'Corrupt')) this.#store.catalog.foundCorrupt(blockOf(replica), volume.storageId);
      throw error;
    } finally {
      await files.close();
    }
  }

  async #open(blockId: number, recoveryId: number, newLength: number): Promise<WritableReplica> {
    const { catalog, volumes } = this.#store;
    const replica = catalog.inPipeline(blockId) as ReplicaInPipeline;
    const volume = volumes.get(replica.volume);
    return this.#store.onDisk(volume, async () => {
      await volume.restamp('rbw', replica, recoveryId);
      replica.restamped(recoveryId);
      return this.#cut(replica, volume, newLength);
    });
  }

  async #cut(replica: ReplicaInPipeline, volume: Volume, newLength: number): Promise<WritableReplica> {
    const files = await volume.open('rbw', replica, 'write');
    try {
      // The files may have more than is known of the replica, when a disk that failed could not be put in order.
      if (newLength < replica.numBytes || (await files.dataSize()) !== newLength) {
        this.#store.catalog.wrote(replica, volume, newLength, await files.truncate(newLength));
      }
      replica.writer = RECOVERY_AS_WRITER;
      return { replica, files, volume };
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  async #finalize(writable: WritableReplica): Promise<void> {
    try {
      await this.#store.finalize(writable);
    } catch (error) {
      await this.#store.release(writable);
      throw error;
    }
  }

  #storageOf(blockId: number): string {
    const replica = this.#store.catalog.get(blockId);
    if (replica !== undefined) return this.#store.volumes.get(replica.volume).storageId;
    throw new DfsError('ReplicaNotFound', `The replica of block ${blockId} was removed while it was recovered`);
  }
}

/** It was stopped, but another one may have come before the block could be locked; then this attempt is repeated. */
function requireNoWriter({ catalog }: ReplicaStore, replica: Replica): void {
  if (catalog.inPipeline(replica.blockId)?.writer === undefined) return;
  throw new DfsError('RetryLater', `${blockName(replica)} is being written again`);
}

function isDone({ state, generationStamp, numBytes }: Replica, recoveryId: number, newLength: number): boolean {
  return state === 'FINALIZED' && generationStamp === recoveryId && numBytes === newLength;
}
