import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Datanode } from '../datanode.js';

/** What Prometheus may ask of a DataNode; read from it when asked, so that counting costs nothing in between. */
export function datanodeMetrics(datanode: Datanode): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `dfs_datanode_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('replicas', 'Finalized replicas.', () => datanode.status().replicas);
  gauge('active_transfers', 'Operations of the data plane under way.', () => datanode.status().activeTransfers);
  gauge(
    'copies_pending',
    'Copies to other DataNodes that were ordered and have not ended.',
    () => datanode.status().copiesPending,
  );
  gauge(
    'deletions_pending',
    'Replicas ordered to be deleted and still there.',
    () => datanode.status().deletionsPending,
  );
  gauge('reports_pending', 'Changes that the NameNode has not been told of.', () => datanode.status().reportsPending);
  gauge('failed_volumes', 'Volumes out of service.', () => datanode.status().failedVolumes);
  gauge('registered', '1 when the NameNode knows this DataNode.', () => (datanode.status().registered ? 1 : 0));
  volumeGauges(datanode, registry);
  return registry;
}

function volumeGauges(datanode: Datanode, registry: Registry): void {
  const kinds = {
    capacity_bytes: 'Size of the disk, less what is reserved for others.',
    used_bytes: 'Block data on the volume.',
    remaining_bytes: 'Room for new blocks.',
  } as const;
  for (const [kind, help] of Object.entries(kinds)) {
    new Gauge({
      name: `dfs_datanode_volume_${kind}`,
      help,
      labelNames: ['volume'],
      registers: [registry],
      collect() {
        for (const volume of datanode.volumes.all) {
          const { capacityBytes, usedBytes, remainingBytes } = volume.space();
          const values = { capacity_bytes: capacityBytes, used_bytes: usedBytes, remaining_bytes: remainingBytes };
          this.set({ volume: volume.layout.root }, values[kind as keyof typeof kinds]);
        }
      },
    });
  }
}
