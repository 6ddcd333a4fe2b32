/** A file system in memory with the cluster's rules, as far as the command line relies on them. */

import { parentOf } from '../../../client/cli/remote-path.js';
import type { RemoteFileSystem } from '../../../client/cli/session.js';
import type {
  BlockLocation,
  ContentSummary,
  CreateOptions,
  DatanodeReport,
  DirectoryQuota,
  FileReader,
  FileStatus,
  FileWriter,
  FsckStep,
  FsStats,
  MkdirOptions,
  QuotaChange,
  ReadRange,
  RenameOptions,
  ServerDefaults,
} from '../../../client/index.js';
import { DfsError } from '../../../common/errors.js';

export const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const MAX_NAME_BYTES = 255;

interface Entry {
  status: FileStatus;
  bytes: Buffer;
}

export class FakeFileSystem implements Partial<RemoteFileSystem> {
  readonly #entries = new Map<string, Entry>();
  #nextId = 1;
  /** Called before each write of a file, to fail it. */
  onWrite: (path: string) => Promise<void> = async () => {};
  safe = false;
  datanodes: DatanodeReport[] = [];
  fsckSteps: FsckStep[] = [];
  fsckError: DfsError | undefined;
  locations: BlockLocation[] = [];
  closed = false;
  readonly quotas = new Map<string, DirectoryQuota>();

  constructor() {
    this.#put('/', 'DIRECTORY', Buffer.alloc(0), 0o755);
  }

  /** The object as the command takes it. */
  asRemote(): RemoteFileSystem {
    return this as unknown as RemoteFileSystem;
  }

  // ---- For tests -----------------------------------------------------------------------------------------------------

  /** Makes files (by their content) and directories (null), parents included. */
  with(files: Readonly<Record<string, string | Buffer | null>>): this {
    for (const [path, content] of Object.entries(files)) {
      this.#makeParents(path);
      this.#put(
        path,
        content === null ? 'DIRECTORY' : 'FILE',
        Buffer.from(content ?? ''),
        content === null ? 0o755 : 0o644,
      );
    }
    return this;
  }

  change(path: string, change: Partial<FileStatus>): this {
    const entry = this.#get(path);
    entry.status = { ...entry.status, ...change };
    return this;
  }

  paths(): string[] {
    return [...this.#entries.keys()].filter((path) => path !== '/').sort();
  }

  content(path: string): string {
    return this.#get(path).bytes.toString();
  }

  statusOf(path: string): FileStatus {
    return this.#get(path).status;
  }

  // ---- The file system -----------------------------------------------------------------------------------------------

  async stat(path: string): Promise<FileStatus> {
    const { status } = this.#get(path);
    return { ...status, children: this.#children(path).length };
  }

  async exists(path: string): Promise<boolean> {
    return this.#entries.has(path);
  }

  async *list(path: string): AsyncGenerator<FileStatus> {
    const { status } = this.#get(path);
    if (status.type === 'FILE') yield status;
    if ((status.mode & 0o400) === 0)
      throw new DfsError('AccessControl', `Permission denied: user=u, access=READ_EXECUTE, inode="${path}"`);
    for (const child of this.#children(path)) yield await this.stat(child);
  }

  async mkdir(path: string, options: MkdirOptions = {}): Promise<void> {
    const existing = this.#entries.get(path);
    if (existing !== undefined) {
      if (options.exclusive || existing.status.type === 'FILE')
        throw new DfsError('FileAlreadyExists', `${path} exists`);
      return;
    }
    if (options.parents === false) this.#requireDirectory(parentOf(path));
    else this.#makeParents(path);
    this.#put(path, 'DIRECTORY', Buffer.alloc(0), 0o755);
  }

  async rename(source: string, destination: string, options: RenameOptions = {}): Promise<void> {
    const entry = this.#get(source);
    this.#requireDirectory(parentOf(destination));
    const existing = this.#entries.get(destination);
    if (existing !== undefined && !options.overwrite) throw new DfsError('FileAlreadyExists', `${destination} exists`);
    for (const path of this.#below(source)) this.#move(path, destination + path.slice(source.length));
    this.#entries.delete(source);
    this.#entries.set(destination, {
      ...entry,
      status: { ...entry.status, path: destination, name: nameOf(destination) },
    });
  }

  async delete(path: string, options: { readonly recursive?: boolean } = {}): Promise<boolean> {
    if (!this.#entries.has(path)) return false;
    const below = this.#below(path);
    if (below.length > 0 && !options.recursive) throw new DfsError('PathIsNotEmptyDirectory', `${path} is not empty`);
    for (const each of [path, ...below]) this.#entries.delete(each);
    return true;
  }

  async create(path: string, options: CreateOptions = {}): Promise<FileWriter> {
    if (Buffer.byteLength(nameOf(path)) > MAX_NAME_BYTES) throw new DfsError('PathTooLong', 'the name is too long');
    if (options.createParent === false) this.#requireDirectory(parentOf(path));
    else this.#makeParents(path);
    const existing = this.#entries.get(path);
    if (existing?.status.type === 'DIRECTORY' || (existing !== undefined && !options.overwrite)) {
      throw new DfsError('FileAlreadyExists', `${path} exists`);
    }
    this.#put(path, 'FILE', Buffer.alloc(0), 0o644);
    this.change(path, { replication: options.replication ?? 3 });
    return this.#writer(path, []);
  }

  async append(path: string): Promise<FileWriter> {
    return this.#writer(path, [this.#get(path).bytes]);
  }

  async open(path: string): Promise<FileReader> {
    const { bytes } = this.#get(path);
    const stream = async function* ({ start = 0, end = bytes.length - 1 }: ReadRange = {}): AsyncGenerator<Buffer> {
      for (let offset = start; offset <= Math.min(end, bytes.length - 1); offset += 1000) {
        yield bytes.subarray(offset, Math.min(offset + 1000, end + 1));
      }
    };
    const copyTo: FileReader['copyTo'] = async (sink, range) => {
      for await (const bytes of stream(range)) {
        const lent = Buffer.from(bytes);
        await sink([lent.subarray(0, 10), lent.subarray(10)]);
        lent.fill(0xee); // its memory is used again
      }
    };
    return { length: bytes.length, stream, copyTo, close: async () => {} } as unknown as FileReader;
  }

  /** Answers of recoverLease and truncate, one after the other; then true. */
  readonly closings: boolean[] = [];

  async recoverLease(path: string): Promise<boolean> {
    this.#get(path);
    return this.closings.shift() ?? true;
  }

  async truncate(path: string, newLength: number): Promise<boolean> {
    const { bytes } = this.#get(path);
    if (newLength > bytes.length) throw new DfsError('InvalidArgument', 'Cannot truncate to a larger file size.');
    this.#put(path, 'FILE', bytes.subarray(0, newLength), 0o644);
    return this.closings.shift() ?? true;
  }

  async concat(target: string, sources: readonly string[]): Promise<void> {
    const bytes = Buffer.concat([target, ...sources].map((path) => this.#get(path).bytes));
    this.#put(target, 'FILE', bytes, 0o644);
    for (const source of sources) this.#entries.delete(source);
  }

  async setReplication(path: string, replication: number): Promise<boolean> {
    this.change(path, { replication });
    return true;
  }

  async setPermission(path: string, mode: number): Promise<void> {
    this.change(path, { mode });
  }

  async setOwner(
    path: string,
    { owner, group }: { owner?: string | undefined; group?: string | undefined },
  ): Promise<void> {
    if (owner === 'nobody-knows') throw new DfsError('AccessControl', 'Permission denied. user=u is not the superuser');
    const { status } = this.#get(path);
    this.change(path, { owner: owner ?? status.owner, group: group ?? status.group });
  }

  async setTimes(
    path: string,
    times: { modificationTimeMs?: number | undefined; accessTimeMs?: number | undefined },
  ): Promise<void> {
    const { status } = this.#get(path);
    this.change(path, {
      modificationTimeMs: times.modificationTimeMs ?? status.modificationTimeMs,
      accessTimeMs: times.accessTimeMs ?? status.accessTimeMs,
    });
  }

  async contentSummary(path: string): Promise<ContentSummary> {
    const all = [path, ...this.#below(path)].map((each) => this.statusOf(each));
    const files = all.filter(({ type }) => type === 'FILE');
    return {
      length: files.reduce((sum, { length }) => sum + length, 0),
      fileCount: files.length,
      directoryCount: all.length - files.length,
      spaceConsumed: files.reduce((sum, { length, replication }) => sum + length * replication, 0),
      quota: this.quotas.get(path),
    };
  }

  async setQuota(path: string, { names, space }: QuotaChange): Promise<void> {
    if (this.statusOf(path).type !== 'DIRECTORY') throw new DfsError('NotADirectory', `${path} is not a directory`);
    const before = this.quotas.get(path) ?? { names: undefined, space: undefined, namesUsed: 4, spaceUsed: 3_000 };
    this.quotas.set(path, {
      ...before,
      names: names === undefined ? before.names : (names ?? undefined),
      space: space === undefined ? before.space : (space ?? undefined),
    });
  }

  async checksum(path: string): Promise<{ algorithm: string; bytes: Buffer }> {
    return { algorithm: 'COMPOSITE-CRC32C', bytes: Buffer.from([this.#get(path).bytes.length, 2, 3, 4]) };
  }

  async getBlockLocations(): Promise<BlockLocation[]> {
    return this.locations;
  }

  serverDefaults(): ServerDefaults {
    return {
      blockSize: 128 * 1024 ** 2,
      replication: 3,
      bytesPerChecksum: 4096,
      writePacketSize: 512 * 1024,
      clusterId: 'CID-test',
      version: '0.1.0',
      listingLimit: 1000,
    };
  }

  async stats(): Promise<FsStats> {
    return {
      capacityBytes: 4000,
      usedBytes: 1000,
      remainingBytes: 2000,
      files: 1,
      directories: 1,
      blocks: 1,
      underReplicatedBlocks: 4,
      corruptReplicaBlocks: 5,
      missingBlocks: 6,
      pendingReconstructionBlocks: 7,
      pendingDeletionReplicas: 8,
      safeMode: this.safe,
      safeModeMessage: '',
      lastTxid: 1,
    };
  }

  async datanodeReport(): Promise<DatanodeReport[]> {
    return this.datanodes;
  }

  async safeMode(action: string): Promise<{ on: boolean; message: string }> {
    if (action === 'enter') this.safe = true;
    if (action === 'leave' || action === 'forceExit') this.safe = false;
    return { on: this.safe, message: this.safe ? 'It was entered by hand.' : '' };
  }

  async saveNamespace(): Promise<number> {
    return 42;
  }

  async *fsck(): AsyncGenerator<FsckStep> {
    if (this.fsckError !== undefined) throw this.fsckError;
    yield* this.fsckSteps;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  // ---- Inside --------------------------------------------------------------------------------------------------------

  #writer(path: string, pieces: Buffer[]): FileWriter {
    const save = (): void => {
      const entry = this.#entries.get(path);
      if (entry === undefined) throw new DfsError('LeaseExpired', `${path} is gone`);
      entry.bytes = Buffer.concat(pieces);
      entry.status = { ...entry.status, length: entry.bytes.length };
    };
    return {
      write: async (bytes: Uint8Array) => {
        await this.onWrite(path);
        pieces.push(Buffer.from(bytes));
      },
      close: async () => save(),
      abort: async () => {},
    } as unknown as FileWriter;
  }

  #get(path: string): Entry {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw new DfsError('FileNotFound', `${path}: No such file or directory`);
    return entry;
  }

  #put(path: string, type: FileStatus['type'], bytes: Buffer, mode: number): void {
    const isFile = type === 'FILE';
    const status: FileStatus = {
      path,
      name: nameOf(path),
      fileId: this.#nextId++,
      type,
      length: bytes.length,
      replication: isFile ? 3 : 0,
      blockSize: isFile ? 128 * 1024 ** 2 : 0,
      mode,
      owner: 'alice',
      group: 'staff',
      modificationTimeMs: NOW_MS,
      accessTimeMs: NOW_MS - 86_400_000,
      modificationTimeNs: 0,
      accessTimeNs: 0,
      children: 0,
      underConstruction: false,
      symlink: '',
    };
    this.#entries.set(path, { status, bytes });
  }

  #makeParents(path: string): void {
    const parent = parentOf(path);
    if (path === '/' || this.#entries.has(parent)) return;
    this.#makeParents(parent);
    this.#put(parent, 'DIRECTORY', Buffer.alloc(0), 0o755);
  }

  #requireDirectory(path: string): void {
    if (this.#get(path).status.type !== 'DIRECTORY')
      throw new DfsError('ParentNotDirectory', `${path} (is not a directory)`);
  }

  #children(path: string): string[] {
    return this.#below(path)
      .filter((each) => parentOf(each) === path)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #below(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.#entries.keys()].filter((each) => each.startsWith(prefix) && each !== '/');
  }

  #move(path: string, to: string): void {
    const entry = this.#get(path);
    this.#entries.delete(path);
    this.#entries.set(to, { ...entry, status: { ...entry.status, path: to, name: nameOf(to) } });
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
