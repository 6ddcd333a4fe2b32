/** Gives small replicas files of their own from time to time (disk/replica-journal.ts), so that little is left for a start after a crash. */
import type { Clock } from '../common/clock.js';
import { sleep } from '../common/clock.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { MOVED_AT_AGE } from './disk/replica-journal.js';
import type { Volume } from './disk/volume.js';
import type { ReplicaStore } from './replica-store.js';

export interface JournalCheckpointsOptions {
  readonly store: ReplicaStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `dfs.datanode.small-block.journal.interval` */
  readonly intervalMs: number;
}

export class JournalCheckpoints {
  readonly #options: JournalCheckpointsOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: JournalCheckpointsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves once nothing is left in the journals, as far as the disks allow. Does not reject. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#onEach((volume) => volume.closeJournal());
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(clock, intervalMs / MOVED_AT_AGE, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#onEach((volume) => volume.moveOldFromJournal());
    }
  }

  async #onEach(work: (volume: Volume) => Promise<void>): Promise<void> {
    const { store, logger } = this.#options;
    const attempt = async (volume: Volume): Promise<void> => {
      try {
        await store.onDisk(volume, () => work(volume));
      } catch (error) {
        const context = { volume: volume.layout.root, reason: messageOf(error) };
        logger.warn(context, 'small replicas stay in their journal for now');
      }
    };
    await Promise.all(store.volumes.all.filter(({ failed }) => !failed).map(attempt));
  }
}
