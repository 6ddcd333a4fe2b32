/** The inodes that the kernel knows, under their ids in the cluster, and what is known of them here alone. */
import type { Clock } from '../../common/clock.js';
import type { FileStatus, FileType } from '../types.js';
import type { FileContents } from './contents.js';
import type { Attributes } from './file-system-operations.js';
import type { Identities } from './identities.js';

export const ROOT_NODE = 1;

export interface Node {
  readonly id: number;
  /** How often the kernel was told of it, less what it has forgotten. */
  lookups: number;
  /** The directory through which it was found last. */
  parent: number;
  /** Present while the file is open. */
  contents: FileContents | undefined;
  handles: number;
  /** The path that a file got which was removed while it is open. */
  removedAs: string | undefined;
  /** Version of the contents of which the kernel may have pages. */
  cachedVersion: string;
  /** When its attributes were changed here; the cluster keeps no such time. */
  changeTimeMs: number;
  /** Permission bits, as they were last seen. */
  mode: number;
  /** A file that nobody was writing to when it was last seen. */
  isClosedFile: boolean;
}

const TYPE_BITS: Readonly<Record<FileType, number>> = { FILE: 0o100000, DIRECTORY: 0o040000, SYMLINK: 0o120000 };
const DIRECTORY_BYTES = 4096;

/** As a listing shows the type: DT_REG, DT_DIR, DT_LNK. */
export function entryType(type: FileType): number {
  return TYPE_BITS[type] >> 12;
}

export class Nodes {
  readonly #known = new Map<number, Node>();
  readonly #identities: Identities;
  readonly #clock: Clock;
  #openFiles = 0;

  constructor(identities: Identities, clock: Clock) {
    this.#identities = identities;
    this.#clock = clock;
  }

  get hasOpenFiles(): boolean {
    return this.#openFiles > 0;
  }

  get(id: number): Node | undefined {
    return this.#known.get(id);
  }

  all(): Iterable<Node> {
    return this.#known.values();
  }

  /** For an inode that the kernel is told of, or that it names. */
  at(id: number, parent = ROOT_NODE): Node {
    let node = this.#known.get(id);
    if (node === undefined) {
      node = {
        id,
        lookups: 0,
        parent,
        contents: undefined,
        handles: 0,
        removedAs: undefined,
        cachedVersion: '',
        changeTimeMs: 0,
        mode: 0,
        isClosedFile: false,
      };
      this.#known.set(id, node);
    }
    return node;
  }

  /** The attributes for an answer that makes the inode known to the kernel. */
  remember(status: FileStatus, parent: number): Attributes {
    const node = this.at(status.fileId, parent);
    node.lookups++;
    node.parent = parent;
    return this.attributes(status);
  }

  forget(id: number, lookups: number): void {
    const node = this.#known.get(id);
    if (node === undefined) return;
    node.lookups -= lookups;
    if (node.lookups <= 0 && node.handles === 0) this.#known.delete(id);
  }

  opened(node: Node): void {
    if (node.handles++ === 0) this.#openFiles++;
  }

  /** Returns whether nobody has the file open any more. */
  released(node: Node): boolean {
    if (--node.handles > 0) return false;
    this.#openFiles--;
    if (node.lookups <= 0) this.#known.delete(node.id);
    return true;
  }

  /** Its attributes have been changed now. */
  touched(node: Node): void {
    node.changeTimeMs = this.#clock.now();
  }

  attributes(inCluster: FileStatus, ageMs = 0): Attributes {
    const node = this.#known.get(inCluster.fileId);
    const local = node?.contents;
    const status = { ...inCluster, ...local?.localAttributes };
    if (node !== undefined) {
      node.mode = status.mode;
      node.isClosedFile = status.type === 'FILE' && !status.underConstruction;
    }
    const mtime = { ms: status.modificationTimeMs, ns: status.modificationTimeNs };
    const changeTimeMs = node?.changeTimeMs ?? 0;
    return {
      inode: status.fileId,
      size: local !== undefined && !local.isClean ? local.length : sizeOf(status),
      mode: TYPE_BITS[status.type] | status.mode,
      // Directories of file systems that do not count their sub-directories have one link: find(1) knows what that means.
      links: node?.removedAs === undefined ? 1 : 0,
      uid: this.#identities.userId(status.owner),
      gid: this.#identities.groupId(status.group),
      // Of directories the cluster does not record it.
      atime: status.accessTimeMs === 0 ? mtime : { ms: status.accessTimeMs, ns: status.accessTimeNs },
      mtime,
      ctime: changeTimeMs > mtime.ms ? { ms: changeTimeMs, ns: 0 } : mtime,
      ageMs,
    };
  }
}

function sizeOf({ type, length, symlink }: FileStatus): number {
  if (type === 'DIRECTORY') return DIRECTORY_BYTES;
  return type === 'SYMLINK' ? Buffer.byteLength(symlink) : length;
}
