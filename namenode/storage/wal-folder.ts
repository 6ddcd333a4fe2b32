/**
 * Folds SQLite's write-ahead log into the database file (what SQLite calls a checkpoint) in a thread of its own: it syncs and
 * copies megabytes, which must not hold up calls.
 */
import type { Worker } from 'node:worker_threads';
import { DfsError, toDfsError } from '../../common/errors.js';
import { startWorker } from '../../common/worker-thread.js';

export interface FoldRequest {
  /** true: until nothing is left, which needs that nobody reads or writes meanwhile. */
  readonly whole: boolean;
}

export type FoldAnswer = { readonly complete: boolean } | { readonly failure: string };

export class WalFolder {
  readonly #worker: Worker;
  /** Requests in the order in which the worker answers them. */
  readonly #pending: { resolve: (complete: boolean) => void; reject: (error: DfsError) => void }[] = [];
  #dead: DfsError | undefined;

  constructor(databasePath: string) {
    this.#worker = startWorker(import.meta.url, 'wal-folder-worker', { path: databasePath });
    this.#worker.unref();
    this.#worker.on('message', (answer: FoldAnswer) => this.#answered(answer));
    this.#worker.on('error', (error) => this.#died(toDfsError(error)));
    this.#worker.on('exit', () => this.#died(new DfsError('Internal', 'the thread that folds the WAL has ended')));
  }

  /**
   * @returns whether the database file now holds everything that was committed before the call.
   * @throws DfsError `RetryLater` when it failed; nothing is lost by that.
   */
  fold(request: FoldRequest): Promise<boolean> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #answered(answer: FoldAnswer): void {
    const pending = this.#pending.shift();
    if ('complete' in answer) pending?.resolve(answer.complete);
    else
      pending?.reject(
        new DfsError('RetryLater', `folding the write-ahead log of the database failed: ${answer.failure}`),
      );
  }

  #died(error: DfsError): void {
    this.#dead ??= error;
    for (const pending of this.#pending.splice(0)) pending.reject(this.#dead);
  }
}
