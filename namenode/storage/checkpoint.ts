/**
 * The checkpoint: makes the tables durable by themselves, so that old segments of the edit log can go and a start has little to replay.
 * The tables are written all the time; what a checkpoint does is to fold SQLite's write-ahead log into the database and sync it.
 * That is done first beside the running NameNode, then once more, for what came in meanwhile, while mutations wait a moment.
 */
import type { Clock } from '../../common/clock.js';
import type { Disk } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { EditLog } from './edit-log.js';
import type { GroupCommitJournal } from './group-commit.js';
import type { WalFolder } from './wal-folder.js';

export interface CheckpointerOptions {
  readonly journal: GroupCommitJournal;
  readonly log: EditLog;
  readonly folder: Pick<WalFolder, 'fold'>;
  readonly disk: Disk;
  readonly databasePath: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A checkpoint is due after so long, */
  readonly periodMs: number;
  /** or so many transactions. */
  readonly transactionsMax: number;
  /** SQLite's write-ahead log is folded when it is larger, checkpoint or not. */
  readonly walBytesMax: number;
  /** Transactions before the checkpoint whose segments are kept: with them, an older copy of the database can be brought up to date. */
  readonly retainedTransactions: number;
}

/** After a failure, the next attempt waits so long. */
const RETRY_MS = 30_000;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #notBeforeMs = 0;
  #lastTxid: number;
  #lastMs: number;
  #running: Promise<number> | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#lastTxid = options.journal.lastTxid;
    this.#lastMs = options.clock.monotonicMs();
  }

  /** Does what is due. Failures are logged: the log keeps everything until the next attempt. */
  async tick(): Promise<void> {
    const { journal, clock, logger, periodMs, transactionsMax, disk, databasePath, walBytesMax } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#notBeforeMs) return;
    try {
      const transactions = journal.lastTxid - this.#lastTxid;
      const due = transactions >= transactionsMax || (transactions > 0 && nowMs - this.#lastMs >= periodMs);
      if (due) await this.saveNamespace();
      else if (((await disk.fileSize(`${databasePath}-wal`)) ?? 0) > walBytesMax) await this.#fold();
    } catch (error) {
      this.#notBeforeMs = nowMs + RETRY_MS;
      logger.warn({ err: error }, 'the checkpoint failed and will be tried again');
    }
  }

  /**
   * Makes a checkpoint now, or joins the one that is being made.
   * @returns the last transaction it holds.
   * @throws DfsError `NoSpace`, `RetryLater`; nothing is lost by that.
   */
  saveNamespace(): Promise<number> {
    this.#running ??= this.#save().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #save(): Promise<number> {
    const { journal, log, clock, logger, retainedTransactions } = this.#options;
    const startMs = clock.monotonicMs();
    const txid = await journal.whilePaused(async () => {
      await log.roll();
      return journal.lastTxid;
    });
    if (!(await this.#fold())) {
      throw new DfsError(
        'RetryLater',
        'the checkpoint could not be completed, because another program reads the database',
      );
    }
    this.#lastTxid = txid;
    this.#lastMs = clock.monotonicMs();
    await log.removeThrough(txid - retainedTransactions);
    logger.info({ txid, durationMs: Math.round(this.#lastMs - startMs) }, 'made a checkpoint');
    return txid;
  }

  /** True when the database file itself, synced, holds all that was committed before the call. */
  async #fold(): Promise<boolean> {
    const { journal, folder } = this.#options;
    await folder.fold({ whole: false });
    return await journal.whilePaused(() => folder.fold({ whole: true }));
  }
}
