/** Has one DataNode copy what it has of an unfinished block to another one (HDFS: TRANSFER_BLOCK). */
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { ByteReader } from '../../common/byte-reader.js';
import { encodeOperation } from '../../common/data-transfer.js';
import { readBlockOpResponse } from '../../common/data-transfer-response.js';
import { DfsError } from '../../common/errors.js';
import { Status } from '../../common/status.js';
import type { ClientContext } from '../context.js';
import { onAbort } from '../on-abort.js';
import { describeStatus } from '../pipeline-recovery.js';
import { dataAddress } from '../rpc/messages.js';
import type { ReplicaLocation } from '../types.js';
import { toPipelineNode } from './pipeline.js';

/** The answer may take one socket time-out more for each so many bytes. HDFS: for each 200 packets of 64 KiB. */
const BYTES_PER_TIMEOUT = 200 * 64 * 1024;

/**
 * Resolves when `target` has what `source` has of the block. `bytes`: about how much that is.
 * @throws DfsError `PipelineFailed` with the source's reason; `ConnectionLost`, `Timeout`.
 */
export async function transferReplica(
  { network, poolId, namenode, settings }: ClientContext,
  block: Block,
  source: ReplicaLocation,
  target: ReplicaLocation,
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  const { socketTimeoutMs, connectTimeoutMs } = settings;
  const answerTimeoutMs = socketTimeoutMs * (2 + Math.floor(bytes / BYTES_PER_TIMEOUT));
  const { host, dataPort } = source.datanode;
  const channel = await network.connect(host, dataPort, { timeoutMs: connectTimeoutMs, signal });
  const ignoreAbort = onAbort(signal, () => channel.destroy());
  try {
    const operation = {
      op: 'transferBlock',
      block: { ...block, poolId },
      clientName: namenode.clientName,
      targets: [toPipelineNode(target)],
      targetStorageIds: [target.storageId],
    } as const;
    await channel.write([encodeOperation(operation)], socketTimeoutMs);
    const { status, message } = await readBlockOpResponse(new ByteReader(channel), answerTimeoutMs);
    if (status === Status.SUCCESS) return;
    const reason = describeStatus(status, message ?? '');
    throw new DfsError('PipelineFailed', `${dataAddress(source.datanode)} cannot copy ${blockName(block)}: ${reason}`);
  } finally {
    ignoreAbort();
    channel.destroy();
  }
}
