/**
 * How urgently a block needs work: HDFS's five queues (LowRedundancyBlocks). The queue itself is the table low_redundancy, so that
 * memory does not grow with the number of blocks that a dead DataNode leaves behind.
 */

export const Priority = {
  /** One replica left, or only such as are being taken out of service. */
  HIGHEST: 0,
  /** Less than a third of the replicas wanted. */
  VERY_LOW: 1,
  LOW: 2,
  /** As many replicas as wanted, all on one rack. */
  BADLY_SPREAD: 3,
  /** No good replica left: nothing can be done before one comes back. */
  LOST: 4,
} as const;

export interface Redundancy {
  /** Good replicas on DataNodes in service, each on another DataNode. */
  readonly live: number;
  /** As many live ones as there should be. */
  readonly wanted: number;
  /** Replicas that its file asks for: more than `wanted` while some are in maintenance. */
  readonly replication: number;
  /** Good replicas that can be copied from, though they are not live: on DataNodes that are being decommissioned or in maintenance. */
  readonly outOfService: number;
  /** Racks that the live replicas and those in maintenance are on. */
  readonly racks: number;
  /** Racks that exist in the cluster. */
  readonly clusterRacks: number;
}

/** HDFS asks for two racks, not more, when the cluster has them (BlockPlacementPolicyDefault.verifyBlockPlacement). */
export function isWellSpread({
  replication,
  racks,
  clusterRacks,
}: Pick<Redundancy, 'replication' | 'racks' | 'clusterRacks'>): boolean {
  return racks >= Math.min(2, replication, clusterRacks);
}

/** Undefined when the block has what it should have. */
export function priorityOf(redundancy: Redundancy): number | undefined {
  const { live, wanted, outOfService } = redundancy;
  if (live >= wanted) return isWellSpread(redundancy) ? undefined : Priority.BADLY_SPREAD;
  if (live === 0) return outOfService > 0 ? Priority.HIGHEST : Priority.LOST;
  if (live === 1) return Priority.HIGHEST;
  return live * 3 < wanted ? Priority.VERY_LOW : Priority.LOW;
}
