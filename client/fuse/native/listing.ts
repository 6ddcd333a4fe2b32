import type { FileSystemOperations } from '../file-system-operations.js';
import { entryRecord } from './stat-record.js';

export interface Listing {
  readonly names: readonly string[];
  /** One for each name, or none at all. */
  readonly records: readonly Uint32Array[];
}

/** Types and inodes of more entries would take more memory than they are worth. */
const RECORDS_MAX = 10_000;
/** Where the type of an entry stands in a mode. */
const TYPE_SHIFT = 12;

/** A whole directory: fuse-native takes listings in one piece. */
export async function listDirectory(operations: FileSystemOperations, node: number): Promise<Listing> {
  const names: string[] = [];
  const records: Uint32Array[] = [];
  const handle = await operations.opendir(node);
  try {
    await operations.readdir(handle, 0, ({ name, inode, type }) => {
      names.push(name.toString());
      if (names.length <= RECORDS_MAX) records.push(entryRecord(inode, type << TYPE_SHIFT));
      return true;
    });
  } finally {
    await operations.releasedir(handle);
  }
  return { names, records: names.length > RECORDS_MAX ? [] : records };
}
