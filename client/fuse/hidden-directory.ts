/**
 * Where a mount keeps what has no name: files that were removed while a program has them open, and new contents that are not in place yet. It is a
 * directory of its own below `/.dfs-mounts`, which mounts do not show.
 *
 * A mount that was killed leaves its directory behind. Each one holds a file `alive` that its mount has open for writing as long as it lives, so
 * the NameNode's lease tells the others who has died: after 60 s they may take the file over, and remove the directory.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.js';
import { isDfsError, messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { FileSystem } from '../file-system.js';
import type { FileWriter } from '../file-writer.js';
import type { FileStatus } from '../types.js';

export const HIDDEN_NAME = '.dfs-mounts';
const HIDDEN_PATH = `/${HIDDEN_NAME}`;

/** A directory without the file `alive` belongs to a mount that is just making it, unless it is as old as this. */
const YOUNG_MS = 600_000;

export class HiddenDirectory {
  readonly #fs: FileSystem;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #path = `${HIDDEN_PATH}/${randomUUID()}`;
  #made: Promise<FileWriter> | undefined;
  #names = 0;

  constructor(fs: FileSystem, logger: Logger, clock: Clock) {
    this.#fs = fs;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A path that nothing has. The directory is made when it is first needed. */
  async newPath(): Promise<string> {
    this.#made ??= this.#make();
    try {
      await this.#made;
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
    return `${this.#path}/${++this.#names}`;
  }

  async close(): Promise<void> {
    if (this.#made === undefined) return;
    try {
      await (await this.#made).close();
      await this.#fs.delete(this.#path, { recursive: true });
    } catch (error) {
      this.#logger.warn({ path: this.#path, reason: messageOf(error) }, 'could not remove the directory of this mount');
    }
  }

  /** Removes what mounts have left behind that were killed. Never fails: what cannot be removed now is removed by a later mount. */
  async removeAbandoned(): Promise<void> {
    try {
      for await (const status of this.#fs.list(HIDDEN_PATH)) {
        if (status.path !== this.#path) await this.#removeIfAbandoned(status);
      }
    } catch (error) {
      if (isDfsError(error, 'FileNotFound')) return;
      this.#logger.warn({ reason: messageOf(error) }, 'could not look for what killed mounts have left behind');
    }
  }

  async #removeIfAbandoned({ path, modificationTimeMs }: FileStatus): Promise<void> {
    try {
      const writer = await this.#fs.append(`${path}/alive`);
      await writer.close();
    } catch (error) {
      // AlreadyBeingCreated: its mount lives.
      if (!isDfsError(error, 'FileNotFound') || this.#clock.now() - modificationTimeMs < YOUNG_MS) return;
    }
    await this.#fs.delete(path, { recursive: true });
    this.#logger.info({ path }, 'removed what a killed mount had left behind');
  }

  async #make(): Promise<FileWriter> {
    await this.#fs.mkdir(this.#path, { mode: 0o700, parents: true });
    return await this.#fs.create(`${this.#path}/alive`, { replication: 1, createParent: false });
  }
}
