/**
 * Two finalized replicas of one block, on two volumes. A deletion is not synced: a power cut may undo it when a newer replica has been put on
 * another volume meanwhile. As in HDFS, the newer one stays, or else the longer one. Were the old one left, it would be found again at each
 * start, hide the new one and keep copies of the block away.
 */
import type { Block } from '../common/block.js';
import type { Volume } from './disk/volume.js';
import type { VolumeSet } from './disk/volume-set.js';
import { blockOf, type ReplicaCatalog } from './replica-catalog.js';

/** A finalized replica that start-up has come upon. */
export interface FoundReplica {
  readonly block: Block;
  readonly volume: Volume;
}

/** Leaves the better of `found` and the replica that is known in the catalog. Returns the other one, whose files are to be removed. */
export function takeBetter(found: FoundReplica, catalog: ReplicaCatalog, volumes: VolumeSet): FoundReplica | undefined {
  const { block, volume } = found;
  // None is known when the volume that had it has failed just now.
  if (catalog.foundFinalized(block, volume)) return undefined;
  const known = catalog.finalized(block.blockId);
  if (known === undefined || !isBetter(block, known)) return found;
  const other = volumes.get(known.volume);
  catalog.foundBetter(known, other, block, volume);
  return { block: blockOf(known), volume: other };
}

function isBetter(block: Block, other: Block): boolean {
  if (block.generationStamp !== other.generationStamp) return block.generationStamp > other.generationStamp;
  return block.numBytes > other.numBytes;
}
