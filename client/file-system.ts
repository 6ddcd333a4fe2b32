/**
 * The file system as a program sees it. All of Mini-HDFS's own clients (the `dfs` command, the FUSE mount) are built on this
 * class alone.
 *
 *     const fs = await FileSystem.connect({ namenode: '127.0.0.1:8020' });
 *     await pipeline(createReadStream('local'), fs.createWriteStream('/data/remote'));
 *     for await (const entry of fs.list('/data')) console.log(entry.path, entry.length);
 *     await fs.close();
 *
 * Paths are absolute. Every method rejects with a DfsError (common/errors.ts); `error.name` says which one.
 */
import { userInfo } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import { systemClock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import { loadConfiguration } from '../common/config/configuration.js';
import { DfsError } from '../common/errors.js';
import type { Random } from '../common/random.js';
import { systemRandom } from '../common/random.js';
import { connectService } from '../common/rpc/grpc-client.js';
import type { ClientProtocolClient } from '../common/rpc/services.js';
import { tcpNetwork } from '../common/tcp-channel.js';
import { prepareAppend } from './append.js';
import { BufferPool } from './buffer-pool.js';
import type { ClientContext } from './context.js';
import { fileChecksum } from './file-checksum.js';
import { FileReader } from './file-reader.js';
import type { FileWriterOptions } from './file-writer.js';
import { FileWriter } from './file-writer.js';
import { LeaseRenewer } from './lease-renewer.js';
import { localHost } from './local-host.js';
import * as administration from './rpc/administration.js';
import { required, toFileStatus, toPlacedBlock } from './rpc/messages.js';
import { NamenodeClient } from './rpc/namenode-client.js';
import * as namespace from './rpc/namespace.js';
import { clientSettings } from './settings.js';
import { readStream, writeStream } from './streams.js';
import { ConnectionPool } from './tcp/connection-pool.js';
import type {
  AppendOptions,
  BlockLocation,
  ContentSummary,
  CreateOptions,
  DatanodeReport,
  DeleteOptions,
  FileChecksum,
  FileStatus,
  FsckStep,
  FsStats,
  MkdirOptions,
  OpenOptions,
  ReadRange,
  RenameOptions,
  SafeModeAction,
  SafeModeState,
  ServerDefaults,
} from './types.js';

export interface ConnectOptions {
  /** `host:port` of the NameNode's RPC service. */
  readonly namenode: string;
  /** Who calls. Default: $HADOOP_USER_NAME, $DFS_USER, or the user that runs this process. */
  readonly user?: string | undefined;
  /** Settings of the client. Default: every property's default. */
  readonly configuration?: Configuration | undefined;
  /**
   * Host or IP address of this machine as the cluster knows it, to write to and read from a DataNode on it first. Default: its first
   * IPv4 address that is not a loopback address.
   */
  readonly clientHost?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** How DataNodes are reached. Default: TCP. */
  readonly network?: Network | undefined;
  /** The NameNode's service, if it shall not be reached over gRPC. */
  readonly rpc?: ClientProtocolClient | undefined;
}

/** How long the first call is repeated: a NameNode that starts is waited for, one that is not there is told of soon. */
const FIRST_CALL_PATIENCE_MS = 2_000;

/** Packet buffers kept for the next writer: as many as one writer has under way. */
const FREE_BUFFERS_MAX = 8;

export class FileSystem {
  readonly #context: ClientContext;
  readonly #disconnect: () => void;
  readonly #defaults: ServerDefaults;
  /** Open files. */
  readonly #open = new Set<{ abort(): Promise<void> }>();

  private constructor(context: ClientContext, defaults: ServerDefaults, disconnect: () => void) {
    this.#context = context;
    this.#defaults = defaults;
    this.#disconnect = disconnect;
  }

  /**
   * Connects to a cluster.
   * @throws DfsError `ConnectionLost` or `Timeout` when no NameNode answers within a few seconds.
   */
  static async connect(options: ConnectOptions): Promise<FileSystem> {
    const { clock = systemClock, random = systemRandom, network = tcpNetwork, clientHost = localHost() } = options;
    const configuration = options.configuration ?? loadConfiguration({});
    const { rpc, disconnect } = connectNamenode(options, configuration);
    const namenode = new NamenodeClient({
      rpc,
      user: options.user ?? currentUser(),
      clock,
      random,
      attemptTimeoutMs: configuration.get('ipc.client.rpc-timeout.ms'),
      maxTotalMs: configuration.get('dfs.client.retry.max.total'),
    });
    try {
      const firstCall = {
        maxTotalMs: FIRST_CALL_PATIENCE_MS,
        attemptTimeoutMs: configuration.get('ipc.client.connect.timeout'),
      };
      const defaults = await administration.serverDefaults(namenode, firstCall);
      const settings = clientSettings(configuration, defaults);
      const { connectTimeoutMs, idleConnectionMs: idleMs } = settings;
      const connections = new ConnectionPool({ network, clock, connectTimeoutMs, idleMs });
      const leases = new LeaseRenewer(clock, async () => {
        await namenode.call('RenewLease', { clientName: namenode.clientName });
      });
      const poolId = defaults.clusterId;
      const buffers = new BufferPool(settings.packetSize, FREE_BUFFERS_MAX);
      const context = { namenode, poolId, clientHost, settings, clock, random, network, connections, leases, buffers };
      return new FileSystem(context, defaults, disconnect);
    } catch (error) {
      disconnect();
      throw error;
    }
  }

  // ---- Namespace ---------------------------------------------------------------------------------------------------

  /** @throws DfsError `FileNotFound`. */
  async stat(path: string): Promise<FileStatus> {
    const status = await namespace.fileInfo(this.#context.namenode, path);
    if (status === undefined) throw new DfsError('FileNotFound', `${path}: No such file or directory`);
    return status;
  }

  async exists(path: string): Promise<boolean> {
    return (await namespace.fileInfo(this.#context.namenode, path)) !== undefined;
  }

  /** The entries of a directory, sorted by the bytes of their names; of a file: itself. @throws DfsError `FileNotFound`. */
  list(path: string): AsyncIterable<FileStatus> {
    return namespace.list(this.#context.namenode, path);
  }

  async mkdir(path: string, options: MkdirOptions = {}): Promise<void> {
    await namespace.mkdir(this.#context.namenode, path, this.#withoutUmask(options.mode ?? 0o777), options);
  }

  /** Atomic. @throws DfsError `FileNotFound`, `FileAlreadyExists`. */
  async rename(source: string, destination: string, options: RenameOptions = {}): Promise<void> {
    await namespace.rename(this.#context.namenode, source, destination, options);
  }

  /** False when there was nothing. @throws DfsError `PathIsNotEmptyDirectory` (without `recursive`). */
  async delete(path: string, options: DeleteOptions = {}): Promise<boolean> {
    return await namespace.remove(this.#context.namenode, path, options);
  }

  /** False when `path` is a directory, which has no replication. */
  async setReplication(path: string, replication: number): Promise<boolean> {
    return (await this.#context.namenode.call('SetReplication', { path, replication })).changed;
  }

  async setPermission(path: string, mode: number): Promise<void> {
    await this.#context.namenode.call('SetPermission', { path, mode });
  }

  /** An owner or group that is not given stays. */
  async setOwner(path: string, change: { owner?: string | undefined; group?: string | undefined }): Promise<void> {
    await this.#context.namenode.call('SetOwner', { path, owner: change.owner ?? '', group: change.group ?? '' });
  }

  /** Milliseconds since 1970; a time that is not given stays. */
  async setTimes(
    path: string,
    times: { modificationTimeMs?: number | undefined; accessTimeMs?: number | undefined },
  ): Promise<void> {
    const { modificationTimeMs, accessTimeMs } = times;
    await this.#context.namenode.call('SetTimes', {
      path,
      ...(modificationTimeMs === undefined ? {} : { modificationTimeMs }),
      ...(accessTimeMs === undefined ? {} : { accessTimeMs }),
    });
  }

  async contentSummary(path: string): Promise<ContentSummary> {
    return await namespace.contentSummary(this.#context.namenode, path);
  }

  // ---- Data --------------------------------------------------------------------------------------------------------

  /**
   * Makes a file and opens it for writing; this client is its only writer until it is closed.
   * @throws DfsError `FileAlreadyExists` (without `overwrite`), `AlreadyBeingCreated`.
   */
  async create(path: string, options: CreateOptions = {}): Promise<FileWriter> {
    const { signal } = options;
    const { namenode, settings } = this.#context;
    return await this.#openWriter(async () => {
      const request = {
        path,
        clientName: namenode.clientName,
        mode: this.#withoutUmask(options.mode ?? 0o666),
        modeSet: true,
        overwrite: options.overwrite ?? false,
        createParent: options.createParent ?? true,
        replication: options.replication ?? settings.replication,
        blockSize: options.blockSize ?? settings.blockSize,
      };
      const { status } = await namenode.call('Create', request, { signal });
      return { status: toFileStatus(path, required(status, 'the new file')), signal };
    });
  }

  /** Opens a file for more bytes at its end. @throws DfsError `FileNotFound`, `AlreadyBeingCreated`. */
  async append(path: string, { newBlock = false, signal }: AppendOptions = {}): Promise<FileWriter> {
    const { namenode } = this.#context;
    return await this.#openWriter(async () => {
      const { status, lastBlock } = await namenode.call(
        'Append',
        { path, clientName: namenode.clientName, newBlock },
        { signal },
      );
      const file = { status: toFileStatus(path, required(status, 'the file')), signal };
      if (lastBlock === null) return file;
      return { ...file, lastBlock: await prepareAppend(this.#context, file.status, toPlacedBlock(lastBlock), signal) };
    });
  }

  /**
   * Takes a file from a writer that has vanished, without waiting for its lease to run out; true when the file is closed now.
   * @throws DfsError `FileNotFound`.
   */
  async recoverLease(path: string): Promise<boolean> {
    const { namenode } = this.#context;
    return (await namenode.call('RecoverLease', { path, clientName: namenode.clientName })).closed;
  }

  /** @throws DfsError `FileNotFound`, `IsADirectory`. */
  async open(path: string, options: OpenOptions = {}): Promise<FileReader> {
    const handle = { abort: (): Promise<void> => reader.close() };
    const onEnd = (): void => {
      this.#open.delete(handle);
    };
    const reader = await FileReader.open({ ...options, context: this.#context, path, onEnd });
    this.#open.add(handle);
    return reader;
  }

  /** `end` is the last byte that is read, as in Node's `fs.createReadStream`. */
  createReadStream(path: string, options: ReadRange & OpenOptions = {}): Readable {
    return readStream((openOptions) => this.open(path, openOptions), options);
  }

  /** 'finish' means that the file is complete and durable. Destroyed before that, the file stays incomplete. */
  createWriteStream(path: string, options: CreateOptions = {}): Writable {
    return writeStream(() => this.create(path, options), options.signal);
  }

  async checksum(path: string): Promise<FileChecksum> {
    return await fileChecksum(this.#context, path);
  }

  /** The blocks that hold a byte of the range, in the file's order. */
  async getBlockLocations(path: string, offset: number, length: number): Promise<BlockLocation[]> {
    return await namespace.blockLocations(this.#context.namenode, this.#context.clientHost, path, offset, length);
  }

  // ---- The cluster -------------------------------------------------------------------------------------------------

  /** As the NameNode told them when this client connected. */
  serverDefaults(): ServerDefaults {
    return this.#defaults;
  }

  async stats(): Promise<FsStats> {
    return await administration.stats(this.#context.namenode);
  }

  async datanodeReport(): Promise<DatanodeReport[]> {
    return await administration.datanodeReport(this.#context.namenode);
  }

  async safeMode(action: SafeModeAction): Promise<SafeModeState> {
    return await administration.safeMode(this.#context.namenode, action);
  }

  /** Folds the edit log into the checkpoint now; returns the last transaction id that is in it. */
  async saveNamespace(): Promise<number> {
    return (await this.#context.namenode.call('SaveNamespace', {})).txid;
  }

  /** Checks the blocks of every file below `path`: the files as they are found, the summary last. */
  fsck(path: string, options: OpenOptions = {}): AsyncIterable<FsckStep> {
    return administration.fsck(this.#context.namenode, path, options.signal);
  }

  /**
   * Ends the connections. Files that are still open for writing are aborted, not closed: half a file must not look like a
   * whole one because a program ended early.
   */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((handle) => handle.abort()));
    this.#context.namenode.close();
    this.#context.connections.close();
    this.#disconnect();
  }

  /** Holds the lease from before the file is opened, so that there is no moment without. */
  async #openWriter(
    open: () => Promise<Pick<FileWriterOptions, 'status' | 'lastBlock' | 'signal'>>,
  ): Promise<FileWriter> {
    const releaseLease = this.#context.leases.hold();
    try {
      const file = await open();
      const onEnd = (): void => {
        releaseLease();
        this.#open.delete(handle);
      };
      const handle = { abort: (): Promise<void> => writer.abort() };
      this.#open.add(handle);
      const writer = new FileWriter({ ...file, context: this.#context, onEnd });
      return writer;
    } catch (error) {
      releaseLease();
      throw error;
    }
  }

  #withoutUmask(mode: number): number {
    return mode & ~this.#context.settings.umask;
  }
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
  });
  return { rpc: connection.client, disconnect: () => connection.close() };
}
