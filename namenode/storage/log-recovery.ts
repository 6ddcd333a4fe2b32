/** What can be kept of a damaged edit log. A pure function of what its segments hold. */
import type { Run, SurveyedSegment } from './edit-survey.js';

export interface LogPlan {
  /** What stays, in order and without a hole; empty when the tables have it all. */
  readonly runs: readonly Run[];
  /** The last transaction afterwards. */
  readonly lastTxid: number;
  /** The last one that is known to have been there. */
  readonly lastKnownTxid: number;
  /** A start needs nothing else than what is there. */
  readonly isSound: boolean;
}

/**
 * Transactions have meaning only in their order: what comes behind a hole is lost, unless the tables, which hold everything up to `appliedTxid`, cover
 * the hole.
 */
export function planLog(segments: readonly SurveyedSegment[], appliedTxid: number): LogPlan {
  const kept: Run[] = [];
  for (const run of segments.flatMap(({ runs }) => runs).sort((a, b) => a.firstTxid - b.firstTxid)) {
    const last = kept.at(-1)?.lastTxid;
    if (last !== undefined && run.lastTxid <= last) continue; // the same once more
    if (last === undefined ? run.firstTxid <= appliedTxid + 1 : run.firstTxid === last + 1) kept.push(run);
    else if (run.firstTxid <= appliedTxid + 1) kept.splice(0, kept.length, run);
  }
  const end = kept.at(-1)?.lastTxid ?? 0;
  const runs = end < appliedTxid ? [] : kept;
  const lastTxid = Math.max(end, appliedTxid);
  const lastKnownTxid = Math.max(lastTxid, ...segments.map((segment) => segment.lastKnownTxid));
  return { runs, lastTxid, lastKnownTxid, isSound: isSound(segments, appliedTxid) };
}

/** By the rules of a start (segment-recovery.ts, replay.ts). */
function isSound(segments: readonly SurveyedSegment[], appliedTxid: number): boolean {
  let previous: SurveyedSegment | undefined;
  for (const segment of segments) {
    const { firstTxid, lastTxid } = segment.name;
    if (previous !== undefined && (previous.name.lastTxid ?? Number.NaN) + 1 !== firstTxid) return false;
    const isNeeded = lastTxid === undefined || lastTxid > appliedTxid;
    if (isNeeded && !isWhole(segment)) return false;
    previous = segment;
  }
  const end = previous?.name.lastTxid ?? previous?.runs[0]?.lastTxid ?? (previous?.name.firstTxid ?? 1) - 1;
  const begin = segments[0]?.name.firstTxid ?? 1;
  return end >= appliedTxid && begin <= appliedTxid + 1 && previous?.epoch !== 0;
}

function isWhole({ name, epoch, runs, tailBytes }: SurveyedSegment): boolean {
  if (epoch === 0 || runs.length > 1) return false;
  const [run] = runs;
  if (run === undefined) return name.lastTxid === undefined;
  if (run.firstTxid !== name.firstTxid) return false;
  // Behind what a start finds in the segment that was being written, it cuts off what is left of a batch.
  return name.lastTxid === undefined || (run.lastTxid === name.lastTxid && tailBytes === 0);
}
