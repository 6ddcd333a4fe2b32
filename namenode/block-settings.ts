/** The settings of block management. */
import type { Configuration } from '../common/config/configuration.js';
import type { BalancerSettings } from './balancer.js';
import type { DatanodeAdminSettings } from './datanode-admin.js';
import type { HeartbeatSettings } from './heartbeat-manager.js';
import type { ReplicationSettings } from './replication-monitor.js';
import type { SafeModeSettings } from './safe-mode.js';

export interface BlockSettings {
  readonly heartbeatIntervalMs: number;
  readonly blockReportIntervalMs: number;
  readonly redundancyIntervalMs: number;
  readonly minReplication: number;
  readonly invalidateLimit: number;
  readonly heartbeats: HeartbeatSettings;
  readonly replication: ReplicationSettings;
  readonly safeMode: SafeModeSettings;
  readonly admin: DatanodeAdminSettings;
  readonly balancer: BalancerSettings;
  /** dfs.namenode.maintenance.replication.min */
  readonly minMaintenanceReplication: number;
}

/** How often the states of DataNodes are looked at, unless heartbeats are more frequent than that. */
const TICK_MS_MAX = 1_000;

export function blockSettings(configuration: Configuration): BlockSettings {
  const heartbeatIntervalMs = configuration.get('dfs.heartbeat.interval');
  const minReplication = configuration.get('dfs.namenode.replication.min');
  return {
    heartbeatIntervalMs,
    blockReportIntervalMs: configuration.get('dfs.blockreport.intervalMsec'),
    redundancyIntervalMs: configuration.get('dfs.namenode.redundancy.interval.seconds'),
    minReplication,
    invalidateLimit: configuration.get('dfs.block.invalidate.limit'),
    heartbeats: {
      staleAfterMs: configuration.get('dfs.namenode.stale.datanode.interval'),
      deadAfterMs: 2 * configuration.get('dfs.namenode.heartbeat.recheck-interval') + 10 * heartbeatIntervalMs,
      unreachableAfterMs: configuration.get('dfs.namenode.unreachable.datanode.interval'),
      tickMs: Math.min(TICK_MS_MAX, heartbeatIntervalMs),
    },
    replication: {
      maxStreams: configuration.get('dfs.namenode.replication.max-streams'),
      maxStreamsHardLimit: configuration.get('dfs.namenode.replication.max-streams-hard-limit'),
      pendingTimeoutMs: configuration.get('dfs.namenode.reconstruction.pending.timeout-sec'),
    },
    balancer: {
      continuous: configuration.get('dfs.namenode.balancer.continuous'),
      thresholdPercent: configuration.get('dfs.namenode.balancer.threshold'),
      intervalMs: configuration.get('dfs.balancer.service.interval'),
      movesPerNodeMax: configuration.get('dfs.datanode.balance.max.concurrent.moves'),
      bytesPerNodeMax: configuration.get('dfs.balancer.max-size-to-move'),
      heartbeatIntervalMs,
    },
    admin: {
      intervalMs: configuration.get('dfs.namenode.decommission.interval'),
      minReplication,
      defaultReplication: configuration.get('dfs.replication'),
    },
    minMaintenanceReplication: configuration.get('dfs.namenode.maintenance.replication.min'),
    safeMode: {
      threshold: configuration.get('dfs.namenode.safemode.threshold-pct'),
      minDatanodes: configuration.get('dfs.namenode.safemode.min.datanodes'),
      extensionMs: configuration.get('dfs.namenode.safemode.extension'),
      minReplication,
    },
  };
}
