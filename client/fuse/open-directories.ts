import type { FileSystem } from '../file-system.js';
import { inodePath } from '../posix-namespace.js';
import { DirectoryListing } from './directory-listing.js';
import type { DirectoryEntry } from './file-system-operations.js';
import { HandleTable } from './handle-table.js';
import { HIDDEN_NAME } from './hidden-directory.js';
import { entryType, type Nodes, ROOT_NODE } from './nodes.js';

interface OpenDirectory {
  readonly node: number;
  readonly listing: DirectoryListing;
}

/** `.` and `..` come before the entries that the cluster lists. */
const DOT_ENTRIES = 2;

/** The directories that programs have open. */
export class OpenDirectories {
  readonly #fs: FileSystem;
  readonly #nodes: Nodes;
  readonly #open = new HandleTable<OpenDirectory>();

  constructor(fs: FileSystem, nodes: Nodes) {
    this.#fs = fs;
    this.#nodes = nodes;
  }

  open(node: number): number {
    return this.#open.add({ node, listing: new DirectoryListing(() => this.#fs.list(inodePath(node))) });
  }

  /** Calls `add` for each entry from `offset` on, with the offset behind it, until it returns false. */
  async read(handle: number, offset: number, add: (entry: DirectoryEntry, next: number) => boolean): Promise<void> {
    const { node, listing } = this.#open.at(handle);
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

  async release(handle: number): Promise<void> {
    await this.#open.remove(handle)?.listing.close();
  }

  async close(): Promise<void> {
    for (const [handle] of this.#open.all()) await this.release(handle);
  }
}
