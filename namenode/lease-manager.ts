/**
 * When each writer last said that it is alive. Which files it has open stands in the database (inodes.lease_holder); the times are only
 * in memory, as in HDFS: after a restart of the NameNode all leases are young again. Times are those of a monotonic clock.
 */
export interface LeaseLimits {
  /** After this another writer may take a file over. */
  readonly softLimitMs: number;
  /** After this the NameNode closes the files itself. */
  readonly hardLimitMs: number;
}

export class LeaseManager {
  readonly #limits: LeaseLimits;
  /** In the order of renewal, the oldest first. */
  readonly #renewedMs = new Map<string, number>();

  constructor(limits: LeaseLimits) {
    this.#limits = limits;
  }

  /** `holder` has opened a file, or has been found to have one open. */
  opened(holder: string, nowMs: number): void {
    this.#renewedMs.delete(holder);
    this.#renewedMs.set(holder, nowMs);
  }

  /** Of a holder without open files nothing is noted: names cost memory. */
  renew(holder: string, nowMs: number): void {
    if (this.#renewedMs.has(holder)) this.opened(holder, nowMs);
  }

  /** Whether another writer may take over what `holder` has open. One that is not known is young: it gets its time from now on. */
  isSoftExpired(holder: string, nowMs: number): boolean {
    const renewedMs = this.#renewedMs.get(holder);
    if (renewedMs === undefined) this.opened(holder, nowMs);
    return renewedMs !== undefined && nowMs - renewedMs > this.#limits.softLimitMs;
  }

  /** Holders that have been silent beyond the hard limit, those longest silent first. */
  hardExpired(nowMs: number): string[] {
    const expired: string[] = [];
    for (const [holder, renewedMs] of this.#renewedMs) {
      if (nowMs - renewedMs <= this.#limits.hardLimitMs) break;
      expired.push(holder);
    }
    return expired;
  }

  /** `holder` has no open file any more. */
  forget(holder: string): void {
    this.#renewedMs.delete(holder);
  }
}
