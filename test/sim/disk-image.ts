/**
 * What one machine's disk holds: a tree of directories and files as a running system sees it, and beside it the tree that a crash
 * would leave. A change of a directory (a name made, taken away, or moved) is certain to survive only once the directory, for a
 * move both of them, was synced; until then a crash keeps or loses it. Synchronous: time and chance of failure are disk.ts's.
 */
import type { OpenMode } from '../../common/disk.js';
import type { Random } from '../../common/random.js';
import { shuffled } from '../../common/random.js';
import { FileImage, SECTOR_BYTES } from './file-image.js';

class FileNode {
  readonly image = new FileImage();
  /** Names in the tree, and open handles. */
  references = 0;
}

class DirectoryNode {
  readonly id: number;
  readonly entries = new Map<string, Node>();
  readonly durable = new Map<string, Node>();

  constructor(id: number) {
    this.id = id;
  }
}

type Node = FileNode | DirectoryNode;

/** What becomes of one name; `node` undefined: it goes. */
interface Change {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: Node | undefined;
}

/** Changes that a crash keeps or loses together. */
interface PendingChange {
  readonly changes: readonly Change[];
  readonly unsynced: Set<DirectoryNode>;
}

export type DamageKind = 'bit flip' | 'lost write' | 'misdirected write';

export interface ImageFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** An error as the operating system gives it. */
export function osError(code: string, operation: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, syscall: operation, path });
}

/** An open file. */
export class FileHandle {
  readonly path: string;
  readonly image: FileImage;
  readonly writable: boolean;
  readonly #release: () => void;
  #closed = false;

  constructor(path: string, image: FileImage, writable: boolean, release: () => void) {
    this.path = path;
    this.image = image;
    this.writable = writable;
    this.#release = release;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (this.#closed) throw osError('EBADF', 'close', this.path);
    this.#closed = true;
    this.#release();
  }
}

export class DiskImage {
  #lastId = 0;
  readonly #root = this.#newDirectory();
  #pending: PendingChange[] = [];
  #usedBytes = 0;
  #openFiles = 0;

  /** Bytes in files that have a name or are open. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get openFiles(): number {
    return this.#openFiles;
  }

  open(path: string, mode: OpenMode): FileHandle {
    const { directory, name } = this.#parent(path, 'open');
    let node = directory.entries.get(name);
    if (mode === 'create') {
      if (node !== undefined) throw osError('EEXIST', 'open', path);
      node = new FileNode();
      this.#change([{ directory, name, node }]);
    }
    if (node === undefined) throw osError('ENOENT', 'open', path);
    if (node instanceof DirectoryNode) throw osError('EISDIR', 'open', path);
    const file = node;
    this.#refer(file, 1);
    this.#openFiles++;
    return new FileHandle(path, file.image, mode === 'write' || mode === 'create', () => {
      this.#openFiles--;
      this.#refer(file, -1);
    });
  }

  write(handle: FileHandle, bytes: Uint8Array, position: number): void {
    const before = handle.image.size;
    handle.image.write(bytes, position);
    this.#usedBytes += handle.image.size - before;
  }

  truncate(handle: FileHandle, length: number): void {
    const before = handle.image.size;
    handle.image.truncate(length);
    this.#usedBytes += handle.image.size - before;
  }

  /** Makes missing parents as well. */
  makeDirectory(path: string): void {
    let directory = this.#root;
    for (const name of parts(path)) {
      let next = directory.entries.get(name);
      if (next instanceof FileNode) throw osError('EEXIST', 'mkdir', path);
      if (next === undefined) {
        next = this.#newDirectory();
        this.#change([{ directory, name, node: next }]);
      }
      directory = next;
    }
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from, 'rename');
    const target = this.#parent(to, 'rename');
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw osError('ENOENT', 'rename', from);
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof DirectoryNode)
      throw osError(node instanceof FileNode ? 'EISDIR' : 'ENOTEMPTY', 'rename', to);
    if (replaced !== undefined && node instanceof DirectoryNode) throw osError('ENOTDIR', 'rename', to);
    this.#change([
      { ...source, node: undefined },
      { ...target, node },
    ]);
  }

  /** A file; nothing happens when there is none. */
  remove(path: string): void {
    const parent = this.#find(parts(path).slice(0, -1));
    const name = parts(path).at(-1) ?? '';
    if (!(parent instanceof DirectoryNode)) return;
    const node = parent.entries.get(name);
    if (node === undefined) return;
    if (node instanceof DirectoryNode) throw osError('EISDIR', 'unlink', path);
    this.#change([{ directory: parent, name, node: undefined }]);
  }

  list(path: string): { name: string; isDirectory: boolean }[] {
    const { entries } = this.#directory(path, 'scandir');
    return [...entries].map(([name, node]) => ({ name, isDirectory: node instanceof DirectoryNode }));
  }

  fileSize(path: string): number | undefined {
    const node = this.#find(parts(path));
    return node instanceof FileNode ? node.image.size : undefined;
  }

  syncDirectory(path: string): void {
    const directory = this.#directory(path, 'open');
    const touched = new Set<string>();
    const done = new Set<PendingChange>();
    for (const pending of this.#pending) pending.unsynced.delete(directory);
    // A change is on the disk only together with the earlier ones of the same names.
    for (const pending of this.#pending.toReversed()) {
      if (pending.unsynced.size > 0 && !slots(pending).some((slot) => touched.has(slot))) continue;
      done.add(pending);
      for (const slot of slots(pending)) touched.add(slot);
    }
    for (const pending of this.#pending) {
      if (done.has(pending)) makeDurable(pending);
    }
    this.#pending = this.#pending.filter((pending) => !done.has(pending));
  }

  /** The power goes. Open handles are void afterwards. Returns how many files it has torn; `isToTear`: as many as it can. */
  crash(random: Random, isToTear = false): number {
    const areOrdered = random.int(2) === 0;
    const isPrefixOver = () => random.int(4) === 0;
    let keeping = true;
    const lost = new Set<string>();
    for (const pending of this.#pending) {
      if (areOrdered) keeping &&= !isPrefixOver();
      const isKept = areOrdered ? keeping : random.int(2) === 0;
      if (isKept && !slots(pending).some((slot) => lost.has(slot))) makeDurable(pending);
      else for (const slot of slots(pending)) lost.add(slot);
    }
    this.#pending = [];
    this.#openFiles = 0;
    this.#usedBytes = 0;
    let torn = 0;
    for (const { node } of walk(this.#root, '', 'durable')) {
      if (node instanceof DirectoryNode) {
        replaceAll(node.entries, node.durable);
        continue;
      }
      if (node.image.crash(random, isToTear)) torn++;
      node.references = 1;
      this.#usedBytes += node.image.size;
    }
    return torn;
  }

  /** Everything is on the disk, as after a long while. */
  settle(): void {
    for (const pending of this.#pending) makeDurable(pending);
    this.#pending = [];
    for (const { node } of walk(this.#root, '', 'entries')) if (node instanceof FileNode) node.image.settle();
  }

  /** The process has ended, not the machine: its handles are closed, everything else stays. */
  closeAll(): void {
    this.#openFiles = 0;
    this.#usedBytes = 0;
    for (const { node } of walk(this.#root, '', 'entries')) {
      if (!(node instanceof FileNode)) continue;
      node.references = 1;
      this.#usedBytes += node.image.size;
    }
  }

  /** Every file with a name, as readers see it. */
  *files(): Generator<ImageFile> {
    for (const { path, node } of walk(this.#root, '', 'entries')) {
      if (node instanceof FileNode) yield { path, bytes: node.image.bytes };
    }
  }

  /** Every file that is sure to be there after a crash, with the bytes that are sure to be in it. */
  *durableFiles(): Generator<ImageFile> {
    for (const { path, node } of walk(this.#root, '', 'durable')) {
      if (node instanceof FileNode) yield { path, bytes: node.image.durableBytes() };
    }
  }

  /** Spoils a file at a random place. False when there is nothing in it to spoil. */
  damage(path: string, kind: DamageKind, random: Random): boolean {
    const node = this.#find(parts(path));
    if (!(node instanceof FileNode) || node.image.size === 0) return false;
    if (kind === 'bit flip') {
      node.image.damage(random.int(node.image.size), 1, (bytes) => {
        bytes[0] = (bytes[0] ?? 0) ^ (1 << random.int(8));
      });
      return true;
    }
    const sector = random.int(Math.ceil(node.image.size / SECTOR_BYTES));
    const strange = kind === 'lost write' ? Buffer.alloc(SECTOR_BYTES) : this.#sectorOfAnother(path, random);
    let isChanged = false;
    node.image.damage(sector * SECTOR_BYTES, SECTOR_BYTES, (bytes) => {
      const before = Buffer.from(bytes);
      bytes.set(strange.subarray(0, bytes.length));
      isChanged = !before.equals(bytes);
    });
    return isChanged;
  }

  #sectorOfAnother(path: string, random: Random): Buffer {
    const others = [...this.files()].filter((file) => file.path !== path && file.bytes.length > 0);
    const sector = Buffer.alloc(SECTOR_BYTES, 0xa5);
    const [other] = shuffled(others, random);
    if (other === undefined) return sector;
    const start = random.int(Math.ceil(other.bytes.length / SECTOR_BYTES)) * SECTOR_BYTES;
    sector.set(other.bytes.subarray(start, start + SECTOR_BYTES));
    return sector;
  }

  #newDirectory(): DirectoryNode {
    return new DirectoryNode(this.#lastId++);
  }

  #change(changes: readonly Change[]): void {
    for (const { directory, name, node } of changes) {
      const before = directory.entries.get(name);
      if (node instanceof FileNode) this.#refer(node, 1);
      if (node === undefined) directory.entries.delete(name);
      else directory.entries.set(name, node);
      if (before instanceof FileNode) this.#refer(before, -1);
    }
    this.#pending.push({ changes, unsynced: new Set(changes.map(({ directory }) => directory)) });
  }

  #refer(file: FileNode, by: number): void {
    if (file.references === 0 && by > 0) this.#usedBytes += file.image.size;
    file.references += by;
    if (file.references === 0) this.#usedBytes -= file.image.size;
  }

  #parent(path: string, operation: string): { directory: DirectoryNode; name: string } {
    const names = parts(path);
    const name = names.pop();
    if (name === undefined) throw osError('EISDIR', operation, path);
    const directory = this.#find(names);
    if (directory === undefined) throw osError('ENOENT', operation, path);
    if (directory instanceof FileNode) throw osError('ENOTDIR', operation, path);
    return { directory, name };
  }

  #directory(path: string, operation: string): DirectoryNode {
    const node = this.#find(parts(path));
    if (node === undefined) throw osError('ENOENT', operation, path);
    if (node instanceof FileNode) throw osError('ENOTDIR', operation, path);
    return node;
  }

  #find(names: readonly string[]): Node | undefined {
    let node: Node = this.#root;
    for (const name of names) {
      const next: Node | undefined = node instanceof DirectoryNode ? node.entries.get(name) : undefined;
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function slots({ changes }: PendingChange): string[] {
  return changes.map(({ directory, name }) => `${directory.id}/${name}`);
}

function makeDurable({ changes }: PendingChange): void {
  for (const { directory, name, node } of changes) {
    if (node === undefined) directory.durable.delete(name);
    else directory.durable.set(name, node);
  }
}

function replaceAll<K, V>(target: Map<K, V>, source: ReadonlyMap<K, V>): void {
  target.clear();
  for (const [key, value] of source) target.set(key, value);
}

function* walk(
  directory: DirectoryNode,
  path: string,
  tree: 'entries' | 'durable',
): Generator<{ path: string; node: Node }> {
  yield { path, node: directory };
  for (const [name, node] of directory[tree]) {
    if (node instanceof DirectoryNode) yield* walk(node, `${path}/${name}`, tree);
    else yield { path: `${path}/${name}`, node };
  }
}
