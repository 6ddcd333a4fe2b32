/**
 * A DataNode that joins a pipeline whose other nodes have a part of the block already gets that part from one of them, before the
 * pipeline is set up again under a new stamp. (HDFS: TRANSFER_BLOCK, transferReplicaForPipeline.)
 */
import type { TransferBlockOperation } from '../common/data-transfer.js';
import { type CopyServices, copyReplica } from './replica-copy.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';

/**
 * Copies what this DataNode has of the block to the targets. They get what is acknowledged: a client sends the rest again.
 * @throws DfsError `ReplicaNotFound`, `StaleGenerationStamp`, `PipelineFailed`, `Corrupt`.
 */
export async function transferForPipeline(
  services: CopyServices & { readonly store: ReplicaStore },
  { block, clientName, targets, targetStorageIds }: TransferBlockOperation,
  signal: AbortSignal,
): Promise<void> {
  const { store } = services;
  const replica = await store.openForRead(block);
  try {
    const header = {
      block: { ...replica.block, numBytes: replica.visibleBytes, poolId: block.poolId },
      clientName,
      stage: replica.finalized ? 'TRANSFER_FINALIZED' : 'TRANSFER_RBW',
    } as const;
    const to = targets.map((node, index) => ({ node, storageId: targetStorageIds[index] ?? '' }));
    await copyReplica(services, replica, header, to, signal);
  } catch (error) {
    store.readFailed(replica, error);
    throw error;
  } finally {
    replica.files.closeLater();
  }
}

/** Makes a complete copy of an RBW replica one itself, which waits for its pipeline. */
export async function joinPipeline(store: ReplicaStore, { replica, files, volume }: WritableReplica): Promise<void> {
  await store.locks.run(replica.blockId, async () => {
    await store.onDisk(volume, async () => {
      await files.writeHeader();
      // The writer may have been told, after an hsync, that these bytes are on the disk of every DataNode. (HDFS does not care.)
      await files.sync(replica.numBytes);
      await volume.moveToRbw(replica);
    });
    files.closeLater();
    store.catalog.joinedPipeline(replica, volume);
  });
}
