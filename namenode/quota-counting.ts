/**
 * Counts what all directories hold, after the first quota was set, and removes that again after the last one was cleared: in slices that hold
 * nobody up. Whoever sets a quota does it, and after a restart the NameNode goes on by itself. How the rows stay right in the middle of it: usage.ts.
 */
import { change, type Namesystem } from './namesystem.js';
import { NAMENODE } from './operations/lease-recovery.js';
import { nextTurn } from './operations/next-turn.js';
import type { Counters } from './storage/counters.js';
import { hasUsage, isUsageKnown, nextToCount } from './storage/usage.js';

/** Inodes that one record counts, and rows that one removes: two or three milliseconds. */
const COUNTED_AT_A_TIME = 500;
const FORGOTTEN_AT_A_TIME = 1_000;

/** What is left to be done by the time of a start. Does nothing in safe mode. */
export async function countForQuotas(ns: Namesystem, signal: AbortSignal): Promise<void> {
  if (ns.blocks.safeMode().on) return;
  await forgetUsage(ns, signal);
  await countInodes(ns, signal);
}

/** Resolves when all inodes count, or there is no quota. */
export async function countInodes(ns: Namesystem, signal?: AbortSignal): Promise<void> {
  while (isBeingCounted(ns.journal.counters) && signal?.aborted !== true) {
    await change(ns, NAMENODE, 'count for quotas', ({ db, counters }) => {
      if (!isBeingCounted(counters)) return { answer: null };
      return { answer: null, record: { op: 'countUsage', upTo: nextToCount({ db, counters }, COUNTED_AT_A_TIME) } };
    });
    await nextTurn();
  }
}

/** Resolves when nothing is left of what was counted, or there is a quota. */
export async function forgetUsage(ns: Namesystem, signal?: AbortSignal): Promise<void> {
  const { journal } = ns;
  while (journal.counters.quotas === 0 && hasUsage(journal.committed) && signal?.aborted !== true) {
    await change(ns, NAMENODE, 'forget what was counted for quotas', ({ db, counters }) => {
      if (counters.quotas > 0 || !hasUsage(db)) return { answer: null };
      return { answer: null, record: { op: 'forgetUsage', rows: FORGOTTEN_AT_A_TIME } };
    });
    await nextTurn();
  }
}

function isBeingCounted(counters: Readonly<Counters>): boolean {
  return counters.quotas > 0 && !isUsageKnown(counters);
}
