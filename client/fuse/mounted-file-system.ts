/** The cluster as a file system of inodes and handles. Names are dealt with here, all else by the parts that it is made of. */
import { DfsError, isDfsError } from '../../common/errors.js';
import type { FileSystem } from '../file-system.js';
import { inodePath, type XattrMode } from '../posix-namespace.js';
import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  FileSystemOperations,
  OpenedFile,
  OpenRequest,
  RenameTarget,
  Statfs,
} from './file-system-operations.js';
import type { HiddenDirectory } from './hidden-directory.js';
import { entryPath, onInode, PERMISSION_BITS, statInode } from './inode-access.js';
import { InodeAttributes, type InodeAttributesOptions } from './inode-attributes.js';
import { Nodes } from './nodes.js';
import { OnBehalf } from './on-behalf.js';
import { OpenDirectories } from './open-directories.js';
import { OpenFiles, type OpenFilesOptions } from './open-files.js';
import type { ReadResult } from './read-ahead.js';
import { RecentStatuses } from './recent-statuses.js';

export interface MountedFileSystemOptions extends OpenFilesOptions, InodeAttributesOptions {}

const FILE_TYPE_MASK = 0o170000;
const REGULAR_FILE = 0o100000;

export class MountedFileSystem implements FileSystemOperations {
  readonly #fs: FileSystem;
  readonly #hidden: HiddenDirectory;
  readonly #nodes: Nodes;
  readonly #attributes: InodeAttributes;
  readonly #directories: OpenDirectories;
  readonly #files: OpenFiles;
  readonly #onBehalf: OnBehalf;
  readonly #recent: RecentStatuses;

  constructor(options: MountedFileSystemOptions) {
    const { fs, hidden, identities, clock, logger } = options;
    this.#fs = fs;
    this.#hidden = hidden;
    this.#nodes = new Nodes(identities, clock);
    this.#files = new OpenFiles(options, this.#nodes);
    this.#recent = new RecentStatuses(clock);
    this.#attributes = new InodeAttributes(options, this.#nodes, this.#files, this.#recent);
    this.#directories = new OpenDirectories(fs, this.#nodes);
    this.#onBehalf = new OnBehalf(identities, logger);
  }

  // ---- Names -------------------------------------------------------------------------------------------------------

  async lookup(parent: number, name: string): Promise<Attributes | undefined> {
    const status = await this.#fs.statIfExists(entryPath(parent, name));
    return status === undefined ? undefined : this.#nodes.remember(status, parent);
  }

  forget(node: number, lookups: number): void {
    this.#nodes.forget(node, lookups);
  }

  async mkdir(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes> {
    const path = entryPath(parent, name);
    const status = await this.#recent.change([parent], (onDirectory) =>
      this.#onBehalf.of(caller, (owner) =>
        this.#fs.posix.mkdir(path, mode & PERMISSION_BITS, { ...owner, onDirectory }),
      ),
    );
    return this.#nodes.remember(status, parent);
  }

  async mknod(caller: Caller, parent: number, name: string, mode: number): Promise<Attributes> {
    if ((mode & FILE_TYPE_MASK) !== REGULAR_FILE)
      throw new DfsError('NotOwner', 'devices, pipes and sockets cannot be made in the cluster');
    const writer = await this.#createFile(caller, parent, name, mode);
    await writer.close();
    return this.#nodes.remember(await this.#fs.stat(entryPath(parent, name)), parent);
  }

  async symlink(caller: Caller, parent: number, name: string, target: string): Promise<Attributes> {
    const path = entryPath(parent, name);
    const status = await this.#recent.change([parent], (onDirectory) =>
      this.#onBehalf.of(caller, (owner) => this.#fs.posix.createSymlink(path, target, { ...owner, onDirectory })),
    );
    return this.#nodes.remember(status, parent);
  }

  async readlink(node: number): Promise<string> {
    const { type, symlink } = await statInode(this.#fs, node);
    if (type !== 'SYMLINK') throw new DfsError('InvalidArgument', 'not a symbolic link');
    return symlink;
  }

  async unlink(parent: number, name: string): Promise<void> {
    const path = entryPath(parent, name);
    const open = await this.#files.at(path);
    if (open === undefined) {
      await this.rmdir(parent, name);
      return;
    }
    const hidden = await this.#hidden.newPath();
    await this.#recent.change([parent], (onDirectory) => this.#fs.rename(path, hidden, { exact: true, onDirectory }));
    await this.#files.removed(open, hidden);
  }

  async rmdir(parent: number, name: string): Promise<void> {
    const path = entryPath(parent, name);
    const isThere = await this.#recent.change([parent], (onDirectory) => this.#fs.delete(path, { onDirectory }));
    if (!isThere) throw new DfsError('FileNotFound', `${path} does not exist`);
  }

  async rename(parent: number, name: string, to: RenameTarget): Promise<void> {
    const source = entryPath(parent, name);
    const destination = entryPath(to.parent, to.name);
    const replaced = to.mayReplace ? await this.#files.at(destination) : undefined;
    const keepReplacedAs = replaced === undefined ? undefined : await this.#hidden.newPath();
    const options = { overwrite: to.mayReplace, exact: true, keepReplacedAs };
    await this.#recent.change([parent, to.parent], (onDirectory) =>
      this.#fs.rename(source, destination, { ...options, onDirectory }),
    );
    if (replaced !== undefined && keepReplacedAs !== undefined) await this.#files.removed(replaced, keepReplacedAs);
  }

  // ---- Attributes --------------------------------------------------------------------------------------------------

  async getattr(node: number, maxAgeMs: number): Promise<Attributes> {
    return await this.#attributes.get(node, maxAgeMs);
  }

  async setattr(node: number, change: AttributeChange): Promise<Attributes> {
    return await this.#attributes.set(node, change);
  }

  async statfs(): Promise<Statfs> {
    return await this.#attributes.statfs();
  }

  async getxattr(node: number, name: string): Promise<Buffer> {
    return await this.#attributes.getXattr(node, name);
  }

  async listxattr(node: number): Promise<readonly string[]> {
    return await this.#attributes.listXattrs(node);
  }

  async setxattr(node: number, name: string, value: Buffer, mode: XattrMode): Promise<void> {
    await this.#attributes.setXattr(node, name, value, mode);
  }

  async removexattr(node: number, name: string): Promise<void> {
    await this.#attributes.removeXattr(node, name);
  }

  // ---- Directories -------------------------------------------------------------------------------------------------

  async opendir(node: number): Promise<number> {
    return this.#directories.open(node);
  }

  async readdir(handle: number, offset: number, add: (entry: DirectoryEntry, next: number) => boolean): Promise<void> {
    await this.#directories.read(handle, offset, add);
  }

  listed(entry: DirectoryEntry, parent: number): void {
    this.#nodes.at(entry.inode, parent).lookups++;
  }

  async releasedir(handle: number): Promise<void> {
    await this.#directories.release(handle);
  }

  // ---- Files -------------------------------------------------------------------------------------------------------

  async open(node: number, request: OpenRequest): Promise<OpenedFile> {
    const known = this.#nodes.get(node);
    const isForReading = !request.writes && !request.truncates && known?.contents === undefined;
    // Where the bytes are is asked with the same call. It says nothing of a file that is being written that would not have to be asked again.
    if (!isForReading || known?.isClosedFile !== true)
      return await this.#files.open(await statInode(this.#fs, node), request);
    const reader = await onInode(this.#fs.open(inodePath(node), { withStatus: true }));
    return await this.#files.open(reader.status ?? (await statInode(this.#fs, node)), request, reader);
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
      const attributes = this.#nodes.remember(writer.status, parent);
      return { ...this.#files.openNew(writer, request), attributes };
    } catch (error) {
      if (request.exclusive || !isDfsError(error, 'FileAlreadyExists', 'AlreadyBeingCreated')) throw error;
    }
    const status = await this.#fs.stat(entryPath(parent, name));
    const opened = await this.#files.open(status, request);
    return { ...opened, attributes: this.#nodes.remember(status, parent) };
  }

  async read(handle: number, position: number, size: number, signal: AbortSignal): Promise<ReadResult> {
    return await this.#files.read(handle, position, size, signal);
  }

  async write(handle: number, position: number, data: Buffer, dropsPrivileges: boolean): Promise<void> {
    await this.#files.write(handle, position, data, dropsPrivileges);
  }

  async allocate(handle: number, end: number): Promise<void> {
    await this.#files.allocate(handle, end);
  }

  async flush(handle: number): Promise<void> {
    await this.#files.flush(handle);
  }

  async fsync(handle: number): Promise<void> {
    await this.#files.fsync(handle);
  }

  async release(handle: number): Promise<void> {
    await this.#files.release(handle);
  }

  async close(): Promise<void> {
    await this.#files.close();
    await this.#directories.close();
    await this.#hidden.close();
  }

  async #createFile(caller: Caller, parent: number, name: string, mode: number) {
    const path = entryPath(parent, name);
    const options = { mode: mode & PERMISSION_BITS, createParent: false };
    return await this.#recent.change([parent], (onDirectory) =>
      this.#onBehalf.of(caller, (owner) => this.#fs.create(path, { ...options, ...owner, onDirectory })),
    );
  }
}
