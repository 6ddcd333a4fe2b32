/** From a NameNode's address to all that open files need: the connections, the settings, the cluster's defaults. */
import { userInfo } from 'node:os';
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import { systemClock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import { loadConfiguration } from '../common/config/configuration.js';
import type { Disk } from '../common/disk.js';
import { nodeDisk } from '../common/node-disk.js';
import type { Random } from '../common/random.js';
import { systemRandom } from '../common/random.js';
import { connectService } from '../common/rpc/grpc-client.js';
import type { ClientProtocolClient } from '../common/rpc/services.js';
import { SmallBlockConnections } from '../common/small-block-connection.js';
import { tcpNetwork } from '../common/tcp-channel.js';
import { BufferPool } from './buffer-pool.js';
import type { ClientContext } from './context.js';
import { HedgedReads } from './hedged-reads.js';
import { LeaseRenewer } from './lease-renewer.js';
import { LocalReads } from './local-reads.js';
import { ReadStatistics } from './read-statistics.js';
import * as administration from './rpc/administration.js';
import { NamenodeClient } from './rpc/namenode-client.js';
import { clientSettings } from './settings.js';
import { SmallBlocks } from './small-blocks.js';
import { ConnectionPool } from './tcp/connection-pool.js';
import type { ServerDefaults } from './types.js';

export interface ConnectOptions {
  /** `host:port` of the NameNode's RPC service. */
  readonly namenode: string;
  /** Who calls. Default: $HADOOP_USER_NAME, $DFS_USER, or the user that runs this process. */
  readonly user?: string | undefined;
  /** Settings of the client. Default: every property's default. */
  readonly configuration?: Configuration | undefined;
  /**
   * Host or IP address of this machine as the cluster knows it, to write to and read from a DataNode on it first. Default:
   * the address from which its calls reach the NameNode.
   */
  readonly clientHost?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Where replicas on this machine are read. Default: its disks. */
  readonly disk?: Disk | undefined;
  /** How DataNodes are reached. Default: TCP. */
  readonly network?: Network | undefined;
  /** The NameNode's service, if it shall not be reached over gRPC. */
  readonly rpc?: ClientProtocolClient | undefined;
}

/** What {@link connect} has made. */
export interface Connection {
  readonly context: ClientContext;
  readonly defaults: ServerDefaults;
  /** Ends the connection to the NameNode. */
  readonly disconnect: () => void;
}

/** How long the first call is repeated: a NameNode that starts is waited for, one that is not there is told of soon. */
const FIRST_CALL_PATIENCE_MS = 2_000;

/** A connection on which no small block is under way keeps a process alive for so long, if nobody closes the file system object. */
const SMALL_BLOCKS_IDLE_MS = 1_000;

/** Packet buffers kept for the next writer: as many as one writer has under way. */
const FREE_BUFFERS_MAX = 8;

/** @throws DfsError `ConnectionLost`, `Timeout`. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const configuration = options.configuration ?? loadConfiguration({});
  const { rpc, disconnect } = connectNamenode(options, configuration);
  const namenode = new NamenodeClient({
    rpc,
    user: options.user ?? currentUser(),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    attemptTimeoutMs: configuration.get('ipc.client.rpc-timeout.ms'),
    maxTotalMs: configuration.get('dfs.client.retry.max.total'),
  });
  try {
    const defaults = await administration.serverDefaults(namenode, {
      maxTotalMs: FIRST_CALL_PATIENCE_MS,
      attemptTimeoutMs: configuration.get('ipc.client.connect.timeout'),
    });
    return { context: newContext(options, configuration, namenode, defaults), defaults, disconnect };
  } catch (error) {
    disconnect();
    throw error;
  }
}

function newContext(
  options: ConnectOptions,
  configuration: Configuration,
  namenode: NamenodeClient,
  defaults: ServerDefaults,
): ClientContext {
  const {
    clock = systemClock,
    random = systemRandom,
    network = tcpNetwork,
    disk = nodeDisk,
    clientHost = '',
  } = options;
  const settings = clientSettings(configuration, defaults);
  const { connectTimeoutMs, idleConnectionMs: idleMs, socketTimeoutMs: timeoutMs } = settings;
  const poolId = defaults.clusterId;
  const connections = new ConnectionPool({ network, clock, connectTimeoutMs, idleMs });
  const smallBlockConnections = new SmallBlockConnections({
    network,
    clock,
    poolId: () => poolId,
    connectTimeoutMs,
    writeTimeoutMs: timeoutMs,
    idleMs: SMALL_BLOCKS_IDLE_MS,
  });
  return {
    namenode,
    poolId,
    clientHost,
    settings,
    clock,
    random,
    network,
    connections,
    smallBlocks: new SmallBlocks({
      connections: smallBlockConnections,
      clock,
      maxBytes: settings.smallBlockBytes,
      socketTimeoutMs: timeoutMs,
    }),
    leases: new LeaseRenewer(clock, async () => {
      await namenode.call('RenewLease', { clientName: namenode.clientName });
    }),
    localReads: new LocalReads({
      disk,
      clock,
      connections,
      poolId,
      clientHost,
      settings: settings.localReads,
      timeoutMs,
    }),
    readStatistics: new ReadStatistics(),
    hedgedReads: new HedgedReads(clock, settings.hedgedReads),
    buffers: new BufferPool(settings.packetSize, FREE_BUFFERS_MAX),
  };
}

function currentUser(): string {
  return process.env['HADOOP_USER_NAME'] ?? process.env['DFS_USER'] ?? userInfo().username;
}

function connectNamenode(
  { rpc, namenode }: ConnectOptions,
  configuration: Configuration,
): { rpc: ClientProtocolClient; disconnect: () => void } {
  if (rpc !== undefined) return { rpc, disconnect: () => {} };
  const connection = connectService('ClientProtocol', namenode, {
    defaultTimeoutMs: configuration.get('ipc.client.rpc-timeout.ms'),
    maxMessageBytes: configuration.get('ipc.maximum.data.length'),
    session: 'while-busy',
  });
  return { rpc: connection.client, disconnect: () => connection.close() };
}
