/** What every open file needs of the file system it belongs to. */
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { Random } from '../common/random.js';
import type { BufferPool } from './buffer-pool.js';
import type { HedgedReads } from './hedged-reads.js';
import type { LeaseRenewer } from './lease-renewer.js';
import type { LocalReads } from './local-reads.js';
import type { ReadStatistics } from './read-statistics.js';
import type { NamenodeClient } from './rpc/namenode-client.js';
import type { ClientSettings } from './settings.js';
import type { SmallBlocks } from './small-blocks.js';
import type { ConnectionPool } from './tcp/connection-pool.js';

export interface ClientContext {
  readonly namenode: NamenodeClient;
  /** The cluster's id, which DataNodes check. */
  readonly poolId: string;
  /** Host of this machine as the cluster knows it; '' when unknown. */
  readonly clientHost: string;
  readonly settings: ClientSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly connections: ConnectionPool;
  readonly smallBlocks: SmallBlocks;
  readonly leases: LeaseRenewer;
  readonly localReads: LocalReads;
  readonly readStatistics: ReadStatistics;
  /** Of all readers. */
  readonly hedgedReads: HedgedReads;
  /** For the packets of all writers. */
  readonly buffers: BufferPool;
}
