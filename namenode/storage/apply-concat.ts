import type { ApplyState } from './apply.js';
import { dropEntry, parentOf } from './apply-inodes.js';
import type { ConcatEdit } from './edit-records.js';
import { expectOneRow } from './rows.js';
import { statement } from './statements.js';
import { recountingSpace, releaseFrom } from './usage.js';

/** Moves the blocks of each source to the end of the target; the source, which has none left, is removed. */
export function concat(state: ApplyState, { target, sources, timeMs }: ConcatEdit): void {
  for (const source of sources) releaseFrom(state, parentOf(state, source), source);
  recountingSpace(state, [target], () => {
    for (const source of sources) {
      moveBlocks(state, source, target);
      dropEntry(state, source, timeMs);
    }
  });
  const sql = 'UPDATE inodes SET mtime_ms = ?, mtime_ns = 0 WHERE id = ?';
  expectOneRow(statement(state.db, sql).run(timeMs, target), `add blocks to inode ${target}`);
}

function moveBlocks({ db }: ApplyState, source: number, target: number): void {
  // Every block has the replication of its file.
  statement(
    db,
    `INSERT OR IGNORE INTO redundancy_check (block)
     SELECT b.id FROM blocks b, inodes t WHERE b.inode = ? AND t.id = ? AND b.replication <> t.replication`,
  ).run(source, target);
  statement(
    db,
    `UPDATE blocks SET
       idx = idx + (SELECT coalesce(max(idx) + 1, 0) FROM blocks WHERE inode = ?),
       replication = (SELECT replication FROM inodes WHERE id = ?),
       inode = ?
     WHERE inode = ?`,
  ).run(target, target, target, source);
  const sql = 'UPDATE inodes SET length = length + (SELECT length FROM inodes WHERE id = ?) WHERE id = ?';
  expectOneRow(statement(db, sql).run(source, target), `lengthen inode ${target}`);
}
