/** What a DataNode says of one of its storages, in each heartbeat. */
import type { StorageRow } from './storage/datanode-rows.js';

export interface StorageReport {
  readonly uuid: string;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  readonly failed: boolean;
  /** Number of its FINALIZED replicas, and their digest (common/replica-digest.ts); empty when it could not be told. */
  readonly replicas: number;
  readonly digest: Uint8Array;
}

/** Whether a storage holds what the rows say. `untold`: the report has no digest. */
export function compareDigest(
  row: Pick<StorageRow, 'replicas' | 'digest'>,
  report: Pick<StorageReport, 'replicas' | 'digest'>,
): 'equal' | 'different' | 'untold' {
  if (report.digest.length === 0) return 'untold';
  return report.replicas === row.replicas && row.digest.equals(report.digest) ? 'equal' : 'different';
}
