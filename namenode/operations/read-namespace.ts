/** Operations that read inodes. */
import { DfsError } from '../../common/errors.js';
import { parentOf, requireInode, resolve } from '../inode-tree.js';
import type { Call, Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import { type QuotaUsage, quotaUsage } from '../quotas.js';
import { entriesAfter, inodeById } from '../storage/inode-rows.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';
import { isUsageKnown } from '../storage/usage.js';
import { type VisitedRow, walkTree } from './walk-tree.js';

/** Undefined when there is nothing. @throws DfsError `AccessControl`, `ParentNotDirectory`. */
export function fileInfo(ns: Namesystem, call: Call, path: DfsPath): InodeRow | undefined {
  return resolve(ns.journal.committed, call, path).inode;
}

/** What a path names and the directory that it is in, as far as they exist. */
export function withDirectory(
  ns: Namesystem,
  call: Call,
  path: DfsPath,
): { readonly inode: InodeRow | undefined; readonly directory: InodeRow | undefined } {
  const db = ns.journal.committed;
  try {
    const found = resolve(db, call, path);
    const parent = parentOf(found);
    return { inode: found.inode, directory: parent === undefined ? undefined : inodeById(db, parent.id) };
  } catch (error) {
    // For those who have just changed something there: others may have changed the way to it since.
    if (error instanceof DfsError) return { inode: undefined, directory: undefined };
    throw error;
  }
}

export interface ListingPage {
  readonly entries: readonly InodeRow[];
  readonly hasMore: boolean;
}

/**
 * Entries of a directory whose names come after `startAfter`, by the bytes of their names; of a file: itself.
 * @throws DfsError `FileNotFound`, `AccessControl`, `ParentNotDirectory`.
 */
export function listing(ns: Namesystem, call: Call, path: DfsPath, startAfter: string, limit: number): ListingPage {
  const db = ns.journal.committed;
  const { inode } = requireInode(db, call, path);
  if (inode.type !== InodeType.DIRECTORY) return { entries: [inode], hasMore: false };
  requireAccess(call, inode, Access.READ_EXECUTE, () => path.text);
  const size = limit === 0 ? ns.settings.listingLimit : Math.min(limit, ns.settings.listingLimit);
  const entries = entriesAfter(db, inode.id, startAfter, size + 1);
  const hasMore = entries.length > size;
  return { entries: hasMore ? entries.slice(0, size) : entries, hasMore };
}

export interface ContentSummary {
  readonly length: number;
  readonly fileCount: number;
  readonly directoryCount: number;
  readonly spaceConsumed: number;
  /** Undefined when there is none, or it is not in force yet. */
  readonly quota: QuotaUsage | undefined;
}

/**
 * Sums over a whole tree, the directory itself included. What changes while it runs may or may not be in it.
 * @throws DfsError `FileNotFound`, `AccessControl` (a directory below may not be read), `ParentNotDirectory`.
 */
export async function contentSummary(
  ns: Namesystem,
  call: Call,
  path: DfsPath,
  signal?: AbortSignal,
): Promise<ContentSummary> {
  const { inode } = requireInode(ns.journal.committed, call, path);
  const sum = { length: 0, fileCount: 0, directoryCount: 0, spaceConsumed: 0 };
  const add = (row: VisitedRow, pathOfRow: () => string) => {
    if (row.type === InodeType.DIRECTORY) {
      requireAccess(call, row, Access.READ_EXECUTE, pathOfRow);
      sum.directoryCount++;
    } else {
      sum.fileCount++;
      sum.length += row.length;
      sum.spaceConsumed += row.length * row.replication;
    }
  };
  add(inode, () => path.text);
  if (inode.type !== InodeType.DIRECTORY) return { ...sum, quota: undefined };
  const top = path.text === '/' ? '' : path.text;
  for await (const { directory, rows } of walkTree(ns.journal, inode.id)) {
    signal?.throwIfAborted();
    for (const row of rows) add(row, () => `${top}${directory}/${row.name}`);
  }
  const { committed, counters } = ns.journal;
  return { ...sum, quota: isUsageKnown(counters) ? quotaUsage(committed, inode.id) : undefined };
}
