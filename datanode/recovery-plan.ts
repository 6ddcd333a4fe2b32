/**
 * Which replicas make up a block whose writer has vanished, and how long it is: HDFS's rule (BlockRecoveryWorker), and stricter than that
 * where bytes that were acknowledged could be lost. Pure.
 *
 * A byte that was acknowledged is on every DataNode of the pipeline. So the shortest of the replicas that were being written (RBW) has all
 * of them. One that was found after a restart (RWR) may have lost what was not synced, so it counts only when there is nothing better.
 */
import type { Block } from '../common/block.js';
import type { ReplicaRecoveryInfo } from './replica-recovery.js';

/** What is known when all DataNodes have been asked. */
export interface RecoveryFindings {
  /** With the stamp and the length that the NameNode knows: so many bytes were acknowledged at least. */
  readonly block: Block;
  /** The file is being truncated: the block shall have just `block.numBytes` bytes. */
  readonly truncate: boolean;
  /** What each DataNode that answered has; undefined: nothing. */
  readonly replicas: readonly (ReplicaRecoveryInfo | undefined)[];
  /** DataNodes that could not be asked. */
  readonly unanswered: number;
  /** DataNodes that were not asked, because they are dead. They may come back, and have what was acknowledged. */
  readonly givenUp: number;
}

export type RecoveryPlan =
  /** Indexes into `replicas` of those that become the block. */
  | { readonly kind: 'update'; readonly participants: readonly number[]; readonly length: number }
  /** Nobody has anything of the block. */
  | { readonly kind: 'delete' }
  /** It cannot be told now; a later attempt may know more. */
  | { readonly kind: 'giveUp'; readonly reason: string };

interface Candidate extends ReplicaRecoveryInfo {
  readonly index: number;
}

export function planBlockRecovery(findings: RecoveryFindings): RecoveryPlan {
  const { block, truncate, replicas, unanswered, givenUp } = findings;
  const candidates = replicas.flatMap((replica, index) => {
    const takesPart = replica !== undefined && replica.generationStamp >= block.generationStamp && replica.numBytes > 0;
    return takesPart ? [{ ...replica, index }] : [];
  });
  if (truncate) return planTruncation(candidates, block.numBytes);
  // HDFS forgets about DataNodes that are dead. But bytes that were acknowledged are not to be lost because of a network that is down for long.
  const missing = unanswered + givenUp;
  const reason = `${unanswered} DataNodes that may have more of it did not answer, and ${givenUp} are dead`;
  if (candidates.length === 0) {
    const mayHaveSomething = unanswered > 0 || (givenUp > 0 && block.numBytes > 0);
    return mayHaveSomething ? { kind: 'giveUp', reason } : { kind: 'delete' };
  }
  const plan = choose(candidates, block);
  if (plan.kind !== 'update') return plan;
  const hasLost = missing > 0 && plan.length < block.numBytes;
  const mayHaveLost = unanswered > 0 && candidates.every(({ state }) => state === 'RWR');
  return hasLost || mayHaveLost ? { kind: 'giveUp', reason } : plan;
}

function choose(candidates: readonly Candidate[], block: Block): RecoveryPlan {
  const { numBytes: acknowledged } = block;
  const finalized = candidates.filter(({ state }) => state === 'FINALIZED');
  if (finalized.length > 0) return chooseFinalized(finalized, candidates, block);
  const written = candidates.filter(({ state }) => state === 'RBW');
  const best = written.length > 0 ? written : candidates;
  // One that is shorter than what was acknowledged has lost bytes, and must not take them from the others. (HDFS lets it.)
  const whole = best.filter(({ numBytes }) => numBytes >= acknowledged);
  const participants = whole.length > 0 ? whole : best;
  return update(participants, Math.min(...participants.map(({ numBytes }) => numBytes)));
}

/**
 * Those that the writer has finalized are equally long. Attempts that reached only some of the DataNodes, and did not come to their end, may have
 * finalized others that are shorter, or longer; each has all that was acknowledged, and the longest has all that any reader can have seen. (HDFS gives
 * up, each time.)
 */
function chooseFinalized(
  finalized: readonly Candidate[],
  candidates: readonly Candidate[],
  { generationStamp }: Block,
): RecoveryPlan {
  const longest = Math.max(...finalized.map(({ numBytes }) => numBytes));
  const areOfWriter = finalized.every((replica) => replica.generationStamp === generationStamp);
  if (areOfWriter && finalized.some(({ numBytes }) => numBytes !== longest)) {
    const lengths = finalized.map(({ numBytes }) => numBytes).join(', ');
    return { kind: 'giveUp', reason: `its finalized replicas have different lengths: ${lengths} bytes` };
  }
  return update(
    candidates.filter(({ state, numBytes }) => state !== 'RWR' && numBytes === longest),
    longest,
  );
}

/** The block was complete before, so that every replica that is long enough is good, whatever an earlier attempt has made of it. */
function planTruncation(candidates: readonly Candidate[], length: number): RecoveryPlan {
  const participants = candidates.filter(({ numBytes }) => numBytes >= length);
  if (participants.length > 0) return update(participants, length);
  return { kind: 'giveUp', reason: `no DataNode that answered has ${length} bytes of it` };
}

function update(participants: readonly Candidate[], length: number): RecoveryPlan {
  return { kind: 'update', participants: participants.map(({ index }) => index).sort((a, b) => a - b), length };
}
