/** Brings the tables up to the end of the edit log, after a stop or a crash. */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { Applier } from './apply.js';
import type { EditLog } from './edit-log.js';

/**
 * Applies what the log has beyond the tables, a batch a transaction, so that an interrupted start goes on where it was.
 * @returns the number of records applied.
 * @throws DfsError `DamagedMetadata` when tables and log do not belong together.
 */
export async function replay(db: Database, log: EditLog): Promise<number> {
  const applier = new Applier(db);
  const startTxid = applier.counters.appliedTxid;
  if (log.lastTxid < startTxid) {
    throw new DfsError(
      'DamagedMetadata',
      `the edit log ends with transaction ${log.lastTxid}, but the database holds everything up to ${startTxid}: ` +
        'the log has lost its end. Restore its files from a backup, or run dfs namenode --recover',
    );
  }
  for await (const { firstTxid, records } of log.read(startTxid + 1)) {
    const next = applier.counters.appliedTxid + 1;
    if (firstTxid > next) {
      throw new DfsError(
        'DamagedMetadata',
        `the edit log begins with transaction ${firstTxid}, but the database ends with ${next - 1}: those between are missing. ` +
          'Restore the missing files of the log from a backup, or run dfs namenode --recover',
      );
    }
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const record of records.slice(next - firstTxid)) applier.apply(applier.counters.appliedTxid + 1, record);
      applier.saveCounters();
      db.exec('COMMIT');
      applier.committed();
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return applier.counters.appliedTxid - startTxid;
}
