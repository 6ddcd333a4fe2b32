import type { ChecksumSpec } from '../common/checksum.js';
import type { Configuration } from '../common/config/configuration.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

/** What a DataNode takes from the configuration. */
export interface DatanodeSettings {
  /** `dfs.datanode.data.dir` */
  readonly dataDirectories: readonly string[];
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
  /** For blocks that are written over gRPC. */
  readonly checksum: ChecksumSpec;
  readonly packetBytes: number;
  /** Room that a client's new block must find: it does not say how long it will be. */
  readonly expectedBlockBytes: number;
  /** Copies to other DataNodes at a time. */
  readonly maxCopies: number;
}

export function datanodeSettings(configuration: Configuration): DatanodeSettings {
  const address = configuration.get('dfs.datanode.address');
  return {
    dataDirectories: configuration.get('dfs.datanode.data.dir'),
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
    checksum: {
      type: configuration.get('dfs.checksum.type'),
      bytesPerChecksum: configuration.get('dfs.bytes-per-checksum'),
    },
    packetBytes: configuration.get('dfs.client-write-packet-size'),
    expectedBlockBytes: configuration.get('dfs.blocksize'),
    maxCopies: configuration.get('dfs.namenode.replication.max-streams-hard-limit'),
  };
}
