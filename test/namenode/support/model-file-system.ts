/**
 * The namespace as it should be, in a few lines: a tree of objects without storage, ids or batches. The real one is compared with it
 * under random operations (test/namenode/namesystem-model.test.ts), down to the names of errors.
 */
import type { ErrorName } from '../../../common/errors.js';

export class ModelError extends Error {
  readonly errorName: ErrorName;

  constructor(errorName: ErrorName) {
    super(errorName);
    this.errorName = errorName;
  }
}

export interface ModelUser {
  readonly user: string;
  readonly groups: readonly string[];
  readonly superuser: boolean;
}

interface Attributes {
  mode: number;
  owner: string;
  group: string;
  mtimeMs: number;
  parent: Directory | undefined;
}

export interface ModelQuota {
  readonly names: number | undefined;
  readonly space: number | undefined;
}

interface Directory extends Attributes {
  readonly kind: 'directory';
  readonly entries: Map<string, Node>;
  quota: ModelQuota;
}

/** Of a directory with all below it. */
export interface ModelUsage {
  readonly names: number;
  readonly space: number;
}

interface ModelBlock {
  length: number;
  /** Being written, or recovered. */
  open: boolean;
  recovering?: 'writer vanished' | 'truncated' | undefined;
}

export interface File extends Attributes {
  readonly kind: 'file';
  replication: number;
  readonly blockSize: number;
  readonly blocks: ModelBlock[];
  holder: string | undefined;
  /** Counts how often it was opened for writing. */
  openings: number;
}

/** Who writes to a file: the name that leases are held under, and which of its openings it is, if the writer tells. */
export interface ModelWriter {
  readonly holder: string;
  readonly opening: number | undefined;
}

type Node = Directory | File;

/** Who holds a file whose last block is being recovered. */
const RECOVERY = 'HDFS_NameNode';
const READ = 4;
const WRITE = 2;
const EXECUTE = 1;

export class ModelFileSystem {
  readonly root: Directory;

  constructor(nowMs: number) {
    this.root = newDirectory('root', 'supergroup', 0o755, nowMs, undefined);
  }

  setQuota(as: ModelUser, path: string, quota: ModelQuota): void {
    if (!as.superuser) throw new ModelError('AccessControl');
    const node = this.#existing(as, path);
    if (node.kind === 'file') throw new ModelError('NotADirectory');
    node.quota = quota;
  }

  /** What `change` gives, unless a directory grows by it beyond its quota: then nothing has changed. */
  withinQuotas(change: () => unknown): unknown {
    const before = new Map(this.#directories().map(({ node }) => [node, usageOf(node)]));
    const undo = this.#snapshot();
    const answer = change();
    for (const { node } of this.#directories().sort((a, b) => b.depth - a.depth)) {
      const error = quotaProblem(node.quota, before.get(node), usageOf(node));
      if (error === undefined) continue;
      undo();
      throw new ModelError(error);
    }
    return answer;
  }

  /** Of every directory, by path. */
  usages(): Map<string, ModelUsage> {
    return new Map(this.#directories().map(({ path, node }) => [path, usageOf(node)]));
  }

  #directories(): { path: string; depth: number; node: Directory }[] {
    const found: { path: string; depth: number; node: Directory }[] = [];
    const visit = (path: string, depth: number, node: Node): void => {
      if (node.kind === 'file') return;
      found.push({ path: path || '/', depth, node });
      for (const [name, entry] of node.entries) visit(`${path}/${name}`, depth + 1, entry);
    };
    visit('', 0, this.root);
    return found;
  }

  /** Puts everything back as it is now. */
  #snapshot(): () => void {
    const undos: (() => void)[] = [];
    const visit = (node: Node): void => {
      const { mode, owner, group, mtimeMs, parent } = node;
      undos.push(() => Object.assign(node, { mode, owner, group, mtimeMs, parent }));
      if (node.kind === 'file') {
        const { replication, holder, openings } = node;
        const blocks = node.blocks.map((block) => ({ block, copy: { recovering: undefined, ...block } }));
        undos.push(() => {
          Object.assign(node, { replication, holder, openings });
          node.blocks.splice(0, node.blocks.length, ...blocks.map(({ block, copy }) => Object.assign(block, copy)));
        });
        return;
      }
      const entries = [...node.entries];
      undos.push(() => {
        node.entries.clear();
        for (const [name, entry] of entries) node.entries.set(name, entry);
      });
      for (const [, entry] of entries) visit(entry);
    };
    visit(this.root);
    return () => {
      for (const undo of undos) undo();
    };
  }

  mkdirs(as: ModelUser, path: string, mode: number, createParent: boolean, exclusive: boolean, nowMs: number): void {
    const at = this.#find(as, path);
    if (at.node !== undefined) {
      if (at.node.kind === 'file' || exclusive) throw new ModelError('FileAlreadyExists');
      return;
    }
    this.#makeParents(as, at, createParent, mode | 0o300, nowMs);
    const parent = at.parent as Directory;
    add(parent, at.name, newDirectory(as.user, parent.group, mode, nowMs, parent), nowMs);
  }

  create(
    as: ModelUser,
    path: string,
    {
      holder,
      mode,
      overwrite,
      createParent,
    }: { holder: string; mode: number; overwrite: boolean; createParent: boolean },
    nowMs: number,
  ): File {
    const at = this.#find(as, path);
    if (at.node?.kind === 'directory') throw new ModelError('FileAlreadyExists');
    if (at.node !== undefined) {
      if (!overwrite) throw new ModelError(at.node.holder === undefined ? 'FileAlreadyExists' : 'AlreadyBeingCreated');
      need(as, at.node, WRITE);
    }
    this.#makeParents(as, at, createParent, mode | ((mode & 0o444) >> 2) | 0o300, nowMs);
    const parent = at.parent as Directory;
    if (at.node !== undefined) remove(parent, at.name, nowMs);
    const { group } = parent;
    const attributes = { mode, owner: as.user, group, mtimeMs: nowMs, parent };
    const file: File = {
      kind: 'file',
      ...attributes,
      replication: 3,
      blockSize: 1000,
      blocks: [],
      holder,
      openings: 1,
    };
    add(parent, at.name, file, nowMs);
    return file;
  }

  /** @returns the file, and whether its last block is to be filled up. */
  append(as: ModelUser, path: string, holder: string): { file: File; reopened: boolean } {
    const file = this.#existing(as, path);
    if (file.kind === 'directory') throw new ModelError('IsADirectory');
    need(as, file, WRITE);
    if (file.holder !== undefined) throw new ModelError('AlreadyBeingCreated');
    file.holder = holder;
    file.openings++;
    const last = file.blocks.at(-1);
    const reopened = last !== undefined && last.length < file.blockSize;
    if (reopened) last.open = true;
    return { file, reopened };
  }

  /**
   * `known`: how many blocks the writer knows of; `length`: that of the last of them, which it says is finished now.
   * @returns how many blocks it knows of afterwards.
   */
  addBlock(file: File, writer: ModelWriter, known: number, length: number): number {
    this.#writable(file, writer);
    const last = file.blocks.at(-1);
    const isRepeat = last?.open === true && last.length === 0 && known === file.blocks.length - 1;
    if (!isRepeat) {
      const beginsAnew = known === 0 && last?.open !== true;
      if (!beginsAnew && known !== file.blocks.length) throw new ModelError('InvalidArgument');
      finish(file, length);
      file.blocks.push({ length: 0, open: true });
    }
    return file.blocks.length;
  }

  close(file: File, writer: ModelWriter, known: number, length: number, nowMs: number): void {
    const last = file.blocks.at(-1);
    const sameEnd = known === file.blocks.length && (last === undefined || last.length === length);
    if (this.isAttached(file) && file.holder === undefined && sameEnd) return;
    this.#writable(file, writer);
    const namesNone = known === 0 && last?.open !== true;
    if (!namesNone && known !== file.blocks.length) throw new ModelError('InvalidArgument');
    if (!namesNone && last?.open !== true && !sameEnd) throw new ModelError('InvalidArgument');
    finish(file, length);
    file.holder = undefined;
    file.mtimeMs = nowMs;
  }

  /** Closes a file whose last block was not written. */
  closeUnwritten(file: File, writer: ModelWriter, known: number, nowMs: number): void {
    if (this.isAttached(file) && file.holder === undefined && file.blocks.length === 0) return;
    this.#writable(file, writer);
    const last = file.blocks.at(-1);
    if (last !== undefined) {
      if (!last.open || known !== file.blocks.length || last.length > 0) throw new ModelError('InvalidArgument');
      file.blocks.pop();
    }
    file.holder = undefined;
    file.mtimeMs = nowMs;
  }

  fsync(file: File, writer: ModelWriter, known: number, length: number): void {
    this.#writable(file, writer);
    const last = file.blocks.at(-1);
    if (last?.open !== true || known !== file.blocks.length) throw new ModelError('InvalidArgument');
    if (length > last.length) last.length = length;
  }

  recoverLease(as: ModelUser, path: string, nowMs: number): boolean {
    const file = this.#file(as, path);
    need(as, file, WRITE);
    if (file.holder === undefined) return true;
    const last = file.blocks.at(-1);
    if (last?.open !== true) {
      file.holder = undefined;
      file.mtimeMs = nowMs;
      return true;
    }
    last.recovering ??= 'writer vanished';
    file.holder = RECOVERY;
    return false;
  }

  /** The DataNodes have recovered the last block; `length` 0: none of them has anything of it. */
  finishRecovery(file: File, length: number, nowMs: number): void {
    const last = file.blocks.at(-1);
    if (!this.isAttached(file) || last?.recovering === undefined) return;
    if (last.recovering === 'truncated' && length !== last.length) throw new ModelError('InvalidArgument');
    if (length === 0) file.blocks.pop();
    else Object.assign(last, { length, open: false, recovering: undefined });
    file.holder = undefined;
    file.mtimeMs = nowMs;
  }

  truncate(as: ModelUser, path: string, newLength: number, nowMs: number): boolean {
    const file = this.#file(as, path);
    need(as, file, WRITE);
    const length = lengthOf(file);
    if (file.blocks.at(-1)?.recovering === 'truncated' && length === newLength) return false;
    if (file.holder !== undefined) throw new ModelError('AlreadyBeingCreated');
    if (length === newLength) return true;
    if (length < newLength) throw new ModelError('InvalidArgument');
    let start = length;
    while (start > newLength) {
      const last = file.blocks.at(-1) as ModelBlock;
      start -= last.length;
      if (start >= newLength) file.blocks.pop();
      else Object.assign(last, { length: newLength - start, open: true, recovering: 'truncated' });
    }
    file.mtimeMs = nowMs;
    if (start === newLength) {
      dropEmptyEnd(file);
      return true;
    }
    file.holder = RECOVERY;
    return false;
  }

  concat(as: ModelUser, target: string, sources: readonly string[], nowMs: number): void {
    const file = this.#file(as, target);
    need(as, file, WRITE);
    if (file.holder !== undefined) throw new ModelError('InvalidArgument');
    const found = sources.map((path) => {
      const source = this.#file(as, path);
      const { parent } = source;
      need(as, source, READ);
      need(as, parent as Directory, WRITE);
      needNotSticky(as, parent as Directory, source);
      if (source === file || source.holder !== undefined || lengthOf(source) === 0)
        throw new ModelError('InvalidArgument');
      if (source.replication > file.replication) throw new ModelError('InvalidArgument');
      return { source, parent: parent as Directory, name: path.slice(path.lastIndexOf('/') + 1) };
    });
    if (new Set(found.map(({ source }) => source)).size < found.length) throw new ModelError('InvalidArgument');
    for (const { source, parent, name } of found) {
      file.blocks.push(...source.blocks);
      remove(parent, name, nowMs);
    }
    file.mtimeMs = nowMs;
  }

  rename(as: ModelUser, from: string, to: string, overwrite: boolean, exact: boolean, nowMs: number): void {
    const source = this.#find(as, from);
    if (from === '/') throw new ModelError('InvalidPath');
    const moved = source.node;
    if (moved === undefined) throw new ModelError('FileNotFound');
    if (exact && from === to) return;
    if (to.startsWith(`${from}/`)) throw new ModelError('InvalidPath');
    let target = to;
    const given = this.#find(as, to);
    if (!exact && given.node?.kind === 'directory' && given.node !== moved) {
      target = to === '/' ? `/${source.name}` : `${to}/${source.name}`;
    }
    const destination = this.#find(as, target);
    if (target === '/') throw new ModelError('InvalidPath');
    const inTheWay = destination.node;
    if (destination.parent === undefined) throw new ModelError('FileNotFound');
    if (inTheWay === moved) throw new ModelError('FileAlreadyExists');
    const sourceParent = moved.parent as Directory;
    need(as, sourceParent, WRITE);
    needNotSticky(as, sourceParent, moved);
    need(as, destination.parent, WRITE);
    if (inTheWay !== undefined) {
      if (!overwrite) throw new ModelError('FileAlreadyExists');
      if (moved.kind === 'directory' && inTheWay.kind === 'file') throw new ModelError('NotADirectory');
      if (moved.kind === 'file' && inTheWay.kind === 'directory') throw new ModelError('IsADirectory');
      if (inTheWay.kind === 'directory' && inTheWay.entries.size > 0) throw new ModelError('PathIsNotEmptyDirectory');
      needNotSticky(as, destination.parent, inTheWay);
      remove(destination.parent, destination.name, nowMs);
    }
    remove(sourceParent, source.name, nowMs);
    moved.parent = destination.parent;
    add(destination.parent, destination.name, moved, nowMs);
  }

  delete(as: ModelUser, path: string, recursive: boolean, nowMs: number): boolean {
    if (path === '/') throw new ModelError('InvalidPath');
    const at = this.#find(as, path);
    if (recursive && at.node !== undefined) needAll(as, at.node);
    if (at.node === undefined || at.parent === undefined) return false;
    if (at.node.kind === 'directory' && at.node.entries.size > 0 && !recursive) {
      throw new ModelError('PathIsNotEmptyDirectory');
    }
    need(as, at.parent, WRITE);
    needNotSticky(as, at.parent, at.node);
    remove(at.parent, at.name, nowMs);
    return true;
  }

  setReplication(as: ModelUser, path: string, replication: number): boolean {
    const node = this.#existing(as, path);
    need(as, node, WRITE);
    if (node.kind === 'directory') return false;
    node.replication = replication;
    return true;
  }

  setPermission(as: ModelUser, path: string, mode: number): void {
    const node = this.#existing(as, path);
    needOwner(as, node);
    node.mode = mode;
  }

  setOwner(as: ModelUser, path: string, owner: string | undefined, group: string | undefined): void {
    const node = this.#existing(as, path);
    needOwner(as, node);
    if (!as.superuser && owner !== undefined && owner !== as.user) throw new ModelError('NotOwner');
    if (!as.superuser && group !== undefined && !as.groups.includes(group)) throw new ModelError('NotOwner');
    node.owner = owner ?? node.owner;
    node.group = group ?? node.group;
  }

  setAttributes(
    as: ModelUser,
    path: string,
    wanted: { mode: number | undefined; owner: string | undefined; mtimeMs: number | undefined },
  ): void {
    const { mode, owner, mtimeMs } = wanted;
    const node = this.#existing(as, path);
    if (mode !== undefined || owner !== undefined) needOwner(as, node);
    if (!as.superuser && owner !== undefined && owner !== as.user) throw new ModelError('NotOwner');
    if (mtimeMs !== undefined) need(as, node, WRITE);
    node.mode = mode ?? node.mode;
    node.owner = owner ?? node.owner;
    node.mtimeMs = mtimeMs ?? node.mtimeMs;
  }

  list(as: ModelUser, path: string): string[] {
    const node = this.#existing(as, path);
    if (node.kind === 'file') return [path.slice(path.lastIndexOf('/') + 1)];
    need(as, node, READ | EXECUTE);
    return [...node.entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  summary(
    as: ModelUser,
    path: string,
    withQuota: boolean,
  ): { length: number; fileCount: number; directoryCount: number; spaceConsumed: number; quota: unknown } {
    const sum = { length: 0, fileCount: 0, directoryCount: 0, spaceConsumed: 0 };
    const visit = (node: Node): void => {
      if (node.kind === 'file') {
        const length = lengthOf(node);
        sum.fileCount++;
        sum.length += length;
        sum.spaceConsumed += length * node.replication;
        return;
      }
      need(as, node, READ | EXECUTE);
      sum.directoryCount++;
      for (const name of [...node.entries.keys()].sort()) visit(node.entries.get(name) as Node);
    };
    const top = this.#existing(as, path);
    visit(top);
    if (!withQuota || top.kind === 'file' || (top.quota.names === undefined && top.quota.space === undefined))
      return { ...sum, quota: undefined };
    return { ...sum, quota: { quota: top.quota, used: usageOf(top) } };
  }

  stat(as: ModelUser, path: string): Description | undefined {
    const { node } = this.#find(as, path);
    return node === undefined ? undefined : describe(node);
  }

  /** Every path with what stands there. */
  tree(): Map<string, Description> {
    const all = new Map<string, Description>();
    const visit = (path: string, node: Node): void => {
      all.set(path, describe(node));
      if (node.kind === 'file') return;
      for (const [name, entry] of node.entries) visit(path === '/' ? `/${name}` : `${path}/${name}`, entry);
    };
    visit('/', this.root);
    return all;
  }

  /** Whether the file can still be reached from the root. */
  isAttached(file: File): boolean {
    for (let node: Node = file; ; ) {
      if (node === this.root) return true;
      const { parent }: { parent: Directory | undefined } = node;
      if (parent === undefined || ![...parent.entries.values()].includes(node)) return false;
      node = parent;
    }
  }

  #writable(file: File, { holder, opening = file.openings }: ModelWriter): void {
    if (!this.isAttached(file)) throw new ModelError('FileNotFound');
    if (file.holder !== holder || file.openings !== opening) throw new ModelError('LeaseExpired');
  }

  #existing(as: ModelUser, path: string): Node {
    const { node } = this.#find(as, path);
    if (node === undefined) throw new ModelError('FileNotFound');
    return node;
  }

  #file(as: ModelUser, path: string): File {
    const node = this.#existing(as, path);
    if (node.kind === 'directory') throw new ModelError('IsADirectory');
    return node;
  }

  #find(as: ModelUser, path: string): Found {
    const names = path === '/' ? [] : path.slice(1).split('/');
    const name = names.at(-1) ?? '';
    let node: Node = this.root;
    let parent: Directory | undefined;
    for (const [i, component] of names.entries()) {
      if (node.kind === 'file') throw new ModelError('ParentNotDirectory');
      need(as, node, EXECUTE);
      parent = node;
      const next = node.entries.get(component);
      if (next === undefined) {
        const isLast = i === names.length - 1;
        return { node: undefined, parent: isLast ? node : undefined, name, missing: names.slice(i, -1), deepest: node };
      }
      node = next;
    }
    return { node, parent, name, missing: [], deepest: parent ?? this.root };
  }

  #makeParents(as: ModelUser, at: Found, createParent: boolean, mode: number, nowMs: number): void {
    if (at.missing.length > 0 && !createParent) throw new ModelError('FileNotFound');
    need(as, at.deepest, WRITE);
    let parent = at.deepest;
    for (const name of at.missing) {
      const made = newDirectory(as.user, parent.group, mode, nowMs, parent);
      add(parent, name, made, nowMs);
      parent = made;
    }
    at.parent = parent;
  }
}

/** How far a path leads. */
interface Found {
  readonly node: Node | undefined;
  /** The directory that holds, or would hold, the last component; undefined while it is missing. */
  parent: Directory | undefined;
  readonly name: string;
  /** Names of missing parents. */
  readonly missing: string[];
  /** The last directory that exists. */
  readonly deepest: Directory;
}

/** What is compared of one inode. */
export interface Description {
  readonly kind: 'directory' | 'file';
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly mtimeMs: number;
  readonly children: number;
  readonly replication: number;
  readonly length: number;
  readonly holder: string | null;
}

function describe(node: Node): Description {
  const { kind, mode, owner, group, mtimeMs } = node;
  const common = { kind, mode, owner, group, mtimeMs };
  return node.kind === 'directory'
    ? { ...common, children: node.entries.size, replication: 0, length: 0, holder: null }
    : { ...common, children: 0, replication: node.replication, length: lengthOf(node), holder: node.holder ?? null };
}

function newDirectory(
  owner: string,
  group: string,
  mode: number,
  mtimeMs: number,
  parent: Directory | undefined,
): Directory {
  const quota = { names: undefined, space: undefined };
  return { kind: 'directory', owner, group, mode, mtimeMs, parent, entries: new Map(), quota };
}

function add(parent: Directory, name: string, node: Node, nowMs: number): void {
  parent.entries.set(name, node);
  parent.mtimeMs = nowMs;
}

function remove(parent: Directory, name: string, nowMs: number): void {
  parent.entries.delete(name);
  parent.mtimeMs = nowMs;
}

/** The writer says how long its last block has become. */
function finish(file: File, length: number): void {
  const last = file.blocks.at(-1);
  if (last?.open !== true) return;
  if (length < last.length) throw new ModelError('InvalidArgument');
  last.length = length;
  last.open = false;
}

/** Counted from nothing: a block that is being written takes as much as it may come to take. */
function usageOf(node: Node): ModelUsage {
  if (node.kind === 'file') {
    const bytes = node.blocks.reduce((sum, { length, open }) => sum + (open ? node.blockSize : length), 0);
    return { names: 1, space: bytes * node.replication };
  }
  let [names, space] = [1, 0];
  for (const entry of node.entries.values()) {
    const below = usageOf(entry);
    names += below.names;
    space += below.space;
  }
  return { names, space };
}

function quotaProblem(
  quota: ModelQuota,
  before: ModelUsage = { names: 0, space: 0 },
  after: ModelUsage,
): ErrorName | undefined {
  if (quota.names !== undefined && after.names > Math.max(before.names, quota.names)) return 'NSQuotaExceeded';
  if (quota.space !== undefined && after.space > Math.max(before.space, quota.space)) return 'DSQuotaExceeded';
  return undefined;
}

function lengthOf(file: File): number {
  return file.blocks.reduce((sum, { length }) => sum + length, 0);
}

function need(as: ModelUser, node: Node, access: number): void {
  if (as.superuser) return;
  const shift = as.user === node.owner ? 6 : as.groups.includes(node.group) ? 3 : 0;
  if (((node.mode >> shift) & access) !== access) throw new ModelError('AccessControl');
}

function needAll(as: ModelUser, node: Node): void {
  if (node.kind === 'file' || node.entries.size === 0) return;
  need(as, node, READ | WRITE | EXECUTE);
  for (const entry of node.entries.values()) needAll(as, entry);
}

function needNotSticky(as: ModelUser, parent: Directory, node: Node): void {
  if (as.superuser || (parent.mode & 0o1000) === 0) return;
  if (as.user !== parent.owner && as.user !== node.owner) throw new ModelError('AccessControl');
}

function needOwner(as: ModelUser, node: Node): void {
  if (!as.superuser && as.user !== node.owner) throw new ModelError('NotOwner');
}

/** A cut at a block's boundary leaves no blocks without bytes behind it. */
function dropEmptyEnd(file: File): void {
  while (file.blocks.at(-1)?.length === 0) file.blocks.pop();
}
