/** When a DataNode that a write pipeline has lost is replaced. HDFS's ReplaceDatanodeOnFailure. */

/** `dfs.client.block.write.replace-datanode-on-failure.*` */
export interface ReplacementRule {
  readonly policy: 'DEFAULT' | 'ALWAYS' | 'NEVER';
  /** Whether the write goes on with fewer DataNodes when there is none to be had. */
  readonly bestEffort: boolean;
}

/** What is left of a pipeline, and of what block. */
export interface PipelineRemainder {
  /** Replicas that the file should have. */
  readonly replication: number;
  readonly nodesLeft: number;
  /** The block was flushed, or is appended to: somebody relies on its bytes already. */
  readonly reliedOn: boolean;
}

/**
 * Whether one more DataNode is asked for. HDFS's condition for DEFAULT, with r replicas wanted and n left: r >= 3, and either
 * floor(r/2) >= n or the block was flushed or is appended to.
 */
export function wantsReplacement(
  { policy }: ReplacementRule,
  { replication, nodesLeft, reliedOn }: PipelineRemainder,
): boolean {
  if (nodesLeft === 0 || nodesLeft >= replication) return false;
  switch (policy) {
    case 'NEVER':
      return false;
    case 'ALWAYS':
      return true;
    case 'DEFAULT':
      return replication >= 3 && (Math.floor(replication / 2) >= nodesLeft || reliedOn);
  }
}
