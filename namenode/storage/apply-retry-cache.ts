/**
 * The retry cache is a logged table: a restarted NameNode still knows what it answered. It must not grow for ever, and its rows must be
 * the same after a replay, so rows leave it by rules that depend on nothing but the records.
 */
import type { ApplyState } from './apply.js';
import type { EditRecord } from './edit-records.js';
import { statement } from './statements.js';

/** More answers than this are not kept, even if they are young: about 100 MB of disk. */
export const RETRY_ENTRIES_MAX = 1_000_000;
/** Every so many transactions, old answers are removed, */
const CLEAN_EVERY_TRANSACTIONS = 64;
/** at most so many at a time: more than can have come in since. */
const CLEAN_ENTRIES_MAX = 256;

export function rememberAnswer(state: ApplyState, txid: number, { call, timeMs }: EditRecord): void {
  if (call !== undefined) {
    const sql = 'INSERT INTO retry_cache (client_id, call_id, expires_ms, answer) VALUES (?, ?, ?, ?)';
    statement(state.db, sql).run(call.clientId, call.callId, call.expiresMs, JSON.stringify(call.answer));
    state.counters.retryEntries++;
    state.counters.retryTimeMs = call.answeredMs ?? state.counters.retryTimeMs;
  }
  if (txid % CLEAN_EVERY_TRANSACTIONS === 0) clean(state, timeMs);
}

function clean({ db, counters }: ApplyState, timeMs: number): void {
  const nowMs = counters.retryTimeMs > 0 ? counters.retryTimeMs : timeMs;
  const olderThanMs = counters.retryEntries > RETRY_ENTRIES_MAX ? Number.MAX_SAFE_INTEGER : nowMs;
  const sql = `
    DELETE FROM retry_cache WHERE (client_id, call_id) IN (
      SELECT client_id, call_id FROM retry_cache WHERE expires_ms <= ? ORDER BY expires_ms, client_id, call_id LIMIT ?)`;
  counters.retryEntries -= statement(db, sql).run(olderThanMs, CLEAN_ENTRIES_MAX).changes;
}
