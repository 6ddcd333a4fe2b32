/** What to do about one COMPLETE block, as a pure function of its health. */
import type { BlockHealth, Replica } from './block-health.js';
import { chooseExcess } from './excess-replicas.js';

export interface Decision {
  /** To be marked CORRUPT. */
  readonly corrupt: readonly Replica[];
  /** Surplus ones that are needed after all. */
  readonly keep: readonly Replica[];
  /** To be marked EXCESS. */
  readonly excess: readonly Replica[];
  /** To be marked INVALIDATE. */
  readonly invalidate: readonly Replica[];
  /** Its priority in low_redundancy; undefined when it has no place there. */
  readonly priority: number | undefined;
  /** Something is left to do that has to wait: look again. */
  readonly again: boolean;
}

/**
 * `canKeep`: whether a surplus replica can still be kept, because its deletion has not been ordered.
 * `settling`: replicas were reported just now, so that others may be on their way.
 * `isToGo`: which replica should go when one is surplus.
 */
export function decide(
  health: BlockHealth,
  canKeep: (replica: Replica) => boolean,
  settling: boolean,
  isToGo: (replica: Replica) => boolean = () => false,
): Decision {
  const { block, good, doubles, corrupt, outdated } = health;
  const goodNodes = new Set(good.map(({ node }) => node));
  const needed = health.excess.filter((replica) => !goodNodes.has(replica.node));
  const keep = needed.filter(canKeep).slice(0, health.missing);
  // The order to delete it may have been lost; then it can be kept as soon as it would be given again.
  const mayBeKeptLater = keep.length < Math.min(needed.length, health.missing);
  const hopeful = settling && health.missing > 0;
  const enough = good.length >= block.replication;
  const excess = chooseSurplus(health, isToGo);
  return {
    corrupt: outdated,
    keep,
    excess,
    // HDFS: corrupt replicas go once there are as many good ones as wanted, not before.
    invalidate: enough ? corrupt : [],
    priority: hopeful ? undefined : health.priority,
    again:
      hopeful ||
      mayBeKeptLater ||
      keep.length > 0 ||
      outdated.length > 0 ||
      excess.length < good.length + doubles.length - block.replication,
  };
}

/**
 * Replicas to delete. Only what is sure counts: a replica on a DataNode that is silent, or whose storage has not proved what it
 * holds, may not be there, and deleting another one because of it could lose the block.
 */
function chooseSurplus({ block, good, doubles }: BlockHealth, isToGo: (replica: Replica) => boolean): Replica[] {
  const sure = good.filter(({ storage }) => storage.isSure);
  const surplus = Math.max(0, sure.length - block.replication);
  const sureDoubles = doubles.filter(({ storage }) => storage.isSure);
  const chosen = sure.length >= block.replication ? sureDoubles : [];
  return [...chosen, ...chooseExcess(sure, surplus, isToGo)];
}

/** Whether nothing would change if the decision were carried out. `queued`: the block's place in low_redundancy. */
export function changesNothing(decision: Decision, queued: number | undefined): boolean {
  const { corrupt, keep, excess, invalidate, priority, again } = decision;
  const replicas = corrupt.length + keep.length + excess.length + invalidate.length;
  return replicas === 0 && priority === queued && !again;
}
