/**
 * The journal: runs operations in batches, in the order that journal.ts lays down. A batch takes what has come in while the one
 * before it was being synced, so the more callers wait, the more of them share one sync; batch-pace.ts says when it begins.
 */
import type { Database } from 'better-sqlite3';
import type { Clock } from '../../common/clock.js';
import { DfsError, isDfsError, messageOf, toDfsError } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { Journal, Transaction } from '../journal.js';
import { Applier } from './apply.js';
import { BatchPace } from './batch-pace.js';
import type { Counters } from './counters.js';
import { explainDamage } from './database.js';
import { directoryCache } from './directory-cache.js';
import type { EditLog } from './edit-log.js';
import type { EditRecord } from './edit-records.js';
import { statement } from './statements.js';

/** A batch ends after so long, so that reads get their turn, */
const BATCH_MS = 4;
/** or with so many records: a bound for the size of what is written to the log at once. */
const BATCH_RECORDS_MAX = 2_000;
/** Operations that may wait; more are refused. */
const WAITING_MAX = 100_000;

interface Waiting {
  readonly operation: (transaction: Transaction) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** An operation of the open batch with its outcome, which nobody may learn before the commit: it may rest on what a crash could undo. */
interface Done {
  readonly waiting: Waiting;
  readonly outcome: { readonly result: unknown } | { readonly error: unknown };
}

export interface JournalObserver {
  /** A batch was committed: how many records it had, and how long the log took to write and sync them. */
  batch(records: number, syncMs: number): void;
  /** A batch could not be made durable and was rolled back; the journal carries on. */
  batchFailed(error: DfsError): void;
  /** The journal cannot carry on: the process must end. What was answered is safe in the log. */
  fatal(error: DfsError): void;
}

export interface GroupCommitOptions {
  /** The writing connection. */
  readonly db: Database;
  /** The read-only connection. */
  readonly committed: Database;
  /** Fenced, and not ahead of the tables (see recovery.ts). */
  readonly log: EditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: JournalObserver;
  /** From the beginning of one batch to that of the next, where batch-pace.ts has one wait. Default 0: never. */
  readonly batchIntervalMs?: number;
}

export class GroupCommitJournal implements Journal {
  readonly #options: GroupCommitOptions;
  readonly #applier: Applier;
  readonly #pace: BatchPace;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #paused = 0;
  #stopped: DfsError | undefined;
  #counters: Readonly<Counters>;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#applier = new Applier(options.db);
    this.#pace = new BatchPace(options.clock, options.batchIntervalMs ?? 0);
    this.#counters = { ...this.#applier.counters };
  }

  /**
   * Between two commits, reads share one read transaction: beginning one for each statement would cost more than most statements do.
   * While the journal is paused there is none, because it would keep the write-ahead log from being folded.
   */
  get committed(): Database {
    const { committed } = this.#options;
    if (!committed.inTransaction && this.#paused === 0) statement(committed, 'BEGIN').run();
    return committed;
  }

  get counters(): Readonly<Counters> {
    return this.#counters;
  }

  get lastTxid(): number {
    return this.#counters.appliedTxid;
  }

  mutate<T>(operation: (transaction: Transaction) => T, kind?: 'report'): Promise<T> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(new DfsError('Overloaded', `${WAITING_MAX} operations wait already; try again later`));
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ operation, resolve: resolve as (result: unknown) => void, reject });
      this.#pace.arrived(kind === 'report');
      this.#start();
    });
  }

  /** Runs `action` while no batch is open; operations wait meanwhile, reads go on. */
  async whilePaused<T>(action: () => Promise<T>): Promise<T> {
    this.#paused++;
    this.#pace.hurry();
    try {
      await this.#running;
      this.#endSnapshot();
      return await action();
    } finally {
      this.#paused--;
      this.#start();
    }
  }

  /** Finishes what was accepted so far; whatever comes later is refused. */
  async close(): Promise<void> {
    const stopped = new DfsError('RetryLater', 'the NameNode is shutting down');
    const drained = this.mutate(() => undefined).catch(() => undefined);
    this.#stopped ??= stopped;
    this.#pace.hurry();
    await drained;
    await this.#running;
  }

  #start(): void {
    if (this.#running !== undefined || this.#paused > 0 || this.#waiting.length === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what else is called in this turn joins the batch
    while (this.#waiting.length > 0 && this.#paused === 0) {
      await this.#pace.turn();
      await this.#runBatch();
    }
  }

  async #runBatch(): Promise<void> {
    const { log, clock, observer } = this.#options;
    if (!this.#begin()) return;
    const batch = this.#execute();
    if (batch === undefined) return;
    const { done, records } = batch;
    const startMs = clock.monotonicMs();
    if (records.length > 0) {
      try {
        await log.append({ firstTxid: this.#applier.counters.appliedTxid - records.length + 1, records });
      } catch (error) {
        this.#giveUp(done, error);
        return;
      }
    }
    const syncMs = clock.monotonicMs() - startMs;
    if (!this.#commit(done)) return;
    observer.batch(records.length, syncMs);
    for (const { waiting, outcome } of done) {
      if ('error' in outcome) waiting.reject(outcome.error);
      else waiting.resolve(outcome.result);
    }
  }

  #begin(): boolean {
    try {
      statement(this.#options.db, 'BEGIN IMMEDIATE').run();
      return true;
    } catch (cause) {
      const why = `the metadata database takes no transaction (${messageOf(cause)}); does another program have it open?`;
      this.#end(new DfsError('RetryLater', why, { cause }));
      return false;
    }
  }

  /** Runs waiting operations until the batch is full. Undefined when the batch was rolled back and has to be built again. */
  #execute(): { done: Done[]; records: EditRecord[] } | undefined {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + BATCH_MS;
    const done: Done[] = [];
    const records: EditRecord[] = [];
    for (const waiting of this.#waiting) {
      const changesBefore = this.#totalChanges();
      try {
        done.push({ waiting, outcome: { result: this.#call(waiting.operation, records) } });
      } catch (error) {
        if (this.#totalChanges() !== changesBefore) {
          this.#expel(waiting, error);
          return undefined;
        }
        done.push({ waiting, outcome: { error } });
      }
      if (records.length >= BATCH_RECORDS_MAX || clock.monotonicMs() >= endMs) break;
    }
    this.#waiting = this.#waiting.slice(done.length);
    this.#pace.took(done.length, this.#waiting.length);
    return { done, records };
  }

  #call(operation: Waiting['operation'], records: EditRecord[]): unknown {
    const applier = this.#applier;
    let open = true;
    try {
      return operation({
        db: this.#options.db,
        counters: applier.counters,
        log(record) {
          if (!open) throw new DfsError('Internal', 'a transaction was used after its operation had returned');
          applier.apply(applier.counters.appliedTxid + 1, record);
          records.push(record);
        },
      });
    } finally {
      open = false;
    }
  }

  /** Rows changed on the writing connection since it was opened. */
  #totalChanges(): number {
    return statement<{ n: number }>(this.#options.db, 'SELECT total_changes() AS n').get()?.n ?? 0;
  }

  /** An operation failed half-way, which is a defect: it is taken out, and the others of the batch, unanswered yet, run again without it. */
  #expel(culprit: Waiting, error: unknown): void {
    this.#options.logger.error(
      { err: error },
      'an operation failed after it had changed something; the batch is built again without it',
    );
    this.#rollBack();
    this.#waiting = this.#waiting.filter((waiting) => waiting !== culprit);
    culprit.reject(toDfsError(error));
  }

  /** The batch could not be logged. Nothing of it stays. */
  #giveUp(done: readonly Done[], cause: unknown): void {
    const error = toDfsError(cause);
    this.#rollBack();
    if (isDfsError(error, 'NoSpace', 'RetryLater')) this.#options.observer.batchFailed(error);
    else this.#end(error);
    for (const { waiting } of done) waiting.reject(error);
  }

  #rollBack(): void {
    this.#options.db.exec('ROLLBACK');
    this.#applier.rolledBack();
    directoryCache(this.#options.db).clear();
  }

  /** False when it failed: then the log has a batch that the tables lack, which only a new start can put right. */
  #commit(done: readonly Done[]): boolean {
    const { db, committed } = this.#options;
    try {
      this.#applier.saveCounters();
      this.#endSnapshot();
      statement(db, 'COMMIT').run();
    } catch (cause) {
      const reason = messageOf(explainDamage(cause, db.name));
      const error = new DfsError('RetryLater', `the metadata database could not be written (${reason})`, { cause });
      this.#end(error);
      for (const { waiting } of done) waiting.reject(error);
      return false;
    }
    directoryCache(committed).follow(directoryCache(db));
    this.#applier.committed();
    this.#counters = { ...this.#applier.counters };
    return true;
  }

  #endSnapshot(): void {
    const { committed } = this.#options;
    if (committed.inTransaction) statement(committed, 'COMMIT').run();
  }

  #end(error: DfsError): void {
    this.#stopped = error;
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting = [];
    this.#options.observer.fatal(error);
  }
}
