import type { Configuration } from '../common/config/configuration.js';
import type { NamesystemSettings } from './namesystem.js';

/** The settings of the namespace, from the properties with HDFS's names. */
export function namesystemSettings(configuration: Configuration): NamesystemSettings {
  return {
    blockSizeBytes: configuration.get('dfs.blocksize'),
    replication: configuration.get('dfs.replication'),
    bytesPerChecksum: configuration.get('dfs.bytes-per-checksum'),
    writePacketBytes: configuration.get('dfs.client-write-packet-size'),
    minReplication: configuration.get('dfs.namenode.replication.min'),
    maxReplication: configuration.get('dfs.replication.max'),
    minBlockSizeBytes: configuration.get('dfs.namenode.fs-limits.min-block-size'),
    maxBlocksPerFile: configuration.get('dfs.namenode.fs-limits.max-blocks-per-file'),
    maxComponentBytes: configuration.get('dfs.namenode.fs-limits.max-component-length'),
    maxDirectoryItems: configuration.get('dfs.namenode.fs-limits.max-directory-items'),
    listingLimit: configuration.get('dfs.ls.limit'),
    retryCacheExpiryMs: configuration.get('dfs.namenode.retrycache.expirytime.millis'),
    accessTimePrecisionMs: configuration.get('dfs.namenode.accesstime.precision'),
  };
}
