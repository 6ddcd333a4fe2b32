import type { ChecksumSpec } from '../common/checksum.js';
import type { Configuration } from '../common/config/configuration.js';
import type { IntegritySettings } from './integrity.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

const DEFAULT_SCAN_PERIOD_MS = 21 * 24 * 3_600_000;

/** What a DataNode takes from the configuration. */
export interface DatanodeSettings {
  /** `dfs.datanode.data.dir` */
  readonly dataDirectories: readonly string[];
  /** `dfs.datanode.data.dir.perm` */
  readonly directoryMode: number;
  /** Where the data server listens: `dfs.datanode.address`. */
  readonly dataHost: string;
  readonly dataPort: number;
  /** Host under which others reach this DataNode: `dfs.datanode.hostname`. */
  readonly advertisedHost: string;
  readonly rack: string;
  readonly reservedBytes: number;
  readonly failedVolumesTolerated: number;
  readonly maxConnections: number;
  readonly syncOnClose: boolean;
  readonly timeouts: TransferTimeouts;
  readonly integrity: IntegritySettings;
  /** A packet that takes longer to be written is told of as slow. */
  readonly slowPacketMs: number;
  /** How long after a stop in order the replicas that were being written may go on. */
  readonly restartReplicaExpiryMs: number;
  /** For blocks that are written over gRPC. */
  readonly checksum: ChecksumSpec;
  readonly packetBytes: number;
  /** Room that a client's new block must find: it does not say how long it will be. */
  readonly expectedBlockBytes: number;
  /** Without an answer of the NameNode for longer, no new blocks are taken. */
  readonly isolatedAfterMs: number;
  /** Copies to other DataNodes at a time. */
  readonly maxCopies: number;
  /** The same for copies that the balancer orders, and bytes a second of all of them. */
  readonly maxMoves: number;
  readonly balanceBytesPerSecond: number;
  /** Small replicas that wait for files of their own: how many bytes on each volume, and how long, at most. */
  readonly journalBytes: number;
  readonly journalIntervalMs: number;
}

export function datanodeSettings(configuration: Configuration): DatanodeSettings {
  const address = configuration.get('dfs.datanode.address');
  return {
    dataDirectories: configuration.get('dfs.datanode.data.dir'),
    directoryMode: configuration.get('dfs.datanode.data.dir.perm'),
    dataHost: address.host,
    dataPort: address.port,
    advertisedHost: configuration.get('dfs.datanode.hostname') || address.host,
    rack: configuration.get('dfs.datanode.rack'),
    reservedBytes: configuration.get('dfs.datanode.du.reserved'),
    failedVolumesTolerated: configuration.get('dfs.datanode.failed.volumes.tolerated'),
    maxConnections: configuration.get('dfs.datanode.max.transfer.threads'),
    syncOnClose: configuration.get('dfs.datanode.synconclose'),
    timeouts: {
      readTimeoutMs: configuration.get('dfs.client.socket-timeout'),
      writeTimeoutMs: configuration.get('dfs.datanode.socket.write.timeout'),
      keepAliveMs: configuration.get('dfs.datanode.socket.reuse.keepalive'),
    },
    integrity: {
      scanBytesPerSecond: configuration.get('dfs.block.scanner.volume.bytes.per.second'),
      scanPeriodMs: scanPeriodMs(configuration.get('dfs.datanode.scan.period.hours')),
      directoryScanIntervalMs: positive(configuration.get('dfs.datanode.directoryscan.interval')),
    },
    slowPacketMs: configuration.get('dfs.datanode.slow.io.warning.threshold.ms'),
    restartReplicaExpiryMs: configuration.get('dfs.datanode.restart.replica.expiration'),
    checksum: {
      type: configuration.get('dfs.checksum.type'),
      bytesPerChecksum: configuration.get('dfs.bytes-per-checksum'),
    },
    packetBytes: configuration.get('dfs.client-write-packet-size'),
    expectedBlockBytes: configuration.get('dfs.blocksize'),
    isolatedAfterMs: configuration.get('dfs.datanode.isolated.interval'),
    maxCopies: configuration.get('dfs.namenode.replication.max-streams-hard-limit'),
    maxMoves: configuration.get('dfs.datanode.balance.max.concurrent.moves'),
    balanceBytesPerSecond: configuration.get('dfs.datanode.balance.bandwidthPerSec'),
    journalBytes: configuration.get('dfs.datanode.small-block.journal.size'),
    journalIntervalMs: configuration.get('dfs.datanode.small-block.journal.interval'),
  };
}

/** HDFS: 0 is the default of 21 days, and a negative number means never. */
function scanPeriodMs(configuredMs: number): number | undefined {
  return positive(configuredMs === 0 ? DEFAULT_SCAN_PERIOD_MS : configuredMs);
}

function positive(ms: number): number | undefined {
  return ms > 0 ? ms : undefined;
}
