/** The thread behind wal-folder.ts: folds on demand, and says what came of it. */
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';
import type { FoldAnswer, FoldRequest } from './wal-folder.js';

const { path } = workerData as { path: string };
const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

const db = new BetterSqlite3(path, { fileMustExist: true, timeout: 500 });
db.pragma('synchronous = NORMAL');

port.on('message', ({ whole }: FoldRequest) => {
  let answer: FoldAnswer;
  try {
    const rows = db.pragma(`wal_checkpoint(${whole ? 'TRUNCATE' : 'PASSIVE'})`) as {
      busy: number;
      log: number;
      checkpointed: number;
    }[];
    const row = rows[0];
    answer = { complete: row !== undefined && row.busy === 0 && row.log === row.checkpointed };
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(answer);
});
