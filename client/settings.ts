/** What the client takes from the configuration, under the names that its code uses. */
import type { ChecksumSpec } from '../common/checksum.js';
import type { Configuration } from '../common/config/configuration.js';
import type { HedgedReadSettings } from './hedged-reads.js';
import type { LocalReadSettings } from './local-reads.js';
import type { ReplacementRule } from './replace-datanode.js';
import type { ServerDefaults } from './types.js';

export interface ClientSettings {
  /** Bytes; 0 leaves it to the NameNode. */
  readonly blockSize: number;
  /** 0 leaves it to the NameNode. */
  readonly replication: number;
  readonly umask: number;
  readonly checksum: ChecksumSpec;
  /** Data bytes of a packet. */
  readonly packetSize: number;
  /** Bytes that a writer holds at most, sent and not acknowledged or waiting to be sent. */
  readonly writeWindowBytes: number;
  /** Blocks of at most so many bytes, which are known as a whole when they are written, take the short way; 0: none. */
  readonly smallBlockBytes: number;
  /** How often a block is given back and asked for anew when its pipeline cannot be set up. */
  readonly blockWriteRetries: number;
  /** When a DataNode that a pipeline has lost is replaced. */
  readonly replacement: ReplacementRule;
  /** How long a writer waits for its next block, or for its last block to be reported. */
  readonly locateFollowingBlockMs: number;
  /** A DataNode that is slow with so many packets in a row is left out; 0: never. */
  readonly slowNodeThreshold: number;
  /** How long a writer waits for a DataNode that has said that it restarts. */
  readonly datanodeRestartTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly socketTimeoutMs: number;
  /** Rounds over all replicas of a block before a read fails. */
  readonly maxBlockAcquireFailures: number;
  readonly hedgedReads: HedgedReadSettings;
  readonly localReads: LocalReadSettings;
  /** How long a connection to a DataNode is kept for the next read. */
  readonly idleConnectionMs: number;
  /** How long a DataNode that failed is avoided. */
  readonly suspectMs: number;
}

/** HDFS waits 400 ms before its second attempt to complete a file, and twice as long before each further one. */
const LOCATE_FOLLOWING_BLOCK_FIRST_MS = 400;

/** What the configuration does not give is the cluster's default. */
export function clientSettings(configuration: Configuration, defaults: ServerDefaults): ClientSettings {
  const packetSize = givenOr(configuration, 'dfs.client-write-packet-size', defaults.writePacketSize);
  const bytesPerChecksum = givenOr(configuration, 'dfs.bytes-per-checksum', defaults.bytesPerChecksum);
  const locateRetries = configuration.get('dfs.client.block.write.locateFollowingBlock.retries');
  return {
    blockSize: givenOr(configuration, 'dfs.blocksize', 0),
    replication: givenOr(configuration, 'dfs.replication', 0),
    umask: configuration.get('fs.permissions.umask-mode'),
    checksum: { type: configuration.get('dfs.checksum.type'), bytesPerChecksum },
    packetSize,
    writeWindowBytes: packetSize * configuration.get('dfs.client.write.max-packets-in-flight'),
    smallBlockBytes: configuration.get('dfs.client.write.small-block.size'),
    blockWriteRetries: configuration.get('dfs.client.block.write.retries'),
    replacement: replacementRule(configuration),
    locateFollowingBlockMs: LOCATE_FOLLOWING_BLOCK_FIRST_MS * (2 ** locateRetries - 1),
    slowNodeThreshold: configuration.get('dfs.client.mark.slownode.as.badnode.threshold'),
    datanodeRestartTimeoutMs: configuration.get('dfs.client.datanode-restart.timeout'),
    connectTimeoutMs: configuration.get('ipc.client.connect.timeout'),
    socketTimeoutMs: configuration.get('dfs.client.socket-timeout'),
    maxBlockAcquireFailures: configuration.get('dfs.client.max.block.acquire.failures'),
    hedgedReads: {
      limit: configuration.get('dfs.client.hedged.read.threadpool.size'),
      thresholdMs: configuration.get('dfs.client.hedged.read.threshold.millis'),
    },
    localReads: {
      enabled: configuration.get('dfs.client.read.shortcircuit'),
      maxOpen: configuration.get('dfs.client.read.shortcircuit.streams.cache.size'),
      idleMs: configuration.get('dfs.client.read.shortcircuit.streams.cache.expiry.ms'),
    },
    idleConnectionMs: configuration.get('dfs.client.socketcache.expiryMsec'),
    suspectMs: configuration.get('dfs.client.write.exclude.nodes.cache.expiry.interval.millis'),
  };
}

function replacementRule(configuration: Configuration): ReplacementRule {
  const isEnabled = configuration.get('dfs.client.block.write.replace-datanode-on-failure.enable');
  const policy = configuration.get('dfs.client.block.write.replace-datanode-on-failure.policy');
  const bestEffort = configuration.get('dfs.client.block.write.replace-datanode-on-failure.best-effort');
  return { policy: isEnabled ? policy : 'NEVER', bestEffort };
}

/** What the configuration gives, else what the cluster says. */
function givenOr(
  configuration: Configuration,
  name: 'dfs.client-write-packet-size' | 'dfs.bytes-per-checksum' | 'dfs.blocksize' | 'dfs.replication',
  clusterDefault: number,
): number {
  return configuration.has(name) ? configuration.get(name) : clusterDefault;
}
