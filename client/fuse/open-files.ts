/** The files that programs have open: one `FileContents` a file, and a handle for each open. */
import type { Clock } from '../../common/clock.js';
import { DfsError, isDfsError, messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { FileReader } from '../file-reader.js';
import type { FileSystem } from '../file-system.js';
import type { FileWriter } from '../file-writer.js';
import { inodePath } from '../posix-namespace.js';
import type { FileStatus } from '../types.js';
import { FileContents } from './contents.js';
import type { Invalidation } from './driver.js';
import type { OpenedFile, OpenRequest } from './file-system-operations.js';
import { HandleTable } from './handle-table.js';
import type { HiddenDirectory } from './hidden-directory.js';
import { onInode, PERMISSION_BITS, statInode } from './inode-access.js';
import type { Node, Nodes } from './nodes.js';
import { AheadStreams, ReadAhead, type ReadResult } from './read-ahead.js';
import { SEEN_MAX_MS } from './recent-statuses.js';
import type { StagingArea } from './staging.js';
import { WindowMemory } from './write-window.js';

export interface OpenFilesOptions {
  readonly fs: FileSystem;
  readonly hidden: HiddenDirectory;
  readonly staging: StagingArea;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As a driver does it. */
  readonly invalidate: (node: number, what: Invalidation) => Promise<void>;
}

interface OpenHandle {
  readonly node: Node;
  readonly contents: FileContents;
  readonly writes: boolean;
  readonly appends: boolean;
  readonly ahead: ReadAhead;
}

const SETUID = 0o4000;
const SETGID = 0o2000;
const GROUP_EXECUTE = 0o010;
const FOR_WRITING: OpenRequest = { writes: true, appends: false, truncates: false, dropsPrivileges: false };

export class OpenFiles {
  readonly #options: OpenFilesOptions & { readonly windows: WindowMemory };
  readonly #fs: FileSystem;
  readonly #nodes: Nodes;
  readonly #streams = new AheadStreams();
  readonly #open = new HandleTable<OpenHandle>();

  constructor(options: OpenFilesOptions, nodes: Nodes) {
    this.#options = { ...options, windows: new WindowMemory() };
    this.#fs = options.fs;
    this.#nodes = nodes;
  }

  /** @param reader of the file as it is in `status`, which is taken over. @throws DfsError `IsADirectory`. */
  async open(status: FileStatus, request: OpenRequest, reader?: FileReader): Promise<OpenedFile> {
    if (status.type !== 'FILE') throw new DfsError('IsADirectory', 'only files can be opened');
    const node = this.#nodes.at(status.fileId);
    node.contents ??= new FileContents(this.#options, status);
    const { contents } = node;
    const handle = this.#newHandle(node, contents, request);
    try {
      const isCurrent = await contents.opened(status, reader);
      const keepsCache = isCurrent && node.cachedVersion === contents.version && contents.version !== '';
      node.cachedVersion = contents.version;
      if (request.dropsPrivileges) await this.dropPrivileges(node);
      if (request.truncates) await contents.setLength(0);
      return { handle, keepsCache: keepsCache && !request.truncates };
    } catch (error) {
      await this.release(handle);
      throw error;
    }
  }

  /** A file that was just made, and is being written. */
  openNew(writer: FileWriter, request: OpenRequest): OpenedFile {
    const node = this.#nodes.at(writer.status.fileId);
    node.contents = new FileContents(this.#options, writer.status, writer);
    // Whatever it was opened for, closing it completes the file.
    return { handle: this.#newHandle(node, node.contents, { ...request, writes: true }), keepsCache: false };
  }

  async read(handle: number, position: number, size: number, signal: AbortSignal): Promise<ReadResult> {
    const { contents, ahead } = this.#open.at(handle);
    return await onInode(contents.read(position, size, ahead, signal));
  }

  async write(handle: number, position: number, data: Buffer, dropsPrivileges: boolean): Promise<void> {
    const { node, contents, appends } = this.#open.at(handle);
    if (dropsPrivileges && (node.mode & (SETUID | SETGID)) !== 0) {
      await this.dropPrivileges(node);
      await this.#options.invalidate(node.id, 'attributes');
    }
    const writtenAt = await onInode(contents.write(appends ? undefined : position, data));
    if (writtenAt !== position) void this.#options.invalidate(node.id, 'everything'); // somebody else has appended, too
  }

  async allocate(handle: number, end: number): Promise<void> {
    const { contents } = this.#open.at(handle);
    if (end > contents.length) await onInode(contents.setLength(end));
  }

  async flush(handle: number): Promise<void> {
    const { contents, writes } = this.#open.at(handle);
    if (writes) await onInode(contents.flush());
  }

  async fsync(handle: number): Promise<void> {
    await onInode(this.#open.at(handle).contents.sync());
  }

  /** Does nothing for a file that is not open. */
  async release(handle: number): Promise<void> {
    const open = this.#open.remove(handle);
    if (open === undefined) return;
    open.ahead.stop();
    const { node, contents } = open;
    // A program may close a file and go on writing through a mapping, which nothing but the end of the last handle tells of.
    if (node.handles === 1 && contents.isUnsaved) {
      await contents.flush().catch((error: unknown) => this.#notSaved(contents, error));
    }
    if (!this.#nodes.released(node)) return;
    const { removedAs } = node;
    node.contents = undefined;
    await contents.close();
    if (removedAs !== undefined)
      await this.#fs.delete(removedAs).catch((error: unknown) => this.#leftBehind(removedAs, error));
  }

  /** Of a file that may be open or not. */
  async setLength(node: Node, size: number): Promise<void> {
    // With a handle of its own: the last program may be closing the file at this moment.
    const handle =
      node.contents === undefined
        ? (await this.open(await statInode(this.#fs, node.id), FOR_WRITING)).handle
        : this.#newHandle(node, node.contents, FOR_WRITING);
    try {
      const { contents } = this.#open.at(handle);
      await onInode(contents.setLength(size));
      if (node.handles === 1) await onInode(contents.flush());
    } finally {
      await this.release(handle);
    }
  }

  /** The file at this path, if it is open here. */
  async at(path: string): Promise<Node | undefined> {
    if (!this.#nodes.hasOpenFiles) return undefined;
    try {
      const node = this.#nodes.get((await this.#fs.stat(path)).fileId);
      return node?.contents === undefined ? undefined : node;
    } catch (error) {
      if (isDfsError(error, 'FileNotFound')) return undefined;
      throw error;
    }
  }

  /** An open file has lost its name; what is left of it at `hiddenPath` goes with its last handle. */
  async removed(node: Node, hiddenPath: string): Promise<void> {
    node.removedAs = hiddenPath;
    this.#nodes.touched(node);
    await node.contents?.markRemoved().catch((error: unknown) => this.#leftBehind(hiddenPath, error));
  }

  /** As POSIX wants it: setuid goes, and setgid where it means a group's execution. */
  async dropPrivileges(node: Node): Promise<'had none' | 'dropped'> {
    const { mode } = node.contents?.seenStatus(SEEN_MAX_MS)?.status ?? (await statInode(this.#fs, node.id));
    const less = mode & ~SETUID & ((mode & GROUP_EXECUTE) === 0 ? PERMISSION_BITS : ~SETGID);
    node.mode = less;
    if (less === mode) return 'had none';
    await this.#fs.setPermission(inodePath(node.id), less);
    return 'dropped';
  }

  /** Saves what was written, and lets go of everything. */
  async close(): Promise<void> {
    for (const [handle, { contents, writes }] of this.#open.all()) {
      if (writes) await contents.flush().catch((error: unknown) => this.#notSaved(contents, error));
      await this.release(handle);
    }
  }

  #newHandle(node: Node, contents: FileContents, { writes, appends }: OpenRequest): number {
    this.#nodes.opened(node);
    return this.#open.add({ node, contents, writes, appends, ahead: new ReadAhead(this.#streams) });
  }

  async #notSaved(contents: FileContents, error: unknown): Promise<void> {
    const { logger } = this.#options;
    const about = { inode: contents.fileId, reason: messageOf(error) };
    if (await contents.keepForNextMount())
      logger.error(about, 'could not save an open file; the next mount will try it');
    else logger.error(about, 'what was written to an open file is lost');
  }

  #leftBehind(path: string, error: unknown): void {
    this.#options.logger.warn(
      { path, reason: messageOf(error) },
      'could not delete a removed file; it goes with the mount',
    );
  }
}
