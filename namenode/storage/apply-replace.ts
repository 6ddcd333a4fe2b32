import type { ApplyState } from './apply.js';
import { detach } from './apply-inodes.js';
import type { ReplaceContentsEdit } from './edit-records.js';
import { expectOneRow } from './rows.js';
import { statement } from './statements.js';
import { recountingSpace } from './usage.js';

/** Most blocks stay where they are when a large file is changed in a few places: only the others are touched. */
export function replaceContents(state: ApplyState, edit: ReplaceContentsEdit): void {
  recountingSpace(state, [edit.target, edit.source], () => exchangeBlocks(state, edit));
  detach(state, edit.source, edit.timeMs);
}

function exchangeBlocks(state: ApplyState, { target, source, blocks, timeMs }: ReplaceContentsEdit): void {
  const { db } = state;
  const isKept = new Set(blocks);
  const before = blocksOf(state, target);
  const place = new Map(before.map(({ id, idx }) => [id, idx]));
  const isMoved = (id: number, idx: number) => place.get(id) !== idx;

  // Two blocks must not have one place in a file at any moment: those that change go to places below 0 first. No id is used twice.
  const givenAway = statement(db, 'UPDATE blocks SET inode = ?, idx = -id WHERE id = ?');
  for (const { id } of before) if (!isKept.has(id)) expectOneRow(givenAway.run(source, id), `give away block ${id}`);
  const lifted = statement(db, 'UPDATE blocks SET idx = -id WHERE id = ?');
  for (const [idx, id] of blocks.entries()) if (place.has(id) && isMoved(id, idx)) lifted.run(id);

  const placed = statement(
    db,
    'UPDATE blocks SET inode = ?, idx = ?, replication = (SELECT replication FROM inodes WHERE id = ?) WHERE id = ?',
  );
  const checked = statement(db, 'INSERT OR IGNORE INTO redundancy_check (block) VALUES (?)');
  for (const [idx, id] of blocks.entries()) {
    if (!isMoved(id, idx)) continue;
    expectOneRow(placed.run(target, idx, target, id), `place block ${id}`);
    checked.run(id);
  }
  const sized = statement(
    db,
    'UPDATE inodes SET length = (SELECT coalesce(sum(length), 0) FROM blocks WHERE inode = inodes.id), mtime_ms = ?, mtime_ns = 0 WHERE id = ?',
  );
  for (const inode of [target, source]) expectOneRow(sized.run(timeMs, inode), `set the length of inode ${inode}`);
}

function blocksOf({ db }: ApplyState, inode: number): { id: number; idx: number }[] {
  return statement<{ id: number; idx: number }>(db, 'SELECT id, idx FROM blocks WHERE inode = ? ORDER BY idx').all(
    inode,
  );
}
