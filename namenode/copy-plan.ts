/** How one block gets the replicas that it lacks: from which DataNode to which others. A pure function. */
import type { Random } from '../common/random.js';
import type { BlockHealth, Replica } from './block-health.js';
import type { Target } from './blocks.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import { Priority } from './low-redundancy.js';
import { type Candidate, choosePlacement } from './placement-policy.js';

export interface CopyContext {
  readonly cluster: readonly Candidate[];
  /** Copies that a DataNode is busy with. */
  busy(node: DatanodeDescriptor): number;
  /** Copies that one DataNode may be busy with, */
  readonly maxStreams: number;
  /** and with blocks of the highest priority. */
  readonly maxStreamsHardLimit: number;
  /** UUIDs of DataNodes that are not to be tried right now. */
  readonly shunned: ReadonlySet<string>;
  readonly random: Random;
}

export type CopyPlan =
  | { readonly kind: 'copy'; readonly source: DatanodeDescriptor; readonly targets: readonly Target[] }
  /** No DataNode is left to take a good replica but the one with this corrupt one, which has to go first. */
  | { readonly kind: 'giveWay'; readonly corrupt: Replica }
  /** Nothing can be done now. */
  | { readonly kind: 'wait' };

const WAIT: CopyPlan = { kind: 'wait' };

export function planCopy(health: BlockHealth, context: CopyContext): CopyPlan {
  const source = chooseSource(health, context);
  if (source === undefined) return WAIT;
  const targets = chooseTargets(health, source, context);
  if (targets.length > 0) return { kind: 'copy', source: source.node, targets };
  const [corrupt] = health.corrupt;
  if (health.missing === 0 || corrupt === undefined || context.shunned.size > 0) return WAIT;
  return { kind: 'giveWay', corrupt };
}

/**
 * The least busy DataNode that has a good replica and may make one more copy; never a stale one. As in HDFS, one that has been decommissioned, or is
 * in maintenance, only when there is no other: it may be gone any moment.
 */
function chooseSource(health: BlockHealth, context: CopyContext): Replica | undefined {
  const { good, leaving, maintenance, priority } = health;
  const limit = priority === Priority.HIGHEST ? context.maxStreamsHardLimit : context.maxStreams;
  const all = [...good, ...leaving, ...maintenance].filter(({ storage }) => storage.counts);
  const staying = all.filter(
    ({ node }) => node.adminState !== 'decommissioned' && node.adminState !== 'in-maintenance',
  );
  const sources = staying.length > 0 ? staying : all;
  const able = sources.filter(({ node }) => node.state === 'live' && context.busy(node) < limit);
  const least = Math.min(...able.map(({ node }) => context.busy(node)));
  const idlest = able.filter(({ node }) => context.busy(node) === least);
  return idlest[context.random.int(Math.max(1, idlest.length))];
}

function chooseTargets(health: BlockHealth, source: Replica, context: CopyContext): readonly Target[] {
  const { block, good, maintenance, holders } = health;
  const existing = [...good, ...maintenance];
  const existingNodes = new Set(existing.map(({ node }) => node.uuid));
  const { targets } = choosePlacement(
    context.cluster,
    {
      count: Math.max(1, health.missing),
      blockSizeBytes: block.length,
      writerHost: source.node.address.host,
      existing: existing.map(({ node, storage }) => ({ datanodeUuid: node.uuid, storageUuid: storage.uuid })),
      exclude: [...context.shunned, ...[...holders].filter((uuid) => !existingNodes.has(uuid))],
    },
    context.random,
  );
  if (health.missing > 0) return targets;
  // There are enough replicas: one more helps only if it is on a rack that has none.
  const racks = new Set(existing.map(({ rack }) => rack));
  return targets.filter(({ datanodeUuid }) => {
    const rack = context.cluster.find(({ uuid }) => uuid === datanodeUuid)?.rack;
    return rack !== undefined && !racks.has(rack);
  });
}
