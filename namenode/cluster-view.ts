/** The DataNodes as the placement policy sees them. */
import type { AdminState, DatanodeDescriptor } from './datanode-descriptor.js';
import type { Candidate } from './placement-policy.js';

export function clusterView(nodes: Iterable<DatanodeDescriptor>, nowMs: number): Candidate[] {
  return [...nodes].map((node) => {
    const storages = [...node.storages.values()].filter((storage) => !storage.failed);
    return {
      uuid: node.uuid,
      name: node.name,
      host: node.address.host,
      rack: node.address.rack,
      outOfService: outOfService(node, nowMs),
      stale: node.state === 'stale',
      unreported: storages.some((storage) => !storage.counts),
      activeTransfers: node.activeTransfers,
      storages: storages.map(({ uuid, remainingBytes, scheduled }) => ({
        uuid,
        remainingBytes,
        scheduledBytes: scheduled.bytes,
      })),
    };
  });
}

const ADMIN_REASONS: Readonly<Record<AdminState, string | undefined>> = {
  normal: undefined,
  'decommission-in-progress': 'it is being decommissioned',
  decommissioned: 'it is decommissioned',
  'entering-maintenance': 'it enters maintenance',
  'in-maintenance': 'it is in maintenance',
};

function outOfService(node: DatanodeDescriptor, nowMs: number): string | undefined {
  if (node.inService) return ADMIN_REASONS[node.adminState];
  if (node.state !== 'dead') return 'has not registered since the NameNode was started';
  return `dead: no heartbeat for ${Math.round((nowMs - node.lastContactMs) / 1000)} s`;
}
