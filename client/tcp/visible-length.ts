import type { Block } from '../../common/block.js';
import type { ClientContext } from '../context.js';
import type { DatanodeAddress } from '../types.js';
import { askDatanode } from './short-operation.js';

/**
 * How much of a block that is being written can be read at a DataNode; undefined when it has no replica. The connection is kept for the read.
 * @throws DfsError `ReplicaNotFound` when the DataNode refuses, with its reason; `ConnectionLost`, `Timeout`, `Cancelled`.
 */
export async function askVisibleLength(
  { connections, poolId, settings }: ClientContext,
  datanode: DatanodeAddress,
  block: Block,
  signal: AbortSignal,
): Promise<number | undefined> {
  const operation = { op: 'visibleLength', block: { ...block, poolId } } as const;
  const question = { operation, what: 'the length', timeoutMs: settings.socketTimeoutMs };
  return (await askDatanode(connections, datanode, question, signal)).visibleBytes;
}
