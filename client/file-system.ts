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
import type { Clock } from '../common/clock.js';
import { systemClock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Random } from '../common/random.js';
import { systemRandom } from '../common/random.js';
import type { ClientProtocolClient } from '../common/rpc/services.js';
import type { FileReader } from './file-reader.js';
import type { FileWriter } from './file-writer.js';
import * as administration from './rpc/administration.js';
import { NamenodeClient } from './rpc/namenode-client.js';
import * as namespace from './rpc/namespace.js';
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
  /** Host or IP address of this machine as the cluster knows it, to write to and read from a DataNode on it first. */
  readonly clientHost?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** The NameNode's service, if it shall not be reached over gRPC. */
  readonly rpc?: ClientProtocolClient | undefined;
}

function unfinished(what: string): DfsError {
  return new DfsError('Unsupported', `${what} is not implemented yet`);
}

export class FileSystem {
  readonly #namenode: NamenodeClient;
  readonly #clientHost: string;

  private constructor(namenode: NamenodeClient, clientHost: string) {
    this.#namenode = namenode;
    this.#clientHost = clientHost;
  }

  /**
   * Connects to a cluster.
   * @throws DfsError `ConnectionLost` or `Timeout` when no NameNode answers within a few seconds.
   */
  static async connect(options: ConnectOptions): Promise<FileSystem> {
    if (options.rpc === undefined) throw unfinished('connecting over gRPC');
    const namenode = new NamenodeClient({
      rpc: options.rpc,
      address: options.namenode,
      user: options.user ?? process.env['HADOOP_USER_NAME'] ?? process.env['DFS_USER'] ?? userInfo().username,
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      attemptTimeoutMs: 60_000,
      maxTotalMs: 60_000,
    });
    return new FileSystem(namenode, options.clientHost ?? '');
  }

  // ---- Namespace ---------------------------------------------------------------------------------------------------

  /** @throws DfsError `FileNotFound`. */
  async stat(path: string): Promise<FileStatus> {
    const status = await namespace.fileInfo(this.#namenode, path);
    if (status === undefined) throw new DfsError('FileNotFound', `${path}: No such file or directory`);
    return status;
  }

  async exists(path: string): Promise<boolean> {
    return (await namespace.fileInfo(this.#namenode, path)) !== undefined;
  }

  /** The entries of a directory, sorted by the bytes of their names; of a file: itself. @throws DfsError `FileNotFound`. */
  list(path: string): AsyncIterable<FileStatus> {
    return namespace.list(this.#namenode, path);
  }

  async mkdir(path: string, options: MkdirOptions = {}): Promise<void> {
    await namespace.mkdir(this.#namenode, path, (options.mode ?? 0o777) & ~0o022, options);
  }

  /** Atomic. @throws DfsError `FileNotFound`, `FileAlreadyExists`. */
  async rename(source: string, destination: string, options: RenameOptions = {}): Promise<void> {
    await namespace.rename(this.#namenode, source, destination, options);
  }

  /** False when there was nothing. @throws DfsError `PathIsNotEmptyDirectory` (without `recursive`). */
  async delete(path: string, options: DeleteOptions = {}): Promise<boolean> {
    return await namespace.remove(this.#namenode, path, options);
  }

  /** False when `path` is a directory, which has no replication. */
  async setReplication(path: string, replication: number): Promise<boolean> {
    return (await this.#namenode.call('SetReplication', { path, replication })).changed;
  }

  async setPermission(path: string, mode: number): Promise<void> {
    await this.#namenode.call('SetPermission', { path, mode });
  }

  /** An owner or group that is not given stays. */
  async setOwner(path: string, change: { owner?: string | undefined; group?: string | undefined }): Promise<void> {
    await this.#namenode.call('SetOwner', { path, owner: change.owner ?? '', group: change.group ?? '' });
  }

  /** Milliseconds since 1970; a time that is not given stays. */
  async setTimes(
    path: string,
    times: { modificationTimeMs?: number | undefined; accessTimeMs?: number | undefined },
  ): Promise<void> {
    const { modificationTimeMs, accessTimeMs } = times;
    await this.#namenode.call('SetTimes', {
      path,
      ...(modificationTimeMs === undefined ? {} : { modificationTimeMs }),
      ...(accessTimeMs === undefined ? {} : { accessTimeMs }),
    });
  }

  async contentSummary(path: string): Promise<ContentSummary> {
    return await namespace.contentSummary(this.#namenode, path);
  }

  // ---- Data --------------------------------------------------------------------------------------------------------

  /**
   * Makes a file and opens it for writing; this client is its only writer until it is closed.
   * @throws DfsError `FileAlreadyExists` (without `overwrite`), `AlreadyBeingCreated`.
   */
  async create(_path: string, _options: CreateOptions = {}): Promise<FileWriter> {
    throw unfinished('create');
  }

  /** Opens a file for more bytes at its end. @throws DfsError `FileNotFound`, `AlreadyBeingCreated`. */
  async append(_path: string, _options: AppendOptions = {}): Promise<FileWriter> {
    throw unfinished('append');
  }

  /** @throws DfsError `FileNotFound`, `IsADirectory`. */
  async open(_path: string, _options: OpenOptions = {}): Promise<FileReader> {
    throw unfinished('open');
  }

  /** `end` is the last byte that is read, as in Node's `fs.createReadStream`. */
  createReadStream(_path: string, _options: ReadRange & OpenOptions = {}): Readable {
    throw unfinished('createReadStream');
  }

  /** 'finish' means that the file is complete and durable. Destroyed before that, the file stays incomplete. */
  createWriteStream(_path: string, _options: CreateOptions = {}): Writable {
    throw unfinished('createWriteStream');
  }

  async checksum(_path: string): Promise<FileChecksum> {
    throw unfinished('checksum');
  }

  /** The blocks that hold a byte of the range, in the file's order. */
  async getBlockLocations(path: string, offset: number, length: number): Promise<BlockLocation[]> {
    return await namespace.blockLocations(this.#namenode, this.#clientHost, path, offset, length);
  }

  // ---- The cluster -------------------------------------------------------------------------------------------------

  async serverDefaults(): Promise<ServerDefaults> {
    return await administration.serverDefaults(this.#namenode);
  }

  async stats(): Promise<FsStats> {
    return await administration.stats(this.#namenode);
  }

  async datanodeReport(): Promise<DatanodeReport[]> {
    return await administration.datanodeReport(this.#namenode);
  }

  async safeMode(action: SafeModeAction): Promise<SafeModeState> {
    return await administration.safeMode(this.#namenode, action);
  }

  /** Folds the edit log into the checkpoint now; returns the last transaction id that is in it. */
  async saveNamespace(): Promise<number> {
    return (await this.#namenode.call('SaveNamespace', {})).txid;
  }

  /** Checks the blocks of every file below `path`: the files as they are found, the summary last. */
  fsck(path: string, options: OpenOptions = {}): AsyncIterable<FsckStep> {
    return administration.fsck(this.#namenode, path, options.signal);
  }

  /** Gives up everything that is still open and ends the connections. */
  async close(): Promise<void> {}
}
