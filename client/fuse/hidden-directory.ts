/**
 * Where a mount keeps what has no name: files that were removed while a program has them open, and new contents that are not in place yet. It is a
 * directory of its own below `/.dfs-mounts`, which mounts do not show, or, for users who may not make that, below `.dfs-mounts` in their home directory.
 *
 * A mount that was killed leaves its directory behind. Each one holds a file `alive` that its mount has open for writing as long as it lives, so
 * the NameNode's lease tells the others who has died: after 60 s they may take the file over, and remove the directory.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.js';
import { DfsError, isDfsError, messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { FileSystem } from '../file-system.js';
import type { FileWriter } from '../file-writer.js';
import type { FileStatus } from '../types.js';

export const HIDDEN_NAME = '.dfs-mounts';

/** A directory without the file `alive` belongs to a mount that is just making it, unless it is as old as this. */
const YOUNG_MS = 600_000;

interface Made {
  readonly path: string;
  readonly alive: FileWriter;
}

export class HiddenDirectory {
  readonly #fs: FileSystem;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Where it may be, the best place first. */
  readonly #parents: readonly string[];
  readonly #id = randomUUID();
  #made: Promise<Made> | undefined;
  #names = 0;

  /** @param homeDirectory of the user of the cluster in whose name the mount acts. */
  constructor(fs: FileSystem, homeDirectory: string, logger: Logger, clock: Clock) {
    this.#fs = fs;
    this.#parents = [`/${HIDDEN_NAME}`, `${homeDirectory}/${HIDDEN_NAME}`];
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A path that nothing has. The directory is made when it is first needed. @throws DfsError `AccessControl` when there is no place for it. */
  async newPath(): Promise<string> {
    const making = this.#made ?? this.#make();
    this.#made = making;
    try {
      return `${(await making).path}/${++this.#names}`;
    } catch (error) {
      if (this.#made === making) this.#made = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#made === undefined) return;
    try {
      const { path, alive } = await this.#made;
      await alive.close();
      await this.#fs.delete(path, { recursive: true });
    } catch (error) {
      this.#logger.warn({ reason: messageOf(error) }, 'could not remove the hidden directory of this mount');
    }
  }

  /** Removes what mounts have left behind that were killed. Never fails: what cannot be removed now is removed by a later mount. */
  async removeAbandoned(): Promise<void> {
    for (const parent of this.#parents) {
      try {
        for await (const status of this.#fs.list(parent)) {
          if (status.name !== this.#id) await this.#removeIfAbandoned(status);
        }
      } catch (error) {
        if (isDfsError(error, 'FileNotFound', 'AccessControl')) continue;
        this.#logger.warn({ reason: messageOf(error) }, 'could not look for what killed mounts have left behind');
      }
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

  async #make(): Promise<Made> {
    const refused: string[] = [];
    for (const parent of this.#parents) {
      const path = `${parent}/${this.#id}`;
      try {
        await this.#fs.mkdir(path, { mode: 0o700, parents: true });
        return {
          path,
          alive: await this.#fs.create(`${path}/alive`, { replication: 1, createParent: false, firstBlock: false }),
        };
      } catch (error) {
        if (!isDfsError(error, 'AccessControl')) throw error;
        refused.push(messageOf(error));
      }
    }
    throw new DfsError(
      'AccessControl',
      `this mount has no place for files that are removed, or changed in the middle, while they are open: it may make neither ${this.#parents.join(' nor ')} (${refused.at(-1)})`,
    );
  }
}
