import { DfsError } from '../../common/errors.js';
import type { FileSystem } from '../file-system.js';
import { inodePath, type XattrMode } from '../posix-namespace.js';
import type { AttributeChange, Attributes, Statfs } from './file-system-operations.js';
import type { Identities } from './identities.js';
import { NAME_BYTES_MAX, onInode, PERMISSION_BITS, statInode } from './inode-access.js';
import type { Nodes } from './nodes.js';
import type { OpenFiles } from './open-files.js';

export interface InodeAttributesOptions {
  readonly fs: FileSystem;
  readonly identities: Identities;
}

const STATFS_BLOCK_BYTES = 4096;
/** The cluster has no limit on files that statfs could tell. */
const FREE_FILES = 2 ** 31;

/** What is known of inodes besides their contents. */
export class InodeAttributes {
  readonly #fs: FileSystem;
  readonly #identities: Identities;
  readonly #nodes: Nodes;
  readonly #files: OpenFiles;

  constructor({ fs, identities }: InodeAttributesOptions, nodes: Nodes, files: OpenFiles) {
    this.#fs = fs;
    this.#identities = identities;
    this.#nodes = nodes;
    this.#files = files;
  }

  async get(node: number): Promise<Attributes> {
    return this.#nodes.attributes(await statInode(this.#fs, node));
  }

  async set(id: number, change: AttributeChange): Promise<Attributes> {
    const { size, mode, uid, gid, times, dropsPrivileges } = change;
    const path = inodePath(id);
    const node = this.#nodes.at(id);
    if (size !== undefined) await this.#files.setLength(node, size);
    if (uid !== undefined || gid !== undefined) {
      await onInode(
        this.#fs.setOwner(path, {
          ...(uid === undefined ? {} : { owner: this.#identities.userName(uid) }),
          ...(gid === undefined ? {} : { group: this.#identities.groupName(gid) }),
        }),
      );
    }
    if (mode !== undefined) await onInode(this.#fs.setPermission(path, mode & PERMISSION_BITS));
    if (dropsPrivileges) await this.#files.dropPrivileges(node);
    if (times !== undefined) await onInode(node.contents?.setTimes(times) ?? this.#fs.setTimes(path, times));
    this.#nodes.touched(node);
    return await this.get(id);
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

  /** @throws DfsError `XattrNotFound`. */
  async getXattr(node: number, name: string): Promise<Buffer> {
    const value = name.startsWith('user.') ? (await this.#xattrs(node)).get(name) : undefined;
    if (value === undefined) throw new DfsError('XattrNotFound', `there is no attribute ${name}`);
    return value;
  }

  async listXattrs(node: number): Promise<readonly string[]> {
    return [...(await this.#xattrs(node)).keys()];
  }

  async setXattr(node: number, name: string, value: Buffer, mode: XattrMode): Promise<void> {
    await onInode(this.#fs.posix.setXattr(inodePath(node), name, value, mode));
    this.#nodes.touched(this.#nodes.at(node));
  }

  async removeXattr(node: number, name: string): Promise<void> {
    await onInode(this.#fs.posix.removeXattr(inodePath(node), name));
    this.#nodes.touched(this.#nodes.at(node));
  }

  async #xattrs(node: number): Promise<ReadonlyMap<string, Buffer>> {
    return await onInode(this.#fs.posix.getXattrs(inodePath(node)));
  }
}
