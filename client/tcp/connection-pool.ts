/**
 * Connections to DataNodes, kept for a moment after an operation so that the next one on the same DataNode (positional reads, small
 * files) need not connect again.
 */

import { ByteReader } from '../../common/byte-reader.js';
import type { Channel, Network } from '../../common/channel.js';
import type { Clock, Timer } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import type { DatanodeAddress } from '../types.js';

/** Idle connections beyond this number are closed, oldest first. HDFS: dfs.client.socketcache.capacity. */
const CAPACITY = 128;

/** One connection and what was received on it. */
export class DatanodeConnection {
  readonly channel: Channel;
  readonly reader: ByteReader;
  readonly key: string;
  /** True once it has served an operation: then the DataNode may have closed it in the meantime. */
  reused = false;
  idleSinceMs = 0;

  constructor(channel: Channel, key: string) {
    this.channel = channel;
    this.reader = new ByteReader(channel);
    this.key = key;
  }
}

export interface ConnectionPoolOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** Must be shorter than the time for which a DataNode keeps an idle connection (HDFS: 3 s and 4 s). */
  readonly idleMs: number;
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  /** Longest idle first. */
  #idle: DatanodeConnection[] = [];
  #expiry: Timer | undefined;
  #closed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** An idle connection to the DataNode; undefined when there is none. */
  takeIdle(datanode: DatanodeAddress): DatanodeConnection | undefined {
    this.#expire();
    const key = keyOf(datanode);
    const index = this.#idle.findLastIndex((connection) => connection.key === key);
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0];
  }

  /** A new connection. @throws DfsError `ConnectionLost`, `Timeout`, `Cancelled`. */
  async connect(datanode: DatanodeAddress, signal?: AbortSignal): Promise<DatanodeConnection> {
    if (this.#closed) throw new DfsError('Cancelled', 'the file system object is closed');
    const { network, connectTimeoutMs } = this.#options;
    const channel = await network.connect(datanode.host, datanode.dataPort, { timeoutMs: connectTimeoutMs, signal });
    return new DatanodeConnection(channel, keyOf(datanode));
  }

  /** Takes back a connection on which an operation has come to its regular end. */
  release(connection: DatanodeConnection): void {
    if (this.#closed) {
      connection.channel.destroy();
      return;
    }
    connection.reused = true;
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#idle.push(connection);
    if (this.#idle.length > CAPACITY) this.#idle.shift()?.channel.destroy();
    this.#expiry ??= this.#scheduleExpiry();
  }

  close(): void {
    this.#closed = true;
    this.#expiry?.cancel();
    for (const { channel } of this.#idle.splice(0)) channel.destroy();
  }

  #expire(): void {
    const keepSinceMs = this.#options.clock.monotonicMs() - this.#options.idleMs;
    while (this.#idle[0] !== undefined && this.#idle[0].idleSinceMs <= keepSinceMs)
      this.#idle.shift()?.channel.destroy();
  }

  #scheduleExpiry(): Timer {
    return this.#options.clock.after(this.#options.idleMs, () => {
      this.#expire();
      this.#expiry = this.#idle.length > 0 ? this.#scheduleExpiry() : undefined;
    });
  }
}

function keyOf({ host, dataPort }: DatanodeAddress): string {
  return `${host}:${dataPort}`;
}
