import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { cancellation } from '../../common/cancellation.js';
import type { BlockOpResponse, Operation } from '../../common/data-transfer.js';
import { encodeOperation } from '../../common/data-transfer.js';
import { readBlockOpResponse } from '../../common/data-transfer-response.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { Status } from '../../common/status.js';
import { onAbort } from '../on-abort.js';
import { describeStatus } from '../pipeline-recovery.js';
import type { DatanodeAddress } from '../types.js';
import type { ConnectionPool, DatanodeConnection } from './connection-pool.js';

/** A question about a block that is answered at once, after which the connection serves the next operation. */
export interface Question {
  readonly operation: Extract<Operation, { op: 'visibleLength' | 'blockLocalPath' }>;
  /** What is asked for: `the length`. */
  readonly what: string;
  readonly timeoutMs: number;
}

/**
 * Asks a DataNode.
 * @throws DfsError `ReplicaNotFound` when the DataNode refuses, with its reason; `ConnectionLost`, `Timeout`, `Cancelled`.
 */
export async function askDatanode(
  connections: ConnectionPool,
  datanode: DatanodeAddress,
  question: Question,
  signal: AbortSignal,
): Promise<BlockOpResponse> {
  const idle = connections.takeIdle(datanode);
  if (idle !== undefined) {
    try {
      return await ask(connections, idle, question, signal);
    } catch (error) {
      // The DataNode may have closed it meanwhile: that says nothing about the DataNode.
      if (!isDfsError(error, 'ConnectionLost')) throw error;
    }
  }
  return await ask(connections, await connections.connect(datanode, signal), question, signal);
}

async function ask(
  connections: ConnectionPool,
  connection: DatanodeConnection,
  { operation, what, timeoutMs }: Question,
  signal: AbortSignal,
): Promise<BlockOpResponse> {
  const { channel, reader, key } = connection;
  const block: Block = operation.block;
  const ignoreAbort = onAbort(signal, () => channel.destroy());
  try {
    await channel.write([encodeOperation(operation)], timeoutMs);
    const response = await readBlockOpResponse(reader, timeoutMs);
    if (response.status !== Status.SUCCESS) {
      const reason = describeStatus(response.status, response.message ?? '');
      throw new DfsError('ReplicaNotFound', `${key} does not give ${what} of ${blockName(block)}: ${reason}`);
    }
    connections.release(connection);
    return response;
  } catch (error) {
    channel.destroy();
    throw signal.aborted ? cancellation(signal, `asking for ${what} of ${blockName(block)}`) : error;
  } finally {
    ignoreAbort();
  }
}
