import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { cancellation } from '../../common/cancellation.js';
import { encodeOperation } from '../../common/data-transfer.js';
import { readBlockOpResponse } from '../../common/data-transfer-response.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { Status } from '../../common/status.js';
import type { ClientContext } from '../context.js';
import { onAbort } from '../on-abort.js';
import { describeStatus } from '../pipeline-recovery.js';
import type { DatanodeAddress } from '../types.js';
import type { DatanodeConnection } from './connection-pool.js';

/**
 * How much of a block that is being written can be read at a DataNode; undefined when it has no replica. The connection is kept for the read.
 * @throws DfsError `ReplicaNotFound` when the DataNode refuses, with its reason; `ConnectionLost`, `Timeout`, `Cancelled`.
 */
export async function askVisibleLength(
  context: ClientContext,
  datanode: DatanodeAddress,
  block: Block,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { connections } = context;
  const idle = connections.takeIdle(datanode);
  if (idle !== undefined) {
    try {
      return await ask(context, idle, block, signal);
    } catch (error) {
      // The DataNode may have closed it meanwhile: that says nothing about the DataNode.
      if (!isDfsError(error, 'ConnectionLost')) throw error;
    }
  }
  return await ask(context, await connections.connect(datanode, signal), block, signal);
}

async function ask(
  { connections, poolId, settings }: ClientContext,
  connection: DatanodeConnection,
  block: Block,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { channel, reader, key } = connection;
  const ignoreAbort = onAbort(signal, () => channel.destroy());
  try {
    const operation = encodeOperation({ op: 'visibleLength', block: { ...block, poolId } });
    await channel.write([operation], settings.socketTimeoutMs);
    const { status, message = '', visibleBytes } = await readBlockOpResponse(reader, settings.socketTimeoutMs);
    if (status !== Status.SUCCESS) {
      const reason = describeStatus(status, message);
      throw new DfsError('ReplicaNotFound', `${key} does not give the length of ${blockName(block)}: ${reason}`);
    }
    connections.release(connection);
    return visibleBytes;
  } catch (error) {
    channel.destroy();
    throw signal.aborted ? cancellation(signal, `asking for the length of ${blockName(block)}`) : error;
  } finally {
    ignoreAbort();
  }
}
