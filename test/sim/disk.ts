/**
 * The disk (common/disk.ts) of one simulated machine: operations take virtual time, run side by side, and fail as they do on a
 * worn, full or slow disk. The machine keeps it over restarts and crashes of its processes.
 */
import {
  type Disk,
  type DiskEntry,
  type DiskFile,
  type DiskSpace,
  type OpenMode,
  type WholeFile,
  writeOneByOne,
} from '../../common/disk.js';
import type { Random } from '../../common/random.js';
import { type DamageKind, DiskImage, type FileHandle, type ImageFile, osError } from './disk-image.js';
import type { FaultCounters } from './fault-counters.js';
import type { Life } from './life.js';
import type { Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';

/** What is wrong with a disk; may be changed while it runs. Rates are per operation. */
export interface DiskCondition {
  capacityBytes: number;
  readErrorRate: number;
  writeErrorRate: number;
  syncErrorRate: number;
  /** Operations take so many times as long. */
  slowness: number;
}

export function healthyDisk(capacityBytes: number): DiskCondition {
  return { capacityBytes, readErrorRate: 0, writeErrorRate: 0, syncErrorRate: 0, slowness: 1 };
}

/** `kill`: the process ends, and the kernel keeps what it was given. `power cut`: what was not synced may be lost. */
export type CrashKind = 'kill' | 'power cut';

export interface SimulatedDiskOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly faults: FaultCounters;
  readonly condition: DiskCondition;
}

type Operation = 'look' | 'read' | 'write' | 'sync';

/** Typical time of an operation; each takes between half and three halves of it. */
const DURATION_MS: Record<Operation, number> = { look: 0.02, read: 0.1, write: 0.05, sync: 0.6 };

/** What is to happen in the middle of the next operation of a kind; of a sync: of a file that has so many sectors to be written at least. */
interface Awaited {
  readonly operation: 'write' | 'sync';
  readonly sectorsMin: number;
  readonly isMeant: (path: string) => boolean;
  readonly action: () => void;
}

/** An operation whose outcome a crash decides. */
interface Running {
  readonly halfDone: () => void;
}

export class SimulatedDisk {
  readonly condition: DiskCondition;
  readonly #options: SimulatedDiskOptions;
  readonly #image = new DiskImage();
  readonly #running = new Set<Running>();
  readonly #awaited: Awaited[] = [];
  #isToTear = false;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
    this.condition = options.condition;
  }

  /** The disk as one life of a process sees it. */
  attach(life: Life): Disk {
    return new AttachedDisk(this, life);
  }

  get openFiles(): number {
    return this.#image.openFiles;
  }

  get usedBytes(): number {
    return this.#image.usedBytes;
  }

  files(): Iterable<ImageFile> {
    return this.#image.files();
  }

  durableFiles(): Iterable<ImageFile> {
    return this.#image.durableFiles();
  }

  /** Ends everything that is under way, each operation in a random state of completion. Lives attached before must have ended. */
  crash(kind: CrashKind): void {
    const { random, trace, faults } = this.#options;
    trace.note('disk crash', kind);
    if (!this.#isToTear) for (const { halfDone } of this.#running) halfDone();
    this.#running.clear();
    this.#image.closeAll();
    if (kind === 'kill') return;
    faults.count('disk: un-synced writes at stake in a power cut');
    const torn = this.#image.crash(random, this.#isToTear);
    this.#isToTear = false;
    if (torn > 0) faults.count('disk: un-synced write of which a power cut kept some sectors only', torn);
  }

  /** The directory that a disk is mounted at is there from the beginning. */
  makeMountPoint(path: string): void {
    this.#image.makeDirectory(path);
    this.#image.settle();
  }

  /** Everything written so far is on the disk, as after a long while. */
  settle(): void {
    this.#image.settle();
  }

  /** Calls `action` while something is being written, or, of so many sectors at least, is on its way to the disk; `isMeant` says of which file. */
  duringNext(
    operation: 'write' | 'sync',
    action: () => void,
    { sectorsMin = 0, isMeant = () => true }: Partial<Pick<Awaited, 'sectorsMin' | 'isMeant'>> = {},
  ): void {
    this.#awaited.push({ operation, action, sectorsMin, isMeant });
  }

  /** The next power cut keeps some sectors of what is not synced, and loses others. */
  tearAtPowerCut(): void {
    this.#isToTear = true;
  }

  /** Takes files away, as the repair of a file system does, for good. Nothing must be open. */
  lose(paths: readonly string[]): void {
    for (const path of paths) this.#image.remove(path);
    this.#image.settle();
  }

  damage(path: string, kind: DamageKind): boolean {
    const { random, trace, faults } = this.#options;
    if (!this.#image.damage(path, kind, random)) return false;
    trace.note(`damage ${kind}`, path);
    faults.count(`disk: ${kind}`);
    return true;
  }

  /** For {@link AttachedDisk}: `effect` happens after a while, or throws. `halfDone`: what a crash in the middle makes of it. */
  perform<T>(
    life: Life,
    operation: Operation,
    path: string,
    effect: (image: DiskImage) => T,
    halfDone: (image: DiskImage) => void = () => {},
    unsyncedSectors = 0,
  ): Promise<T> {
    const { scheduler, random, trace } = this.#options;
    const running: Running = { halfDone: () => random.int(2) === 0 && attempt(() => halfDone(this.#image)) };
    return life.promise((resolve, reject) => {
      if (!life.alive) return;
      this.#running.add(running);
      const durationMs = DURATION_MS[operation] * (0.5 + random.fraction()) * this.condition.slowness;
      for (const awaited of this.#awaited.filter((one) => one.operation === operation)) {
        if (awaited.sectorsMin > unsyncedSectors || !awaited.isMeant(path)) continue;
        this.#awaited.splice(this.#awaited.indexOf(awaited), 1);
        scheduler.after(durationMs / 2, `during a ${operation}`, awaited.action);
      }
      scheduler.after(durationMs, `disk ${life.name}`, () => {
        if (!this.#running.delete(running)) return;
        trace.note(operation, path);
        try {
          this.#mayFail(operation, path);
          resolve(effect(this.#image));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** @throws ENOSPC, once part of the bytes is written. */
  write(image: DiskImage, handle: FileHandle, buffers: readonly Uint8Array[], position: number): void {
    const { random, faults } = this.#options;
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    const growth = Math.max(0, position + length - handle.image.size);
    const missing = image.usedBytes + growth - this.condition.capacityBytes;
    const fitting = missing <= 0 ? length : Math.max(0, length - missing);
    writeFirst(image, handle, buffers, position, missing <= 0 ? length : random.int(fitting + 1));
    if (missing <= 0) return;
    faults.count('disk: ENOSPC');
    throw osError('ENOSPC', 'write', handle.path);
  }

  sync(handle: FileHandle): void {
    const { random, faults } = this.#options;
    if (random.fraction() >= this.condition.syncErrorRate) {
      handle.image.sync();
      return;
    }
    handle.image.failSync(random);
    faults.count('disk: EIO on sync');
    throw osError('EIO', 'fdatasync', handle.path);
  }

  syncDirectory(image: DiskImage, path: string): void {
    const { random, faults } = this.#options;
    if (random.fraction() < this.condition.syncErrorRate) {
      faults.count('disk: EIO on sync');
      throw osError('EIO', 'fsync', path);
    }
    image.syncDirectory(path);
  }

  /** How much of a write a crash in its middle leaves. */
  tear(image: DiskImage, handle: FileHandle, buffers: readonly Uint8Array[], position: number): void {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    this.#options.faults.count('disk: write torn by a crash');
    writeFirst(image, handle, buffers, position, this.#options.random.int(length + 1));
  }

  #mayFail(operation: Operation, path: string): void {
    const { random, faults } = this.#options;
    const { readErrorRate, writeErrorRate } = this.condition;
    const rate = operation === 'read' ? readErrorRate : operation === 'write' ? writeErrorRate : 0;
    if (rate === 0 || random.fraction() >= rate) return;
    faults.count(`disk: EIO on ${operation}`);
    throw osError('EIO', operation, path);
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // It would have failed anyway.
  }
}

/** Writes the first `length` bytes of `buffers`. */
function writeFirst(
  image: DiskImage,
  handle: FileHandle,
  buffers: readonly Uint8Array[],
  position: number,
  length: number,
): void {
  let done = 0;
  for (const buffer of buffers) {
    const part = buffer.subarray(0, Math.max(0, length - done));
    image.write(handle, part, position + done);
    done += part.length;
  }
}

class AttachedDisk implements Disk {
  readonly #disk: SimulatedDisk;
  readonly #life: Life;

  constructor(disk: SimulatedDisk, life: Life) {
    this.#disk = disk;
    this.#life = life;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const operation = mode === 'create' ? 'write' : 'look';
    const handle = await this.#perform(operation, path, (image) => image.open(path, mode), mode === 'create');
    return new AttachedFile(this.#disk, this.#life, handle);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#perform('write', path, (image) => image.makeDirectory(path), true);
  }

  setMode(path: string): Promise<void> {
    return this.#perform('look', path, () => {});
  }

  rename(from: string, to: string): Promise<void> {
    return this.#perform('write', from, (image) => image.rename(from, to), true);
  }

  remove(path: string): Promise<void> {
    return this.#perform('write', path, (image) => image.remove(path), true);
  }

  list(path: string): Promise<DiskEntry[]> {
    return this.#perform('look', path, (image) => image.list(path));
  }

  fileSize(path: string): Promise<number | undefined> {
    return this.#perform('look', path, (image) => image.fileSize(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#perform('sync', path, (image) => this.#disk.syncDirectory(image, path), true);
  }

  space(path: string): Promise<DiskSpace> {
    return this.#perform('look', path, (image) => {
      const { capacityBytes } = this.#disk.condition;
      return { capacityBytes, availableBytes: Math.max(0, capacityBytes - image.usedBytes) };
    });
  }

  writeWholeFiles(files: readonly WholeFile[]): Promise<void> {
    return writeOneByOne(this, files);
  }

  #perform<T>(
    operation: Operation,
    path: string,
    effect: (image: DiskImage) => T,
    mayOutliveCrash = false,
  ): Promise<T> {
    return this.#disk.perform(
      this.#life,
      operation,
      path,
      effect,
      mayOutliveCrash ? (image) => void effect(image) : undefined,
    );
  }
}

class AttachedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #life: Life;
  readonly #handle: FileHandle;

  constructor(disk: SimulatedDisk, life: Life, handle: FileHandle) {
    this.#disk = disk;
    this.#life = life;
    this.#handle = handle;
  }

  get path(): string {
    return this.#handle.path;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#perform('read', () => this.#handle.image.read(target, position));
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const effect = (image: DiskImage): void => {
      if (!this.#handle.writable) throw osError('EBADF', 'write', this.path);
      this.#disk.write(image, this.#handle, buffers, position);
    };
    return this.#perform('write', effect, (image) => this.#disk.tear(image, this.#handle, buffers, position));
  }

  sync(): Promise<void> {
    return this.#perform(
      'sync',
      () => this.#disk.sync(this.#handle),
      () => this.#handle.image.sync(),
      this.#handle.image.unsyncedSectors,
    );
  }

  truncate(length: number): Promise<void> {
    const effect = (image: DiskImage): void => {
      if (!this.#handle.writable) throw osError('EINVAL', 'ftruncate', this.path);
      image.truncate(this.#handle, length);
    };
    return this.#perform('write', effect, effect);
  }

  size(): Promise<number> {
    return this.#perform('look', () => this.#handle.image.size);
  }

  identity(): Promise<string> {
    return this.#perform('look', () => this.path);
  }

  close(): Promise<void> {
    return this.#perform('look', () => this.#handle.close());
  }

  #perform<T>(
    operation: Operation,
    effect: (image: DiskImage) => T,
    halfDone?: (image: DiskImage) => void,
    unsyncedSectors?: number,
  ): Promise<T> {
    const whileOpen = (image: DiskImage): T => {
      if (this.#handle.closed) throw osError('EBADF', operation, this.path);
      return effect(image);
    };
    return this.#disk.perform(this.#life, operation, this.path, whileOpen, halfDone, unsyncedSectors);
  }
}
