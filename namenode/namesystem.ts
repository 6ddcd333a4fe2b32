/**
 * What the operations on the namespace (operations/) have in common: the parts they work with, and the order in which a change goes: a
 * repeat gets its first answer, safe mode refuses, the operation checks, quotas refuse, its one record is logged.
 */
import type { Database } from 'better-sqlite3';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/logging.js';
import type { Blocks } from './blocks.js';
import type { Journal, Transaction } from './journal.js';
import type { LeaseManager } from './lease-manager.js';
import type { Caller } from './permissions.js';
import { requireQuota } from './quotas.js';
import type { RetryTime } from './retry-time.js';
import type { AnsweredCall, EditRecord, Planned, StoredAnswer } from './storage/edit-records.js';
import { statement } from './storage/statements.js';

export interface NamesystemSettings {
  readonly blockSizeBytes: number;
  readonly replication: number;
  readonly bytesPerChecksum: number;
  readonly writePacketBytes: number;
  readonly minReplication: number;
  readonly maxReplication: number;
  readonly minBlockSizeBytes: number;
  readonly maxBlocksPerFile: number;
  readonly maxComponentBytes: number;
  readonly maxDirectoryItems: number;
  readonly listingLimit: number;
  readonly retryCacheExpiryMs: number;
  /** Access times are written when they are off by more; 0: never. */
  readonly accessTimePrecisionMs: number;
}

export interface Namesystem {
  readonly journal: Journal;
  readonly blocks: Blocks;
  readonly leases: LeaseManager;
  readonly clock: Clock;
  readonly retryTime: RetryTime;
  readonly logger: Logger;
  readonly settings: NamesystemSettings;
  /** Called after something was deleted: the reaper has work. */
  readonly onDeleted: () => void;
}

/** Who calls, and which call it is; without `id` the answer is not remembered. */
export interface Call extends Caller {
  readonly id?: Pick<AnsweredCall, 'clientId' | 'callId'> | undefined;
}

/** What an operation decided: its answer, and the record of the change unless there is nothing to change. */
export interface Decision<Answer extends StoredAnswer> {
  readonly answer: Answer;
  readonly record?: Planned<EditRecord>;
  /** What follows from `record`, in the same batch: a crash leaves both or neither. */
  readonly following?: Planned<EditRecord> | undefined;
}

/**
 * Runs `decide` in the next batch and logs its record. Resolves once that is durable; a repeat of a call that changed something gets
 * its first answer. `what` completes "Cannot …" for safe mode.
 * @throws DfsError `NSQuotaExceeded`, `DSQuotaExceeded`, besides what `decide` throws.
 */
export function change<Answer extends StoredAnswer>(
  ns: Namesystem,
  call: Call,
  what: string,
  decide: (tx: Transaction, nowMs: number) => Decision<Answer>,
): Promise<Answer> {
  return ns.journal.mutate((tx) => {
    const earlier = call.id === undefined ? undefined : earlierAnswer(tx.db, call.id);
    if (earlier !== undefined) return earlier.answer as Answer;
    ns.blocks.requireNoSafeMode(what);
    const timeMs = ns.clock.now();
    const { answer, record, following } = decide(tx, timeMs);
    if (record !== undefined) {
      requireQuota(tx, record);
      tx.log({ ...record, timeMs, ...answered(ns, tx, call, answer) });
    }
    if (following !== undefined) {
      requireQuota(tx, following);
      tx.log({ ...following, timeMs });
    }
    return answer;
  });
}

/** Whether a call has changed something before: then {@link change} has its answer, and what is checked before it must not refuse it. */
export function isRepeat({ journal }: Namesystem, { id }: Call): boolean {
  return id !== undefined && earlierAnswer(journal.committed, id) !== undefined;
}

function answered(
  { retryTime, settings }: Namesystem,
  { counters }: Transaction,
  { id }: Call,
  answer: StoredAnswer,
): { call?: AnsweredCall } {
  if (id === undefined) return {};
  const answeredMs = retryTime.nowMs(counters);
  return { call: { ...id, answeredMs, expiresMs: answeredMs + settings.retryCacheExpiryMs, answer } };
}

function earlierAnswer(
  db: Database,
  { clientId, callId }: NonNullable<Call['id']>,
): { answer: StoredAnswer } | undefined {
  const sql = 'SELECT answer FROM retry_cache WHERE client_id = ? AND call_id = ?';
  const row = statement<{ answer: string }>(db, sql).get(clientId, callId);
  return row === undefined ? undefined : { answer: JSON.parse(row.answer) as StoredAnswer };
}
