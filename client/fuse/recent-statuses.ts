/**
 * What directories were like after the last change in them that was made here. The kernel asks for that before the next change; the NameNode has told it
 * with the answer to the last one.
 */
import type { Clock } from '../../common/clock.js';
import type { FileStatus } from '../types.js';

/** What somebody saw a while ago. */
export interface SeenStatus {
  readonly status: FileStatus;
  readonly ageMs: number;
}

/** Nobody is shown what is older. */
export const SEEN_MAX_MS = 1_000;
const DIRECTORIES_MAX = 1_024;

interface Seen {
  readonly status: FileStatus;
  readonly seenMs: number;
}

export class RecentStatuses {
  readonly #clock: Clock;
  readonly #seen = new Map<number, Seen>();
  /** Directories in which changes are under way, and whether it was one alone all the time. */
  readonly #changing = new Map<number, { changes: number; isAlone: boolean }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(directory: number, maxAgeMs: number): SeenStatus | undefined {
    const seen = this.#seen.get(directory);
    if (seen === undefined) return undefined;
    const ageMs = this.#clock.monotonicMs() - seen.seenMs;
    return ageMs < maxAgeMs ? { status: seen.status, ageMs } : undefined;
  }

  /**
   * Runs a change in these directories, which tells what they are like afterwards. Of changes that run at the same time in a directory nobody knows which
   * one saw the other, so nothing is kept of them.
   */
  async change<T>(
    directories: readonly number[],
    work: (onDirectory: (status: FileStatus) => void) => Promise<T>,
  ): Promise<T> {
    const ids = new Set(directories);
    const told: FileStatus[] = [];
    for (const id of ids) this.#begin(id);
    try {
      return await work((status) => told.push(status));
    } finally {
      const seenMs = this.#clock.monotonicMs();
      for (const id of ids) {
        const status = told.find(({ fileId, type }) => fileId === id && type === 'DIRECTORY');
        if (this.#end(id) && status !== undefined) this.#keep(id, { status, seenMs });
      }
    }
  }

  #begin(id: number): void {
    this.#seen.delete(id);
    const changing = this.#changing.get(id);
    if (changing === undefined) {
      this.#changing.set(id, { changes: 1, isAlone: true });
      return;
    }
    changing.changes++;
    changing.isAlone = false;
  }

  /** Whether nobody else has changed it meanwhile. */
  #end(id: number): boolean {
    const changing = this.#changing.get(id);
    if (changing === undefined) return false;
    if (--changing.changes === 0) this.#changing.delete(id);
    return changing.isAlone;
  }

  #keep(id: number, seen: Seen): void {
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size < DIRECTORIES_MAX) break;
      this.#seen.delete(oldest);
    }
    this.#seen.set(id, seen);
  }
}
