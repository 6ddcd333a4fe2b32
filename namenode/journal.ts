/**
 * How the NameNode's state changes: the one place where check, apply, edit log, sync and commit come together.
 *
 * All changes run in batches (group commit):
 *
 *     BEGIN                                          SQLite, the writing connection
 *       for each operation that waits:
 *         check against the open transaction         a refused operation throws and changes nothing
 *         append its edit record, apply it           apply.ts, the same function as at replay
 *         or change derived tables only              reports of DataNodes, replication work
 *     write the batch's records to the edit log, sync it
 *     COMMIT                                         only now readers see it
 *     answer every operation of the batch
 *
 * While the log syncs, operations that arrive wait for the next batch, so that nothing uncommitted is ever the base of
 * an answer, and a batch grows with the load. Reads do not come here: they use the read-only connection, which sees committed
 * state only.
 */
import type { Database } from 'better-sqlite3';
import type { Counters } from './storage/counters.js';
import type { EditRecord } from './storage/edit-records.js';

/** The open batch, as one operation sees it. Valid only during the synchronous call that it is given to. */
export interface Transaction {
  /** The writing connection: sees all earlier operations of the batch. */
  readonly db: Database;
  /** Of the open batch: the next ids to use, and how many files and blocks there are. */
  readonly counters: Readonly<Counters>;
  /** Gives the record the next transaction id and applies it. After this the operation must not throw. */
  log(record: EditRecord): void;
}

export interface Journal {
  /**
   * The read-only connection: committed state. Reads on it within one synchronous stretch are consistent with each other; no
   * statement may be left open (`iterate`) beyond it.
   */
  readonly committed: Database;
  /** Counters of the committed state. */
  readonly counters: Readonly<Counters>;
  /** The last transaction id that is committed. */
  readonly lastTxid: number;
  /**
   * Runs `operation` in the next batch; resolves with its result once the batch is durable and visible. Whatever it throws
   * before it has changed anything rejects this call alone. It should not change anything outside the transaction: it may be
   * run a second time (when another operation of the batch failed half-way), and what it did may be rolled back.
   * `report`: it takes in what a DataNode has reported, and may wait some milliseconds for others to share a batch.
   * @throws DfsError `NoSpace`, `RetryLater`, when the batch could not be made durable: then nothing of it is visible.
   */
  mutate<T>(operation: (transaction: Transaction) => T, kind?: 'report'): Promise<T>;
}
