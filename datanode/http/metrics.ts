import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Datanode } from '../datanode.js';
import type { IntegrityStatus } from '../integrity.js';

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
  gauge(
    'journalled_replicas',
    'Of these, small ones that are in a journal and have no files of their own yet.',
    () => datanode.status().journalledReplicas,
  );
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
  integrityGauges(datanode, gauge);
  volumeGauges(datanode, registry);
  return registry;
}

type AddGauge = (name: string, help: string, read: () => number) => void;

function integrityGauges(datanode: Datanode, gauge: AddGauge): void {
  const seconds = (ms: number | undefined): number => (ms === undefined ? 0 : ms / 1000);
  const status = (): IntegrityStatus => datanode.status().integrity;
  gauge('scanned_replicas', 'Replicas that the block scan has verified since the start.', () => status().replicas);
  gauge('scanned_bytes', 'Bytes that it has read.', () => status().bytes);
  gauge('scanned_corrupt', 'Damaged replicas that it has found.', () => status().corrupt);
  gauge('scan_completed_timestamp_seconds', 'When each volume had been verified as a whole; 0: one never was.', () =>
    seconds(status().lastPassEndedMs),
  );
  gauge(
    'directory_scan_timestamp_seconds',
    'When the directories were last compared with what is known of them; 0: never.',
    () => seconds(status().lastDirectoryScanMs),
  );
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
