/** The logged tables as TypeScript sees them; the columns are explained in schema.ts. */
import type { RunResult } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';

export interface InodeRow {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly type: number;
  readonly mode: number;
  readonly owner: string;
  readonly grp: string;
  readonly mtime_ms: number;
  readonly atime_ms: number;
  readonly children: number;
  readonly replication: number;
  readonly block_size: number;
  readonly length: number;
  readonly lease_holder: string | null;
  readonly symlink: string | null;
  readonly mtime_ns: number;
  readonly atime_ns: number;
  readonly opened_by: number;
}

export interface BlockRow {
  readonly id: number;
  readonly inode: number;
  readonly idx: number;
  readonly generation_stamp: number;
  readonly length: number;
  readonly state: number;
  readonly replication: number;
  /** JSON array of [datanode uuid, storage uuid]. */
  readonly expected: string | null;
  readonly recovery_id: number | null;
  readonly truncating: number;
}

/** For statements that must hit one row: a record that does not is not one that this namespace can have made. */
export function expectOneRow(result: RunResult, what: string): void {
  if (result.changes !== 1) throw new DfsError('DamagedMetadata', `${what}: ${result.changes} rows instead of one`);
}
