/**
 * Which storages are asked for a full block report: those whose digest is not what the rows say. Only a few at a time, since after a cold start
 * all of them may have to (HDFS: dfs.namenode.max.full.block.report.leases).
 */
import type { StorageDescriptor } from './datanode-descriptor.js';
import type { compareDigest } from './storage-report.js';

const AT_A_TIME_MAX = 6;
/** A report of which nothing has arrived for so long is asked for again. */
const LOST_AFTER_MS = 60_000;
/** A storage whose digest still differs after its report is asked again after so long. */
const REPEAT_AFTER_MS = 30_000;
/** A heartbeat can cross with reports that are under way, so that one mismatch says little. */
const MISMATCHES_MIN = 2;

export class FullReportRequests {
  /** Storages that were asked, and when something of their report last arrived. */
  readonly #asked = new Map<StorageDescriptor, number>();
  /** Storages of which somebody wants a report. */
  readonly #wanted = new Set<StorageDescriptor>();
  /** When the last report of a storage was processed. */
  readonly #completedMs = new WeakMap<StorageDescriptor, number>();

  /** A report is wanted, whatever the digest says: by an administrator, or about a replica that the digest knows nothing of. */
  want(storage: StorageDescriptor): void {
    this.#wanted.add(storage);
  }

  /**
   * Takes in how a heartbeat's digest compares with the rows, and says whether the storage's DataNode should be asked for a full report.
   */
  shouldAsk(storage: StorageDescriptor, comparison: ReturnType<typeof compareDigest>, nowMs: number): boolean {
    judge(storage, comparison);
    if (this.#wanted.has(storage) && !storage.failed)
      return this.#admit(storage, nowMs) && this.#wanted.delete(storage);
    if (storage.trust === 'verified' || storage.failed) {
      this.#asked.delete(storage);
      return false;
    }
    if (storage.trust !== 'unknown' && !this.#isOverdue(storage, nowMs)) return false;
    return this.#admit(storage, nowMs);
  }

  /** A part of a report has arrived. */
  partArrived(storage: StorageDescriptor, nowMs: number): void {
    if (this.#asked.has(storage)) this.#asked.set(storage, nowMs);
  }

  /** The report of the storage has been processed. */
  completed(storage: StorageDescriptor, nowMs: number): void {
    this.#asked.delete(storage);
    this.#completedMs.set(storage, nowMs);
    storage.mismatches = 0;
    if (storage.trust === 'unknown') storage.trust = 'reported';
  }

  #isOverdue(storage: StorageDescriptor, nowMs: number): boolean {
    const sinceMs = nowMs - (this.#completedMs.get(storage) ?? Number.NEGATIVE_INFINITY);
    return storage.mismatches >= MISMATCHES_MIN && sinceMs >= REPEAT_AFTER_MS;
  }

  #admit(storage: StorageDescriptor, nowMs: number): boolean {
    for (const [other, sinceMs] of this.#asked) if (nowMs - sinceMs >= LOST_AFTER_MS) this.#asked.delete(other);
    if (this.#asked.has(storage) || this.#asked.size >= AT_A_TIME_MAX) return false;
    this.#asked.set(storage, nowMs);
    return true;
  }
}

function judge(storage: StorageDescriptor, comparison: ReturnType<typeof compareDigest>): void {
  if (comparison === 'equal') {
    storage.trust = 'verified';
    storage.mismatches = 0;
  } else if (comparison === 'different') {
    storage.mismatches++;
    if (storage.trust === 'verified') storage.trust = 'reported';
  }
}
