/** The cluster as a file system of inodes and handles. */
import type { Clock } from '../../common/clock.js';
import { DfsError, isDfsError, messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { FileSystem } from '../file-system.js';
import { inodePath, type XattrMode } from '../posix-namespace.js';
import type { FileStatus, Ownership } from '../types.js';
import { FileContents } from './contents.js';
import { DirectoryListing } from './directory-listing.js';
import type {
  AttributeChange,
  Caller,
  FileSystemOperations,
  OpenedFile,
  OpenRequest,
  RenameTarget,
} from './file-system-operations.js';
import { HIDDEN_NAME, type HiddenDirectory } from './hidden-directory.js';
import type { Identities } from './identities.js';
import { entryType, type Node, Nodes, ROOT_NODE } from './nodes.js';
import type { Attributes, DirectoryEntry, Statfs } from './protocol/replies.js';
import { AheadStreams, ReadAhead, type ReadResult } from './read-ahead.js';
import type { StagingArea } from './staging.js';
import { WindowMemory } from './write-window.js';

export interface MountedFileSystemOptions {
  readonly fs: FileSystem;
  readonly hidden: HiddenDirectory;
  readonly staging: StagingArea;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Tells the kernel that it does not know the inode as it is. To be waited for only for attributes: for pages the kernel may have to wait for
   * the very request that is being served.
   */
  readonly invalidate: (node: number, what: 'attributes' | 'everything') => Promise<void>;
}

interface OpenHandle {
  readonly node: Node;
  readonly contents: FileContents;
  readonly writes: boolean;
  readonly appends: boolean;
  readonly ahead: ReadAhead;
}

interface OpenDirectory {
  readonly node: number;
  readonly listing: DirectoryListing;
}

const NAME_BYTES_MAX = 255;
const FILE_TYPE_MASK = 0o170000;
const REGULAR_FILE = 0o100000;
const SETUID = 0o4000;
const SETGID = 0o2000;
const GROUP_EXECUTE = 0o010;
const PERMISSION_BITS = 0o7777;
const STATFS_BLOCK_BYTES = 4096;
/** `.` and `..` come before the entries that the cluster lists. */
const DOT_ENTRIES = 2;
/** The cluster has no limit on files that statfs could tell. */
const FREE_FILES = 2 ** 31;

export class MountedFileSystem implements FileSystemOperations {
  readonly #options: MountedFileSystemOptions & { readonly windows: WindowMemory };
  readonly #fs: FileSystem;
  readonly #nodes: Nodes;
  readonly #streams = new AheadStreams();
  readonly #files = new Map<number, OpenHandle>();
  readonly #directories = new Map<number, OpenDirectory>();
  #lastHandle = 0;
  /** Files can be made in the name of others; false once the cluster has refused that. */
  #isSuperuser = true;

  constructor(options: MountedFileSystemOptions) {
    this.#options = { ...options, windows: new WindowMemory() };
    this.#fs = options.fs;
    this.#nodes = new Nodes(options.identities, options.clock);
  }

  // ---- Names -------------------------------------------------------------------------------------------------------

  async lookup(parent: number, name: string): Promise<Attributes> {
    return this.#nodes.remember(await this.#fs.stat(this.#entry(parent, name)), parent);
  }

  forget(node: number, lookups: number): void {
    this.#nodes.forget(node, lookups);
  }

  async mkdir(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes> {
    const path = this.#entry(parent, name);
    await this.#asOwner(caller, (owner) =>
      this.#fs.mkdir(path, { mode: mode & PERMISSION_BITS, parents: false, exclusive: true, ...owner }),
    );
    return await this.lookup(parent, name);
  }

  async mknod(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes> {
    if ((mode & FILE_TYPE_MASK) !== REGULAR_FILE)
      throw notPermitted('devices, pipes and sockets cannot be made in the cluster');
    const writer = await this.#createFile(caller, parent, name, mode);
    await writer.close();
    return await this.lookup(parent, name);
  }

  async symlink(caller: Caller, parent: number, name: string, target: string): Promise<Attributes> {
    const path = this.#entry(parent, name);
    const status = await this.#asOwner(caller, (owner) => this.#fs.posix.createSymlink(path, target, owner));
    return this.#nodes.remember(status, parent);
  }

  async readlink(node: number): Promise<string> {
    const { type, symlink } = await this.#stat(node);
    if (type !== 'SYMLINK') throw new DfsError('InvalidArgument', 'not a symbolic link');
    return symlink;
  }

  async unlink(parent: number, name: string): Promise<void> {
    const path = this.#entry(parent, name);
    const open = await this.#openFileAt(path);
    if (open !== undefined) {
      const hidden = await this.#options.hidden.newPath();
      await this.#fs.rename(path, hidden, { exact: true });
      this.#removed(open, hidden);
    } else if (!(await this.#fs.delete(path))) {
      throw new DfsError('FileNotFound', `${path} does not exist`);
    }
  }

  async rmdir(parent: number, name: string): Promise<void> {
    const path = this.#entry(parent, name);
    if (!(await this.#fs.delete(path))) throw new DfsError('FileNotFound', `${path} does not exist`);
  }

  async rename(parent: number, name: string, to: RenameTarget): Promise<void> {
    const source = this.#entry(parent, name);
    const destination = this.#entry(to.parent, to.name);
    const replaced = to.mayReplace ? await this.#openFileAt(destination) : undefined;
    const keepReplacedAs = replaced === undefined ? undefined : await this.#options.hidden.newPath();
    await this.#fs.rename(source, destination, { overwrite: to.mayReplace, exact: true, keepReplacedAs });
    if (replaced !== undefined && keepReplacedAs !== undefined) this.#removed(replaced, keepReplacedAs);
  }

  // ---- Attributes --------------------------------------------------------------------------------------------------

  async getattr(node: number): Promise<Attributes> {
    return this.#nodes.attributes(await this.#stat(node));
  }

  async setattr(id: number, change: AttributeChange): Promise<Attributes> {
    const { size, mode, uid, gid, times, dropsPrivileges } = change;
    const { identities } = this.#options;
    const path = inodePath(id);
    const node = this.#nodes.at(id);
    if (size !== undefined) await this.#truncate(node, size);
    if (uid !== undefined || gid !== undefined) {
      await this.#onNode(
        this.#fs.setOwner(path, {
          ...(uid === undefined ? {} : { owner: identities.userName(uid) }),
          ...(gid === undefined ? {} : { group: identities.groupName(gid) }),
        }),
      );
    }
    if (mode !== undefined) await this.#onNode(this.#fs.setPermission(path, mode & PERMISSION_BITS));
    if (dropsPrivileges) await this.#dropPrivileges(node);
    if (times !== undefined) await this.#onNode(node.contents?.setTimes(times) ?? this.#fs.setTimes(path, times));
    this.#nodes.touched(node);
    return await this.getattr(id);
  }

  async statfs(): Promise<Statfs> {
    const { capacityBytes, remainingBytes, files, directories } = await this.#fs.stats();
    const free = Math.floor(remainingBytes / STATFS_BLOCK_BYTES);
    return {
      blockBytes: STATFS_BLOCK_BYTES,
      blocks: Math.floor(capacityBytes / STATFS_BLOCK_BYTES),
      free,
      available: free,
      files: files + directories + FREE_FILES,
      freeFiles: FREE_FILES,
      nameBytesMax: NAME_BYTES_MAX,
    };
  }

  async getxattr(node: number, name: string): Promise<Buffer> {
    const value = name.startsWith('user.') ? (await this.#xattrs(node)).get(name) : undefined;
    if (value === undefined) throw new DfsError('XattrNotFound', `there is no attribute ${name}`);
    return value;
  }

  async listxattr(node: number): Promise<readonly string[]> {
    return [...(await this.#xattrs(node)).keys()];
  }

  async setxattr(node: number, name: string, value: Buffer, mode: XattrMode): Promise<void> {
    await this.#onNode(this.#fs.posix.setXattr(inodePath(node), name, value, mode));
    this.#nodes.touched(this.#nodes.at(node));
  }

  async removexattr(node: number, name: string): Promise<void> {
    await this.#onNode(this.#fs.posix.removeXattr(inodePath(node), name));
    this.#nodes.touched(this.#nodes.at(node));
  }

  // ---- Directories -------------------------------------------------------------------------------------------------

  async opendir(node: number): Promise<number> {
    const handle = ++this.#lastHandle;
    this.#directories.set(handle, { node, listing: new DirectoryListing(() => this.#fs.list(inodePath(node))) });
    return handle;
  }

  async readdir(handle: number, offset: number, add: (entry: DirectoryEntry, next: number) => boolean): Promise<void> {
    const { node, listing } = known(this.#directories, handle);
    const parent = this.#nodes.get(node)?.parent ?? ROOT_NODE;
    for (const [i, inode] of [node, parent].entries()) {
      const entry = {
        name: Buffer.from('.'.repeat(i + 1)),
        inode,
        type: entryType('DIRECTORY'),
        attributes: undefined,
      };
      if (offset <= i && !add(entry, i + 1)) return;
    }
    await listing.from(Math.max(0, offset - DOT_ENTRIES), (status, at) => {
      if (node === ROOT_NODE && status.name === HIDDEN_NAME) return true;
      const attributes = this.#nodes.attributes(status);
      const entry = { name: Buffer.from(status.name), inode: status.fileId, type: entryType(status.type), attributes };
      return add(entry, at + DOT_ENTRIES + 1);
    });
  }

  listed(entry: DirectoryEntry, parent: number): void {
    this.#nodes.at(entry.inode, parent).lookups++;
  }

  async releasedir(handle: number): Promise<void> {
    const directory = this.#directories.get(handle);
    this.#directories.delete(handle);
    await directory?.listing.close();
  }

  // ---- Files -------------------------------------------------------------------------------------------------------

  async open(id: number, request: OpenRequest): Promise<OpenedFile> {
    return await this.#openStatus(await this.#stat(id), request);
  }

  async create(
    caller: Caller,
    parent: number,
    name: string,
    mode: number,
    request: OpenRequest & { readonly exclusive: boolean },
  ): Promise<OpenedFile & { readonly attributes: Attributes }> {
    try {
      const writer = await this.#createFile(caller, parent, name, mode);
      const { status } = writer;
      const attributes = this.#nodes.remember(status, parent);
      const node = this.#nodes.at(status.fileId);
      node.contents = new FileContents(this.#options, status, writer);
      return { ...this.#newHandle(node, node.contents, request), keepsCache: false, attributes };
    } catch (error) {
      if (request.exclusive || !isDfsError(error, 'FileAlreadyExists', 'AlreadyBeingCreated')) throw error;
    }
    const status = await this.#fs.stat(this.#entry(parent, name));
    const opened = await this.#openStatus(status, request);
    return { ...opened, attributes: this.#nodes.remember(status, parent) };
  }

  async read(handle: number, position: number, size: number, signal: AbortSignal): Promise<ReadResult> {
    const { contents, ahead } = known(this.#files, handle);
    return await this.#onNode(contents.read(position, size, ahead, signal));
  }

  async write(handle: number, position: number, data: Buffer, dropsPrivileges: boolean): Promise<void> {
    const { node, contents, appends } = known(this.#files, handle);
    if (dropsPrivileges && (node.mode & (SETUID | SETGID)) !== 0) {
      await this.#dropPrivileges(node);
      await this.#options.invalidate(node.id, 'attributes');
    }
    const writtenAt = await this.#onNode(contents.write(appends ? undefined : position, data));
    if (writtenAt !== position) void this.#options.invalidate(node.id, 'everything'); // somebody else has appended, too
  }

  async allocate(handle: number, end: number): Promise<void> {
    const { contents } = known(this.#files, handle);
    if (end > contents.length) await this.#onNode(contents.setLength(end));
  }

  async flush(handle: number): Promise<void> {
    const { contents, writes } = known(this.#files, handle);
    if (writes) await this.#onNode(contents.flush());
  }

  async fsync(handle: number): Promise<void> {
    await this.#onNode(known(this.#files, handle).contents.sync());
  }

  async release(handle: number): Promise<void> {
    const open = this.#files.get(handle);
    if (open === undefined) return;
    this.#files.delete(handle);
    open.ahead.stop();
    await this.#release(open.node);
  }

  async close(): Promise<void> {
    for (const [handle, { contents, writes }] of [...this.#files]) {
      if (writes) await contents.flush().catch((error: unknown) => this.#lost(contents, error));
      await this.release(handle);
    }
    for (const handle of [...this.#directories.keys()]) await this.releasedir(handle);
    await this.#options.hidden.close();
  }

  // ---- Parts -------------------------------------------------------------------------------------------------------

  /** @throws DfsError `PathTooLong`, `FileNotFound` for what mounts do not show. */
  #entry(parent: number, name: string): string {
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
      throw new DfsError('PathTooLong', `a name has at most ${NAME_BYTES_MAX} bytes`);
    }
    if (parent === ROOT_NODE && name === HIDDEN_NAME)
      throw new DfsError('FileNotFound', `${name} is not shown by mounts`);
    return inodePath(parent, name);
  }

  async #stat(node: number): Promise<FileStatus> {
    return await this.#onNode(this.#fs.stat(inodePath(node)));
  }

  /** What the kernel knows by its inode has no name that could be missing: it was removed by somebody else. */
  async #onNode<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!isDfsError(error, 'FileNotFound')) throw error;
      throw new DfsError('FileChanged', 'the file was removed by another client', { cause: error });
    }
  }

  async #xattrs(node: number): Promise<ReadonlyMap<string, Buffer>> {
    return await this.#onNode(this.#fs.posix.getXattrs(inodePath(node)));
  }

  async #openFileAt(path: string): Promise<Node | undefined> {
    if (!this.#nodes.hasOpenFiles) return undefined;
    try {
      const node = this.#nodes.get((await this.#fs.stat(path)).fileId);
      return node?.contents === undefined ? undefined : node;
    } catch (error) {
      if (isDfsError(error, 'FileNotFound')) return undefined;
      throw error;
    }
  }

  #removed(node: Node, hiddenPath: string): void {
    node.removedAs = hiddenPath;
    node.contents?.markRemoved();
    this.#nodes.touched(node);
  }

  async #createFile(caller: Caller, parent: number, name: string, mode: number) {
    const path = this.#entry(parent, name);
    const options = { mode: mode & PERMISSION_BITS, createParent: false };
    return await this.#asOwner(caller, (owner) => this.#fs.create(path, { ...options, ...owner }));
  }

  /** Does it in the name of the caller. A mount that is not the cluster's superuser does everything in its own. */
  async #asOwner<T>({ uid, gid }: Caller, work: (owner: Ownership) => Promise<T>): Promise<T> {
    const { identities } = this.#options;
    if (!this.#isSuperuser) return await work({});
    try {
      return await work({ owner: identities.userName(uid), group: identities.groupName(gid) });
    } catch (error) {
      if (!isDfsError(error, 'AccessControl')) throw error;
      const result = await work({});
      this.#isSuperuser = false;
      this.#options.logger.warn(
        'this mount is not the superuser of the cluster: all that is made here belongs to its user',
      );
      return result;
    }
  }

  async #openStatus(status: FileStatus, request: OpenRequest): Promise<OpenedFile> {
    if (status.type !== 'FILE') throw new DfsError('IsADirectory', 'only files can be opened');
    const node = this.#nodes.at(status.fileId);
    node.contents ??= new FileContents(this.#options, status);
    const { contents } = node;
    const opened = this.#newHandle(node, contents, request);
    try {
      const isCurrent = await contents.opened(status);
      const keepsCache = isCurrent && node.cachedVersion === contents.version && contents.version !== '';
      node.cachedVersion = contents.version;
      if (request.dropsPrivileges) await this.#dropPrivileges(node);
      if (request.truncates) await contents.setLength(0);
      return { ...opened, keepsCache: keepsCache && !request.truncates };
    } catch (error) {
      await this.release(opened.handle);
      throw error;
    }
  }

  #newHandle(node: Node, contents: FileContents, { writes, appends }: OpenRequest): { handle: number } {
    const handle = ++this.#lastHandle;
    this.#files.set(handle, { node, contents, writes, appends, ahead: new ReadAhead(this.#streams) });
    this.#nodes.opened(node);
    return { handle };
  }

  async #release(node: Node): Promise<void> {
    if (!this.#nodes.released(node)) return;
    const { contents, removedAs } = node;
    node.contents = undefined;
    await contents?.close();
    if (removedAs !== undefined)
      await this.#fs.delete(removedAs).catch((error: unknown) => this.#leftBehind(removedAs, error));
  }

  #lost({ fileId }: FileContents, error: unknown): void {
    this.#options.logger.error({ inode: fileId, reason: messageOf(error) }, 'what was written to an open file is lost');
  }

  #leftBehind(path: string, error: unknown): void {
    this.#options.logger.warn(
      { path, reason: messageOf(error) },
      'could not delete a removed file; it goes with the mount',
    );
  }

  async #truncate(node: Node, size: number): Promise<void> {
    if (node.contents !== undefined) {
      await this.#onNode(node.contents.setLength(size));
      return;
    }
    const { handle } = await this.open(node.id, {
      writes: true,
      appends: false,
      truncates: false,
      dropsPrivileges: false,
    });
    try {
      const { contents } = known(this.#files, handle);
      await contents.setLength(size);
      await contents.flush();
    } finally {
      await this.release(handle);
    }
  }

  /** As POSIX wants it: setuid goes, and setgid where it means a group's execution. */
  async #dropPrivileges(node: Node): Promise<void> {
    const { mode } = await this.#stat(node.id);
    const less = mode & ~SETUID & ((mode & GROUP_EXECUTE) === 0 ? PERMISSION_BITS : ~SETGID);
    if (less !== mode) await this.#fs.setPermission(inodePath(node.id), less);
    node.mode = less;
  }
}

/** What the kernel names was given to it by us. */
function known<T>(handles: ReadonlyMap<number, T>, handle: number): T {
  const found = handles.get(handle);
  if (found === undefined) throw new DfsError('InvalidArgument', `there is no open file ${handle}`);
  return found;
}

export function notPermitted(why: string): DfsError {
  return new DfsError('NotOwner', why);
}
