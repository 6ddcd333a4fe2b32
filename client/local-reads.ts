/**
 * Reads without the DataNode: where a replica lies on this machine and its files may be opened, they are read directly (HDFS: short-circuit
 * reads). Nothing is decided here but the way: whatever goes wrong, the same replica is read over the network, and what that
 * says counts.
 */
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import type { BlockLocalPath } from '../common/data-transfer-response.js';
import type { Disk } from '../common/disk.js';
import { DfsError, isDfsError } from '../common/errors.js';
import { isLocalHost } from '../common/local-host.js';
import { BufferPool } from './buffer-pool.js';
import { LocalBlockReader } from './disk/local-block-reader.js';
import { LocalReplica } from './disk/local-replica.js';
import { OpenReplicas } from './disk/open-replicas.js';
import { SuspectNodes } from './suspect-nodes.js';
import type { ConnectionPool } from './tcp/connection-pool.js';
import { askDatanode } from './tcp/short-operation.js';
import type { BlockLocation, DatanodeAddress, ReplicaLocation } from './types.js';

export interface LocalReadSettings {
  /** `dfs.client.read.shortcircuit` */
  readonly enabled: boolean;
  /** Replicas that are kept open at most. `dfs.client.read.shortcircuit.streams.cache.size` */
  readonly maxOpen: number;
  /** How long one that nobody reads is kept open. `dfs.client.read.shortcircuit.streams.cache.expiry.ms` */
  readonly idleMs: number;
}

export interface LocalReadsOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly connections: ConnectionPool;
  readonly poolId: string;
  /** Host of this machine as the cluster knows it; '' when unknown. */
  readonly clientHost: string;
  readonly settings: LocalReadSettings;
  /** For the question to the DataNode, and for the disk. */
  readonly timeoutMs: number;
}

/** Asking for the files costs a round trip, so the first short read of a block is done over the network. */
const AT_ONCE_BYTES = 256 * 1024;

const PIECE_BYTES = 512 * 1024;
const FREE_BUFFERS_MAX = 8;

/** A DataNode whose files could not be opened is asked again after so long. HDFS: 10 minutes, too. */
const REFUSED_MS = 10 * 60_000;

/** Blocks that are remembered, of each kind. */
const MAX_REMEMBERED = 4096;

export class LocalReads {
  readonly #options: LocalReadsOptions;
  readonly #open: OpenReplicas;
  /** DataNodes whose files this process may not open, or does not find. */
  readonly #refused: SuspectNodes;
  /** Replicas that were read over the network. */
  readonly #touched = new Set<string>();
  /** Replicas that could not be read here. */
  readonly #failed = new Set<string>();
  readonly #isLocal = new Map<string, boolean>();
  readonly #buffers = new BufferPool(PIECE_BYTES, FREE_BUFFERS_MAX);

  constructor(options: LocalReadsOptions) {
    const { clock, settings } = options;
    this.#options = options;
    this.#open = new OpenReplicas(clock, settings);
    this.#refused = new SuspectNodes(clock, REFUSED_MS);
  }

  /** From byte `from` to before byte `to` of the block; undefined when they must be read over the network. Does not reject. */
  async reader(
    { block, underConstruction }: BlockLocation,
    { datanode }: ReplicaLocation,
    from: number,
    to: number,
    signal: AbortSignal,
  ): Promise<LocalBlockReader | undefined> {
    const { clock, timeoutMs, settings } = this.#options;
    if (!settings.enabled || underConstruction || !this.#isOnThisMachine(datanode.host)) return undefined;
    const key = keyOf(datanode, block);
    if (this.#failed.has(key) || this.#refused.has(datanode.uuid)) return undefined;
    if (to - from < AT_ONCE_BYTES && !this.#touched.has(key)) {
      remember(this.#touched, key);
      return undefined;
    }
    const replica = await this.#replica(key, datanode, block, signal);
    if (replica === undefined) return undefined;
    if (replica.numBytes < to || signal.aborted) {
      replica.release();
      return undefined;
    }
    return new LocalBlockReader(replica, from, to, { clock, timeoutMs, buffers: this.#buffers });
  }

  /** A reader of this replica has failed. */
  failed({ block }: BlockLocation, { datanode }: ReplicaLocation): void {
    const key = keyOf(datanode, block);
    remember(this.#failed, key);
    this.#open.forget(key);
  }

  close(): void {
    this.#open.close();
  }

  async #replica(
    key: string,
    datanode: DatanodeAddress,
    block: Block,
    signal: AbortSignal,
  ): Promise<LocalReplica | undefined> {
    try {
      return await this.#open.take(key, async () => {
        const path = await this.#askForPath(datanode, block, signal);
        return await LocalReplica.open(this.#options.disk, block, path);
      });
    } catch (error) {
      const isAboutTheFiles = !(error instanceof DfsError) || isDfsError(error, 'InvalidArgument');
      if (isAboutTheFiles) this.#refused.add(datanode.uuid);
      else if (!isDfsError(error, 'Cancelled')) remember(this.#failed, key);
      return undefined;
    }
  }

  async #askForPath(datanode: DatanodeAddress, block: Block, signal: AbortSignal): Promise<BlockLocalPath> {
    const { connections, poolId, timeoutMs } = this.#options;
    const operation = { op: 'blockLocalPath', block: { ...block, poolId } } as const;
    const question = { operation, what: 'the files', timeoutMs };
    const { localPath } = await askDatanode(connections, datanode, question, signal);
    if (localPath === undefined)
      throw new DfsError('ProtocolViolation', `${datanode.host}:${datanode.dataPort} named no files`);
    return localPath;
  }

  #isOnThisMachine(host: string): boolean {
    const known = this.#isLocal.get(host);
    if (known !== undefined) return known;
    const isLocal = isLocalHost(host, this.#options.clientHost);
    this.#isLocal.set(host, isLocal);
    return isLocal;
  }
}

function keyOf({ uuid }: DatanodeAddress, { blockId, generationStamp }: Block): string {
  return `${uuid} ${blockId} ${generationStamp}`;
}

function remember(keys: Set<string>, key: string): void {
  if (keys.size >= MAX_REMEMBERED) keys.clear();
  keys.add(key);
}
