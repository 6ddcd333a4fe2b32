import type { Disk } from '../../common/disk.js';

/**
 * Makes changes of directories durable, for many at once: whoever asks while a sync of the same directory is under way
 * shares the next one with all others that ask meanwhile. (A sync that has begun may have missed the asker's change.)
 */
export class DirectorySync {
  readonly #disk: Disk;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Resolves once all changes that were made in the directory before this call are on stable storage. */
  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    const shared = this.#next.get(path) ?? this.#startAfter(running, path);
    this.#next.set(path, shared);
    return shared;
  }

  async #startAfter(running: Promise<void>, path: string): Promise<void> {
    await running.catch(() => {});
    this.#next.delete(path);
    return this.#start(path);
  }

  #start(path: string): Promise<void> {
    const sync = this.#disk.syncDirectory(path).finally(() => this.#running.delete(path));
    this.#running.set(path, sync);
    return sync;
  }
}
