import type { ApplyState } from './apply.js';
import type { SetQuotaEdit } from './edit-records.js';
import { statement } from './statements.js';
import { forgetUsageOf, startCounting, stopCounting } from './usage.js';

/** Both quotas of a directory are as the record says. The first quota of all begins the counting, and the last one ends it. */
export function setQuota(state: ApplyState, { id, names, space }: SetQuotaEdit): void {
  dropQuota(state, id);
  if (names !== undefined || space !== undefined) {
    const sql = 'INSERT INTO quotas (inode, names, space) VALUES (?, ?, ?)';
    statement(state.db, sql).run(id, names ?? null, space ?? null);
    state.counters.quotas++;
  }
  if (state.counters.quotas > 0) startCounting(state);
  else stopCounting(state);
}

/** A directory was deleted for good. */
export function forgetDirectory(state: ApplyState, id: number): void {
  if (state.counters.quotas === 0) return;
  forgetUsageOf(state, id);
  dropQuota(state, id);
  if (state.counters.quotas === 0) stopCounting(state);
}

function dropQuota({ db, counters }: ApplyState, id: number): void {
  counters.quotas -= statement(db, 'DELETE FROM quotas WHERE inode = ?').run(id).changes;
}
