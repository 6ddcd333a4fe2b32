import { DfsError } from '../../common/errors.js';
import type { FileSystem } from '../file-system.js';
import { inodePath, type XattrMode } from '../posix-namespace.js';
import type { FileStatus } from '../types.js';
import type { AttributeChange, Attributes, Statfs } from './file-system-operations.js';
import type { Identities } from './identities.js';
import { NAME_BYTES_MAX, onInode, PERMISSION_BITS, statInode } from './inode-access.js';
import type { Node, Nodes } from './nodes.js';
import type { OpenFiles } from './open-files.js';
import { type RecentStatuses, SEEN_MAX_MS } from './recent-statuses.js';

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
  readonly #directories: RecentStatuses;

  constructor({ fs, identities }: InodeAttributesOptions, nodes: Nodes, files: OpenFiles, directories: RecentStatuses) {
    this.#directories = directories;
    this.#fs = fs;
    this.#identities = identities;
    this.#nodes = nodes;
    this.#files = files;
  }

  async get(id: number, maxAgeMs: number): Promise<Attributes> {
    const seen = this.#nodes.get(id)?.contents?.seenStatus(maxAgeMs) ?? this.#directories.get(id, maxAgeMs);
    if (seen !== undefined) return this.#nodes.attributes(seen.status, seen.ageMs);
    return this.#nodes.attributes(await statInode(this.#fs, id));
  }

  async set(id: number, change: AttributeChange): Promise<Attributes> {
    const { size, mode, uid, gid, times, dropsPrivileges } = change;
    const node = this.#nodes.at(id);
    if (size !== undefined) await this.#files.setLength(node, size);
    const isMore = [mode, uid, gid, times].some((value) => value !== undefined);
    const status = isMore ? await this.#change(node, change) : undefined;
    const isDone = !dropsPrivileges || (await this.#files.dropPrivileges(node)) === 'had none';
    this.#nodes.touched(node);
    return status !== undefined && isDone ? this.#nodes.attributes(status) : await this.get(id, SEEN_MAX_MS);
  }

  /** Answers with what the cluster says of the inode then, if it was asked. */
  async #change(node: Node, { mode, uid, gid, times }: AttributeChange): Promise<FileStatus | undefined> {
    const change = {
      mode: mode === undefined ? undefined : mode & PERMISSION_BITS,
      owner: uid === undefined ? undefined : this.#identities.userName(uid),
      group: gid === undefined ? undefined : this.#identities.groupName(gid),
      times,
    };
    if (node.contents !== undefined) return await onInode(node.contents.setAttributes(change));
    return await this.#directories.change([node.id], async (onDirectory) => {
      const status = await onInode(this.#fs.posix.setAttributes(inodePath(node.id), change));
      onDirectory(status);
      return status;
    });
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
