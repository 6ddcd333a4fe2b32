/**
 * The log of all changes to the namespace, as the journal sees it. segment-log.ts keeps it in files of one directory; a replicated
 * log can stand in its place. Transactions are numbered from 1, without gaps.
 */
import type { EditRecord } from './edit-records.js';

/** What became durable together: records that follow each other. */
export interface EditBatch {
  readonly firstTxid: number;
  readonly records: readonly EditRecord[];
}

export interface EditLog {
  /** The last durable transaction; 0 when there is none. */
  readonly lastTxid: number;
  /**
   * Takes the log over: from now on nobody who wrote to it under a smaller epoch can append any more. Must come before the first
   * `append`. Epochs are positive and grow with each taker.
   * @throws DfsError `DamagedMetadata` when somebody has taken a larger epoch.
   */
  fence(epoch: number): Promise<void>;
  /** The largest epoch under which the log was taken so far; 0: never. */
  readonly epoch: number;
  /**
   * Resolves once the whole batch is on stable storage. One call at a time.
   * @throws DfsError `NoSpace` or `RetryLater`: then nothing of the batch is in the log, now and after a crash.
   * @throws DfsError `DamagedMetadata` when what the log now holds is unknown: the process must end.
   */
  append(batch: EditBatch): Promise<void>;
  /** All batches that have a transaction >= `txid`, in order; the first may begin before it. */
  read(txid: number): AsyncIterable<EditBatch>;
  /** Ends the current segment, so that `removeThrough` can take it. @throws DfsError `NoSpace`, `RetryLater`; the log is good all the same. */
  roll(): Promise<void>;
  /** Removes segments that hold nothing beyond `txid`. The caller has made sure that the checkpoint holds it all. */
  removeThrough(txid: number): Promise<void>;
  close(): Promise<void>;
}
