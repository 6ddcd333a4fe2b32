/** Which replica a write operation is about, by the stage that it is started in. */
import type { WriteBlockOperation } from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import type { ReceiverServices } from './block-receiver.js';
import { PipelineRecovery } from './pipeline-recovery.js';
import { joinPipeline } from './pipeline-transfer.js';
import type { ReplicaWriter } from './replica-in-pipeline.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';

/** Whether a DataNode copies a replica, rather than a client writing one. */
export function isCopy({ clientName, stage }: WriteBlockOperation): boolean {
  return clientName === '' || stage === 'TRANSFER_FINALIZED' || stage === 'TRANSFER_RBW';
}

/**
 * Opens the replica that the operation writes to; undefined when it is finalized and nothing is left to be written.
 * @throws DfsError why this DataNode cannot take part.
 */
export async function openReplicaFor(
  operation: WriteBlockOperation,
  writer: ReplicaWriter,
  {
    store,
    expectedBlockBytes,
    requireNamenode,
  }: Pick<ReceiverServices, 'store' | 'expectedBlockBytes' | 'requireNamenode'>,
): Promise<WritableReplica | undefined> {
  const { block, storageId, checksum, stage, minBytesRcvd, maxBytesRcvd } = operation;
  // What is begun may be finished; that needs no NameNode here.
  if (isCopy(operation) || stage === 'PIPELINE_SETUP_CREATE') requireNamenode();
  if (isCopy(operation)) {
    return store.createTemporary(block, { storageId, checksum, expectedBytes: block.numBytes, writer });
  }
  const recovery = new PipelineRecovery(store);
  const request = { block, newGenerationStamp: operation.latestGenerationStamp, writer };
  switch (stage) {
    case 'PIPELINE_SETUP_CREATE': {
      const expectedBytes = block.numBytes > 0 ? block.numBytes : expectedBlockBytes;
      return store.createRbw(block, { storageId, checksum, expectedBytes, writer });
    }
    case 'PIPELINE_SETUP_APPEND':
      return withChecksumsOf(operation, store, await recovery.append(request, minBytesRcvd));
    case 'PIPELINE_SETUP_APPEND_RECOVERY':
      return withChecksumsOf(operation, store, await recovery.recoverAppend(request, minBytesRcvd));
    case 'PIPELINE_SETUP_STREAMING_RECOVERY':
      return withChecksumsOf(operation, store, await recovery.recoverRbw(request, minBytesRcvd, maxBytesRcvd));
    case 'PIPELINE_CLOSE_RECOVERY':
      await recovery.recoverClose(request, minBytesRcvd);
      return undefined;
    default:
      // As in HDFS: DATA_STREAMING and PIPELINE_CLOSE are states of a client, never those of a request.
      throw new DfsError('Unsupported', `A block cannot be written in stage ${stage}`);
  }
}

/** What is appended must be checksummed like what is there. */
async function withChecksumsOf(
  { checksum }: WriteBlockOperation,
  store: ReplicaStore,
  writable: WritableReplica,
): Promise<WritableReplica> {
  const own = writable.files.checksum;
  if (own.type === checksum.type && own.bytesPerChecksum === checksum.bytesPerChecksum) return writable;
  await store.release(writable);
  throw new DfsError(
    'InvalidArgument',
    `The replica has ${own.type} checksums of ${own.bytesPerChecksum} bytes; ` +
      `it cannot go on with ${checksum.type} of ${checksum.bytesPerChecksum}`,
  );
}

/** All of the replica has come, and is in its files. */
export async function completeReplica(
  { stage }: WriteBlockOperation,
  store: ReplicaStore,
  writable: WritableReplica,
): Promise<void> {
  if (stage === 'TRANSFER_RBW') await joinPipeline(store, writable);
  else await store.finalize(writable);
}

/** The pipeline did not come about. What was made for it is removed, what was there before stays. */
export async function undoSetUp(
  operation: WriteBlockOperation,
  store: ReplicaStore,
  writable: WritableReplica | undefined,
): Promise<void> {
  if (writable === undefined) return;
  if (operation.stage === 'PIPELINE_SETUP_CREATE' || isCopy(operation)) await store.discard(writable);
  else await store.release(writable);
}
