/** What a DataNode says of each of its volumes, in registrations and heartbeats. */
import type { StorageReport } from '../proto/generated/minihdfs/StorageReport.js';
import type { VolumeSet } from './disk/volume-set.js';
import type { StorageSummaries } from './replica-catalog.js';

const NO_DIGEST = Buffer.alloc(0);

/** `told`: what the NameNode has been told of; undefined when that cannot be said now. */
export function storageReports(volumes: VolumeSet, told: StorageSummaries | undefined): StorageReport[] {
  return volumes.all.map((volume) => {
    const summary = told?.get(volume.storageId);
    return {
      storageId: volume.storageId,
      ...volume.space(),
      failed: volume.failed,
      replicas: summary?.replicas ?? 0,
      digest: summary?.digest ?? NO_DIGEST,
    };
  });
}
