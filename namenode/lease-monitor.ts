/**
 * Takes the files of writers that have been silent beyond the hard limit, and sees to it that files whose last block is under recovery are
 * closed in the end, however many attempts that takes.
 */
import type { Database } from 'better-sqlite3';
import type { Namesystem } from './namesystem.js';
import { canBeReleased, NAMENODE_LEASE_HOLDER, releaseLease } from './operations/lease-recovery.js';
import { filesHeldBy } from './storage/open-file-rows.js';
import { statement } from './storage/statements.js';

const PAGE_FILES = 100;
/** A writer with a file that cannot be closed is looked at again after so long. */
const RETRY_MS = 60_000;

/** All holders of leases, as they stand in the database; for the start. */
export function* leaseHolders(db: Database): Generator<string> {
  const sql = 'SELECT lease_holder AS holder FROM inodes WHERE lease_holder > ? ORDER BY lease_holder LIMIT 1';
  const next = statement<{ holder: string }>(db, sql);
  for (let row = next.get(''); row !== undefined; row = next.get(row.holder)) yield row.holder;
}

export class LeaseMonitor {
  readonly #ns: Namesystem;
  /** Holders with a file that could not be closed, and when that may be tried again. */
  readonly #postponed = new Map<string, number>();

  constructor(ns: Namesystem) {
    this.#ns = ns;
    for (const holder of leaseHolders(ns.journal.committed)) ns.leases.opened(holder, ns.clock.monotonicMs());
  }

  async tick(): Promise<void> {
    const { leases, clock, blocks } = this.#ns;
    if (blocks.safeMode().on) return;
    const nowMs = clock.monotonicMs();
    await this.#releaseFilesOf(NAMENODE_LEASE_HOLDER, (id) => canBeReleased(this.#ns, id));
    for (const holder of leases.hardExpired(nowMs)) {
      if (holder !== NAMENODE_LEASE_HOLDER && (this.#postponed.get(holder) ?? 0) <= nowMs)
        await this.#closeFilesOf(holder, nowMs);
    }
  }

  async #closeFilesOf(holder: string, nowMs: number): Promise<void> {
    const { leases, logger } = this.#ns;
    const { closed, waiting } = await this.#releaseFilesOf(holder, () => true);
    if (this.#filesOf(holder, 0).length === 0) {
      leases.forget(holder);
      this.#postponed.delete(holder);
    } else {
      this.#postponed.set(holder, nowMs + RETRY_MS);
    }
    if (closed + waiting > 0)
      logger.warn({ holder, closed, waiting }, 'a writer has vanished; its files are closed, or wait for DataNodes');
  }

  async #releaseFilesOf(
    holder: string,
    isDue: (id: number) => boolean,
  ): Promise<{ readonly closed: number; readonly waiting: number }> {
    let closed = 0;
    let waiting = 0;
    for (let ids = this.#filesOf(holder, 0); ids.length > 0; ids = this.#filesOf(holder, ids.at(-1) ?? 0)) {
      for (const id of ids) {
        if (!isDue(id)) continue;
        if (await releaseLease(this.#ns, holder, id)) closed++;
        else waiting++;
      }
    }
    return { closed, waiting };
  }

  #filesOf(holder: string, after: number): number[] {
    return filesHeldBy(this.#ns.journal.committed, holder, after, PAGE_FILES).map(({ id }) => id);
  }
}
