import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { DfsError } from '../common/errors.js';
import { readableLength } from './replica.js';
import type { ReplicaStore } from './replica-store.js';

/**
 * How much of a block a reader may see here now; undefined when there is no replica, which may be because its pipeline is being set up.
 * @throws DfsError `ReplicaNotFound` when the replica waits for recovery, `StaleGenerationStamp`.
 */
export function visibleLength(store: ReplicaStore, block: Block): number | undefined {
  const replica = store.catalog.get(block.blockId);
  if (replica === undefined || store.beingDeleted.has(block.blockId)) return undefined;
  if (replica.generationStamp < block.generationStamp)
    throw new DfsError('StaleGenerationStamp', `Replica ${blockName(replica)} is older than ${blockName(block)}`);
  return readableLength(replica);
}
