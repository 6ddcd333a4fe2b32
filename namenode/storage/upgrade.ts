/**
 * Columns and tables that came after the layout was fixed. They are empty in an older database, or follow from the others, and an older log has
 * no records for them, so that they can be added at a start without a new layout.
 */
import type { Database } from 'better-sqlite3';
import { DATANODE_ADMIN_TABLE, FILL_TALLIES, QUOTA_TABLES, TALLIES, XATTRS_TABLE } from './schema.js';
import { statement } from './statements.js';

const LATER_COLUMNS = ['mtime_ns', 'atime_ns', 'opened_by'];

export function addWhatCameLater(db: Database): void {
  const columns = statement<{ name: string }>(db, "SELECT name FROM pragma_table_info('inodes')").all();
  for (const added of LATER_COLUMNS) {
    if (columns.some(({ name }) => name === added)) continue;
    db.exec(`ALTER TABLE inodes ADD COLUMN ${added} INTEGER NOT NULL DEFAULT 0`);
  }
  db.exec(XATTRS_TABLE);
  db.exec(DATANODE_ADMIN_TABLE);
  db.exec(QUOTA_TABLES);
  if (statement(db, "SELECT 1 FROM sqlite_schema WHERE name = 'tallies'").get() === undefined)
    db.transaction(() => db.exec(TALLIES + FILL_TALLIES))();
}
