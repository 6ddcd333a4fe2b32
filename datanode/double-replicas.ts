/**
 * Two replicas of one block, on two volumes. A deletion is not synced: a power cut may undo it when a newer replica has been put on another
 * volume meanwhile; or a disk that was away comes back with what it had. As in HDFS, the one with the newer generation stamp stays; of two
 * with the same one a finalized one, or else the longer one. Were the old one left, it would be found again at each start, hide
 * the new one and keep copies of the block away.
 */
import type { Block } from '../common/block.js';
import type { Volume } from './disk/volume.js';
import type { UnfinishedReplica } from './disk/volume-scan.js';
import type { VolumeSet } from './disk/volume-set.js';
import { blockOf, type ReplicaCatalog } from './replica-catalog.js';
import { ReplicaInPipeline } from './replica-in-pipeline.js';

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

/** A replica that start-up has come upon and that was being written. */
export interface FoundUnfinished {
  readonly block: UnfinishedReplica;
  readonly volume: Volume;
}

export interface WorseReplicas {
  readonly unfinished: readonly FoundUnfinished[];
  readonly finalized: readonly FoundReplica[];
}

/** Puts the best unfinished replica of each block into the catalog, unless a finalized one is better. Returns all others: their files are to be removed. */
export function takeUnfinished(
  found: readonly FoundUnfinished[],
  catalog: ReplicaCatalog,
  volumes: VolumeSet,
): WorseReplicas {
  const best = new Map<number, FoundUnfinished>();
  const unfinished: FoundUnfinished[] = [];
  for (const next of found) {
    const rival = best.get(next.block.blockId);
    const loses = rival !== undefined && !isBetter(next.block, rival.block);
    if (loses) unfinished.push(next);
    else best.set(next.block.blockId, next);
    if (rival !== undefined && !loses) unfinished.push(rival);
  }
  const finalized: FoundReplica[] = [];
  for (const one of best.values()) {
    const { block, volume } = one;
    const known = catalog.finalized(block.blockId);
    if (known !== undefined && known.generationStamp >= block.generationStamp) {
      unfinished.push(one);
      continue;
    }
    if (known !== undefined) {
      const other = volumes.get(known.volume);
      catalog.foundOld(known, other);
      finalized.push({ block: blockOf(known), volume: other });
    }
    const state = block.visibleBytes === undefined ? 'RWR' : 'RBW';
    catalog.foundWaiting(new ReplicaInPipeline(block, state, volume.index, 0, block.visibleBytes), volume);
  }
  return { unfinished, finalized };
}

function isBetter(block: Block, other: Block): boolean {
  if (block.generationStamp !== other.generationStamp) return block.generationStamp > other.generationStamp;
  return block.numBytes > other.numBytes;
}
