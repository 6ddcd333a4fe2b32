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
import type { Readable, Writable } from 'node:stream';
import { DfsError } from '../common/errors.js';
import { prepareAppend } from './append.js';
import type { Connection, ConnectOptions } from './connect.js';
import { connect } from './connect.js';
import type { ClientContext } from './context.js';
import { fileChecksum } from './file-checksum.js';
import { FileReader } from './file-reader.js';
import type { FileWriterOptions } from './file-writer.js';
import { FileWriter } from './file-writer.js';
import type { HedgedReadMetrics } from './hedged-reads.js';
import { PosixNamespace } from './posix-namespace.js';
import type { ReadStatistics } from './read-statistics.js';
import * as administration from './rpc/administration.js';
import { required, toFileStatus, toNewBlock, toPlacedBlock } from './rpc/messages.js';
import * as namespace from './rpc/namespace.js';
import { readStream, writeStream } from './streams.js';
import type {
  AdministeredDatanodes,
  AppendOptions,
  BalancerAction,
  BalancerStatus,
  BlockLocation,
  ContentSummary,
  CreateOptions,
  DatanodeAdminAction,
  DatanodeReport,
  DeleteOptions,
  FileChecksum,
  FileStatus,
  FsckFile,
  FsckStep,
  FsStats,
  MkdirOptions,
  OpenOptions,
  QuotaChange,
  ReaderOptions,
  ReadRange,
  RenameOptions,
  SafeModeAction,
  SafeModeState,
  ServerDefaults,
  TimesChange,
} from './types.js';

type OpenedFile = Pick<FileWriterOptions, 'status' | 'openedBy' | 'firstBlock' | 'lastBlock' | 'signal'> & {
  readonly isNew?: boolean;
};

/** A file that is open for reading, or a writer. */
interface OpenHandle {
  abort(): Promise<void>;
}

export class FileSystem {
  readonly #context: ClientContext;
  readonly #disconnect: () => void;
  readonly #defaults: ServerDefaults;
  /** Symbolic links, extended attributes and the like. */
  readonly posix: PosixNamespace;
  /** Open files. */
  readonly #open = new Set<OpenHandle>();
  /** Whether the last file that was made got any bytes: the next one is likely to be like it. */
  #filesGetBytes = true;

  private constructor({ context, defaults, disconnect }: Connection) {
    this.#context = context;
    this.#defaults = defaults;
    this.#disconnect = disconnect;
    this.posix = new PosixNamespace(context.namenode);
  }

  /**
   * Connects to a cluster.
   * @throws DfsError `ConnectionLost` or `Timeout` when no NameNode answers within a few seconds.
   */
  static async connect(options: ConnectOptions): Promise<FileSystem> {
    return new FileSystem(await connect(options));
  }

  /** Under which it holds the leases of files that it writes. */
  get clientName(): string {
    return this.#context.namenode.clientName;
  }

  // ---- Namespace ---------------------------------------------------------------------------------------------------

  /** @throws DfsError `FileNotFound`. */
  async stat(path: string): Promise<FileStatus> {
    const status = await namespace.fileInfo(this.#context.namenode, path);
    if (status === undefined) throw new DfsError('FileNotFound', `${path}: No such file or directory`);
    return status;
  }

  /** Undefined when there is no such file or directory: for those to whom that is no error. */
  async statIfExists(path: string): Promise<FileStatus | undefined> {
    return await namespace.fileInfo(this.#context.namenode, path);
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
  async setTimes(path: string, times: TimesChange): Promise<void> {
    const { modificationTimeMs, accessTimeMs, modificationTimeNs = 0, accessTimeNs = 0 } = times;
    await this.#context.namenode.call('SetTimes', {
      path,
      ...(modificationTimeMs === undefined ? {} : { modificationTimeMs }),
      ...(accessTimeMs === undefined ? {} : { accessTimeMs }),
      modificationTimeNs,
      accessTimeNs,
    });
  }

  async contentSummary(path: string): Promise<ContentSummary> {
    return await namespace.contentSummary(this.#context.namenode, path);
  }

  /**
   * Limits what a directory may hold, whoever writes to it; what is there already stays, even if it is more. In force when it resolves.
   * The first quota of a cluster takes its time: what there is has to be counted.
   * @throws DfsError `AccessControl` (only the superuser may), `FileNotFound`, `NotADirectory`.
   */
  async setQuota(path: string, change: QuotaChange): Promise<void> {
    await namespace.setQuota(this.#context.namenode, path, change);
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
        owner: options.owner ?? '',
        group: options.group ?? '',
        withDirectory: options.onDirectory !== undefined,
        withFirstBlock: options.firstBlock ?? this.#filesGetBytes,
        clientHost: this.#context.clientHost,
      };
      const { status, directory, firstBlock, openedBy } = await namenode.call('Create', request, { signal });
      namespace.tellDirectory(directory, options.onDirectory);
      const file = { status: toFileStatus(path, required(status, 'the new file')), openedBy, signal, isNew: true };
      return firstBlock === null ? file : { ...file, firstBlock: toNewBlock(path, firstBlock) };
    });
  }

  /** Opens a file for more bytes at its end. @throws DfsError `FileNotFound`, `AlreadyBeingCreated`. */
  async append(path: string, { newBlock = false, signal }: AppendOptions = {}): Promise<FileWriter> {
    const { namenode } = this.#context;
    return await this.#openWriter(async () => {
      const { status, lastBlock, openedBy } = await namenode.call(
        'Append',
        { path, clientName: namenode.clientName, newBlock },
        { signal },
      );
      const file = { status: toFileStatus(path, required(status, 'the file')), openedBy, signal };
      if (lastBlock === null) return file;
      const { fileId } = file.status;
      const placed = toPlacedBlock(lastBlock);
      return { ...file, lastBlock: await prepareAppend(this.#context, { path, fileId, openedBy }, placed, signal) };
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

  /** Inode ids of the files that a client holds leases of: all of them for the superuser, for others those that are theirs. */
  openFilesOf(clientName: string): AsyncIterable<number> {
    return namespace.openFilesOf(this.#context.namenode, clientName);
  }

  /**
   * Cuts a closed file. True when it is done; false when the DataNodes are cutting the block that the new end is in: until that is over
   * (`stat(path).underConstruction` is false) nobody can write to the file.
   * @throws DfsError `FileNotFound`, `AlreadyBeingCreated`, `InvalidArgument` (the file is shorter), `BlockMissing`.
   */
  async truncate(path: string, newLength: number): Promise<boolean> {
    const { namenode } = this.#context;
    return (await namenode.call('Truncate', { path, newLength, clientName: namenode.clientName })).done;
  }

  /**
   * Moves the contents of `sources`, in this order, to the end of `target`, and removes the sources. Atomic; no byte is copied.
   * @throws DfsError `FileNotFound`; `InvalidArgument` when a source is empty, open, given twice, or has larger blocks or more replicas
   *   than the target.
   */
  async concat(target: string, sources: readonly string[]): Promise<void> {
    await this.#context.namenode.call('Concat', { target, sources: [...sources] });
  }

  /** @throws DfsError `FileNotFound`, `IsADirectory`. */
  async open(path: string, options: ReaderOptions = {}): Promise<FileReader> {
    const handle: OpenHandle = { abort: () => reader.close() };
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

  /** What was read so far, and how much of it past the DataNodes. */
  get readStatistics(): Pick<ReadStatistics, 'totalBytes' | 'shortCircuitBytes'> {
    return this.#context.readStatistics;
  }

  /** Reads for which a second DataNode was asked. */
  get hedgedReads(): HedgedReadMetrics {
    return this.#context.hedgedReads.metrics;
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

  /**
   * Takes DataNodes out of service, or back into it; how far that is, {@link datanodeReport} says.
   * @param datanodes `host:port` of the data plane, a host (all DataNodes there), or a UUID each.
   * @param maintenanceExpiresMs when maintenance ends by itself, in milliseconds since 1970; 0: never.
   * @throws DfsError `InvalidArgument`, `SafeMode`, `AccessControl`.
   */
  async administerDatanodes(
    action: DatanodeAdminAction,
    datanodes: readonly string[],
    maintenanceExpiresMs = 0,
  ): Promise<AdministeredDatanodes> {
    return await administration.administerDatanodes(this.#context.namenode, action, datanodes, maintenanceExpiresMs);
  }

  /**
   * Has the NameNode move replicas until all DataNodes are about equally full, or stop that; in any case says how far it is.
   * @param thresholdPercent how much fuller or emptier than the average a DataNode may be; 0: 10.
   * @throws DfsError `InvalidArgument` when it is balancing already, `SafeMode`, `AccessControl`.
   */
  async balancer(action: BalancerAction, thresholdPercent = 0): Promise<BalancerStatus> {
    return await administration.balancer(this.#context.namenode, action, thresholdPercent);
  }

  /** How many bytes a second each DataNode copies for the balancer, until it is restarted. */
  async setBalancerBandwidth(bytesPerSecond: number): Promise<void> {
    await this.#context.namenode.call('SetBalancerBandwidth', { bytesPerSecond });
  }

  /** Folds the edit log into the checkpoint now; returns the last transaction id that is in it. */
  async saveNamespace(): Promise<number> {
    return (await this.#context.namenode.call('SaveNamespace', {})).txid;
  }

  /** Checks single blocks: each as its file with this block alone. Those that do not exist are left out. */
  async fsckBlocks(blockIds: readonly number[]): Promise<FsckFile[]> {
    return await administration.fsckBlocks(this.#context.namenode, blockIds);
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
    this.#context.localReads.close();
    this.#context.connections.close();
    this.#context.smallBlocks.close();
    this.#disconnect();
  }

  /** Holds the lease from before the file is opened, so that there is no moment without. */
  async #openWriter(open: () => Promise<OpenedFile>): Promise<FileWriter> {
    const releaseLease = this.#context.leases.hold();
    try {
      const file = await open();
      const onEnd = (): void => {
        releaseLease();
        this.#open.delete(handle);
        if (file.isNew) this.#filesGetBytes = writer.length > 0;
      };
      const handle: OpenHandle = { abort: () => writer.abort() };
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
