import type { ApplyState } from './apply.js';
import type { SetXattrEdit } from './edit-records.js';
import { statement } from './statements.js';

export function setXattr({ db }: ApplyState, { id, name, value }: SetXattrEdit): void {
  if (value === undefined) {
    statement(db, 'DELETE FROM xattrs WHERE inode = ? AND name = ?').run(id, name);
  } else {
    const sql = 'INSERT OR REPLACE INTO xattrs (inode, name, value) VALUES (?, ?, ?)';
    statement(db, sql).run(id, name, Buffer.from(value, 'base64'));
  }
}
