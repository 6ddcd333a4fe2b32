/** What POSIX has and HDFS has not: symbolic links, extended attributes, new contents for an old file. For mounts. */
import { DfsError } from '../common/errors.js';
import { required, toFileStatus } from './rpc/messages.js';
import type { NamenodeClient } from './rpc/namenode-client.js';
import { tellDirectory } from './rpc/namespace.js';
import type { AttributesChange, BlockLocation, DirectoryOptions, FileStatus, Ownership } from './types.js';

/** What a file held when it was looked at; it is different after every change of its bytes. */
export interface ContentsVersion {
  readonly length: number;
  readonly blockIds: readonly number[];
  /** Of the last block; 0 without blocks. */
  readonly lastGenerationStamp: number;
}

/** `create`: there must be none. `replace`: there must be one. */
export type XattrMode = 'set' | 'create' | 'replace';

/** HDFS's path of an inode that goes on working when the inode is renamed. Use it wherever a path is taken; entries may follow. */
export function inodePath(fileId: number, name?: string): string {
  return name === undefined ? `/.reserved/.inodes/${fileId}` : `/.reserved/.inodes/${fileId}/${name}`;
}

/** The version of a closed file of these blocks. */
export function contentsVersion(blocks: readonly BlockLocation[]): ContentsVersion {
  return {
    length: blocks.reduce((sum, { block }) => sum + block.numBytes, 0),
    blockIds: blocks.map(({ block }) => block.blockId),
    lastGenerationStamp: blocks.at(-1)?.block.generationStamp ?? 0,
  };
}

export class PosixNamespace {
  readonly #namenode: NamenodeClient;

  /** Use `FileSystem.posix`. */
  constructor(namenode: NamenodeClient) {
    this.#namenode = namenode;
  }

  /** Nobody but a mount follows it. @throws DfsError `FileAlreadyExists`, `FileNotFound`, `InvalidArgument`. */
  async createSymlink(
    path: string,
    target: string,
    { owner = '', group = '', onDirectory }: Ownership & DirectoryOptions = {},
  ): Promise<FileStatus> {
    const request = { path, target, owner, group, withDirectory: onDirectory !== undefined };
    const { status, directory } = await this.#namenode.call('CreateSymlink', request);
    tellDirectory(directory, onDirectory);
    return toFileStatus(path, required(status, 'the new link'));
  }

  /**
   * As mkdir(2): its parent exists, it does not. The permission bits are taken as they are.
   * @throws DfsError `FileAlreadyExists`, `FileNotFound`.
   */
  async mkdir(
    path: string,
    mode: number,
    { owner = '', group = '', onDirectory }: Ownership & DirectoryOptions = {},
  ): Promise<FileStatus> {
    const kind = { mode, modeSet: true, createParent: false, exclusive: true, withDirectory: true };
    const { status, directory } = await this.#namenode.call('Mkdirs', { path, owner, group, ...kind });
    tellDirectory(directory, onDirectory);
    if (status === null) throw new DfsError('FileNotFound', `${path} was removed as soon as it was made`);
    return toFileStatus(path, status);
  }

  /** All in one step; returns what the file or directory is like then. @throws DfsError `FileNotFound`, `NotOwner`, `AccessControl`. */
  async setAttributes(path: string, { mode, owner, group, times = {} }: AttributesChange): Promise<FileStatus> {
    const { modificationTimeMs, accessTimeMs, modificationTimeNs = 0, accessTimeNs = 0 } = times;
    const { status } = await this.#namenode.call('SetAttributes', {
      path,
      ...(mode === undefined ? {} : { mode }),
      owner: owner ?? '',
      group: group ?? '',
      ...(modificationTimeMs === undefined ? {} : { modificationTimeMs }),
      ...(accessTimeMs === undefined ? {} : { accessTimeMs }),
      modificationTimeNs,
      accessTimeNs,
    });
    return toFileStatus(path, required(status, 'the changed file'));
  }

  /**
   * Gives the closed file `target` these blocks, in one step: some of its own, others of the closed file `source`, which is removed.
   * @throws DfsError `FileChanged` when `target` is not as `expected` any more, `AlreadyBeingCreated` when one of them is open.
   */
  async replaceContents(
    target: string,
    expected: ContentsVersion,
    source: string,
    blockIds: readonly number[],
  ): Promise<void> {
    await this.#namenode.call('ReplaceContents', {
      target,
      expected: { ...expected, blockIds: [...expected.blockIds] },
      source,
      blockIds: [...blockIds],
    });
  }

  async getXattrs(path: string): Promise<ReadonlyMap<string, Buffer>> {
    const { xattrs } = await this.#namenode.call('GetXattrs', { path });
    return new Map(xattrs.map(({ name, value }) => [name, Buffer.from(value)]));
  }

  /** @throws DfsError `XattrExists`, `XattrNotFound`, `QuotaExceeded`, `Unsupported` (a name that does not begin with `user.`). */
  async setXattr(path: string, name: string, value: Buffer, mode: XattrMode = 'set'): Promise<void> {
    const wireMode = ({ set: 'XATTR_SET', create: 'XATTR_CREATE', replace: 'XATTR_REPLACE' } as const)[mode];
    await this.#namenode.call('SetXattr', { path, xattr: { name, value }, mode: wireMode });
  }

  /** @throws DfsError `XattrNotFound`. */
  async removeXattr(path: string, name: string): Promise<void> {
    await this.#namenode.call('RemoveXattr', { path, name });
  }
}
