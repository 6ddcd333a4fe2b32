/**
 * What a client asks of an existing replica when it sets up a pipeline: to append to it, or to go on after a DataNode
 * was lost. Each time the replica gets a newer generation stamp, so that replicas which take no part are known to be
 * out of date.
 *
 * The conditions are HDFS's. A writer that still holds the replica (of the pipeline that broke) is stopped first.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { CHECKSUM_SIZE_BYTES } from '../common/checksum.js';
import { DfsError } from '../common/errors.js';
import type { ReplicaFiles } from './disk/replica-files.js';
import type { Replica } from './replica.js';
import { blockOf } from './replica-catalog.js';
import type { ReplicaWriter } from './replica-in-pipeline.js';
import { ReplicaInPipeline } from './replica-in-pipeline.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';

/** What the client says of the block. */
export interface RecoveryRequest {
  /** With the stamp of the broken pipeline. */
  readonly block: Block;
  readonly newGenerationStamp: number;
  /** Who will write to the replica. */
  readonly writer: ReplicaWriter;
}

export class PipelineRecovery {
  readonly #store: ReplicaStore;

  constructor(store: ReplicaStore) {
    this.#store = store;
  }

  /**
   * Opens a finalized replica of exactly `expectedBytes` for more.
   * @throws DfsError `ReplicaNotFound`, `StaleGenerationStamp`, `InvalidArgument` (wrong length).
   */
  append(request: RecoveryRequest, expectedBytes: number): Promise<WritableReplica> {
    return this.#exclusively(request, (replica) => {
      requireState(replica, 'FINALIZED');
      if (replica.generationStamp !== request.block.generationStamp) throw unexpectedStamp(replica, request);
      requireLength(replica, expectedBytes);
      return this.#reopen(replica, request);
    });
  }

  /** The same when the set-up of an append failed half-way: some replicas are open already. */
  recoverAppend(request: RecoveryRequest, expectedBytes: number): Promise<WritableReplica> {
    return this.#exclusively(request, (replica) => {
      requireState(replica, 'FINALIZED', 'RBW');
      requireLength(replica, expectedBytes);
      if (replica.state === 'FINALIZED') return this.#reopen(replica, request);
      return this.#goOn(replica, request, replica.numBytes);
    });
  }

  /**
   * Goes on with a replica being written. What the broken pipeline never acknowledged is cut off; the client sends it
   * again.
   * @throws DfsError also when its length is not within what the client has sent and what it saw acknowledged.
   */
  recoverRbw(request: RecoveryRequest, minBytesReceived: number, maxBytesReceived: number): Promise<WritableReplica> {
    return this.#exclusively(request, (replica) => {
      requireState(replica, 'RBW');
      if (replica.visibleBytes < minBytesReceived || replica.numBytes > maxBytesReceived) {
        throw new DfsError(
          'InvalidArgument',
          `Unmatched length of replica ${blockName(replica)}: ${replica.visibleBytes} bytes acknowledged, ${replica.numBytes} on disk; ` +
            `expected ${minBytesReceived} to ${maxBytesReceived}`,
        );
      }
      return this.#goOn(replica, request, replica.visibleBytes);
    });
  }

  /** Finalizes a replica that has all its bytes, of a pipeline that broke while the block was closed. */
  async recoverClose(request: RecoveryRequest, expectedBytes: number): Promise<Block> {
    const done = await this.#exclusively(request, async (replica): Promise<Block | WritableReplica> => {
      requireState(replica, 'FINALIZED', 'RBW');
      if (replica.state === 'RBW') {
        if (replica.numBytes < expectedBytes) throw wrongLength(replica, expectedBytes);
        return this.#goOn(replica, request, expectedBytes);
      }
      requireLength(replica, expectedBytes);
      const volume = this.#store.volumes.get(replica.volume);
      await this.#store.onDisk(volume, () => volume.restamp('finalized', replica, request.newGenerationStamp));
      return this.#store.catalog.restamped(replica, volume, request.newGenerationStamp);
    });
    return 'files' in done ? await this.#finalize(done) : done;
  }

  /** When that fails, the replica waits for another attempt, or for a copy that takes its place. */
  async #finalize(writable: WritableReplica): Promise<Block> {
    try {
      return await this.#store.finalize(writable);
    } catch (error) {
      await this.#store.release(writable);
      throw error;
    }
  }

  /** Stops the writer, if there is one, and runs `work` on the replica with the block locked. */
  async #exclusively<T>(request: RecoveryRequest, work: (replica: Replica) => T | Promise<T>): Promise<T> {
    const { blockId } = request.block;
    await this.#store.catalog.inPipeline(blockId)?.writer?.stop('the pipeline is being rebuilt');
    return this.#store.locks.run(blockId, async () => {
      const replica = this.#store.catalog.get(blockId);
      if (replica === undefined || this.#store.beingDeleted.has(blockId)) {
        throw new DfsError('ReplicaNotFound', `Replica not found for ${blockName(request.block)}`);
      }
      if (this.#store.catalog.inPipeline(blockId)?.writer !== undefined) {
        throw new DfsError('RetryLater', `Another pipeline is writing to ${blockName(replica)}`);
      }
      requireStamp(replica, request);
      this.#requireNoRecovery(replica, request);
      return work(replica);
    });
  }

  /** A writer whose stamp is from before the recovery has lost the file; a later one finds the recovery done with. */
  #requireNoRecovery(replica: Replica, { newGenerationStamp }: RecoveryRequest): void {
    const { catalog } = this.#store;
    const recoveryId = catalog.recoveryIdOf(replica.blockId);
    if (recoveryId === undefined) return;
    if (newGenerationStamp <= recoveryId) {
      throw new DfsError('StaleGenerationStamp', `Replica ${blockName(replica)} is under recovery ${recoveryId}`);
    }
    catalog.recoveryEnded(replica.blockId, recoveryId);
  }

  async #reopen(old: Replica, { newGenerationStamp, writer }: RecoveryRequest): Promise<WritableReplica> {
    const { catalog, volumes } = this.#store;
    const volume = volumes.get(old.volume);
    return this.#store.onDisk(volume, async () => {
      await volume.reopen(old, newGenerationStamp);
      const block = { ...blockOf(old), generationStamp: newGenerationStamp };
      const replica = new ReplicaInPipeline(block, 'RBW', old.volume);
      catalog.reopened(old, replica, volume);
      const files = await volume.open('rbw', block, 'write');
      try {
        replica.wrote(old.numBytes, await lastChecksum(files, old.numBytes));
        replica.writer = writer;
        return { replica, files, volume };
      } catch (error) {
        await files.close();
        throw error;
      }
    });
  }

  async #goOn(
    old: Replica,
    { newGenerationStamp, writer }: RecoveryRequest,
    numBytes: number,
  ): Promise<WritableReplica> {
    const { catalog, volumes } = this.#store;
    const volume = volumes.get(old.volume);
    const replica = catalog.inPipeline(old.blockId);
    if (replica === undefined) throw new DfsError('Internal', `Replica ${blockName(old)} is not being written`);
    return this.#store.onDisk(volume, async () => {
      await volume.restamp('rbw', replica, newGenerationStamp);
      catalog.recovered(replica, volume, newGenerationStamp);
      const files = await volume.open('rbw', replica, 'write');
      replica.writer = writer;
      const writable = { replica, files, volume };
      try {
        if (numBytes < replica.numBytes) catalog.wrote(replica, volume, numBytes, await files.truncate(numBytes));
        // One that was found after a restart does not have it.
        else replica.wrote(numBytes, replica.lastChecksum ?? (await lastChecksum(files, numBytes)));
        return writable;
      } catch (error) {
        replica.writer = undefined;
        await files.close();
        throw error;
      }
    });
  }
}

async function lastChecksum(files: ReplicaFiles, numBytes: number): Promise<Buffer | undefined> {
  const inLastChunk = numBytes % files.checksum.bytesPerChecksum;
  if (inLastChunk === 0 || files.checksum.type === 'NULL') return undefined;
  const checksum = Buffer.allocUnsafe(CHECKSUM_SIZE_BYTES);
  await files.readChecksums(checksum, numBytes - inLastChunk);
  return checksum;
}

function requireState(replica: Replica, ...states: readonly Replica['state'][]): void {
  if (states.includes(replica.state)) return;
  throw new DfsError(
    'InvalidArgument',
    `Replica ${blockName(replica)} is ${replica.state}; it must be ${states.join(' or ')} for this`,
  );
}

function requireStamp(replica: Replica, request: RecoveryRequest): void {
  const { generationStamp } = replica;
  const isExpected = generationStamp >= request.block.generationStamp && generationStamp <= request.newGenerationStamp;
  if (!isExpected) throw unexpectedStamp(replica, request);
}

function unexpectedStamp(replica: Replica, { block, newGenerationStamp }: RecoveryRequest): DfsError {
  return new DfsError(
    'StaleGenerationStamp',
    `Replica ${blockName(replica)} has an unexpected generation stamp; expected ${block.generationStamp} to ${newGenerationStamp}`,
  );
}

function requireLength(replica: Replica, expectedBytes: number): void {
  if (replica.numBytes !== expectedBytes || replica.visibleBytes !== expectedBytes)
    throw wrongLength(replica, expectedBytes);
}

function wrongLength(replica: Replica, expectedBytes: number): DfsError {
  return new DfsError(
    'InvalidArgument',
    `Replica ${blockName(replica)} has ${replica.numBytes} bytes; expected ${expectedBytes}`,
  );
}
