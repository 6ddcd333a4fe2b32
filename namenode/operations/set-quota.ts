import { DfsError } from '../../common/errors.js';
import { requireInode } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { requireSuperuser } from '../permissions.js';
import { countInodes, forgetUsage } from '../quota-counting.js';
import { type Quota, quotaOf } from '../quotas.js';
import { InodeType } from '../storage/schema.js';
import { hasUsage } from '../storage/usage.js';

type NewLimit = number | 'none' | 'unchanged';

export interface NewQuota {
  readonly names: NewLimit;
  readonly space: NewLimit;
}

/**
 * Sets or clears the quotas of a directory. They may be lower than what is there; then it may not grow. Resolves once they are enforced: the first
 * quota of all takes as long as counting all inodes does, in slices that hold nobody up; later ones take no time. (HDFS counts
 * everything at each start, and keeps it in memory.)
 * @throws DfsError `AccessControl`, `FileNotFound`, `NotADirectory`, `ParentNotDirectory`, `SafeMode`.
 */
export async function setQuota(ns: Namesystem, call: Call, path: DfsPath, wanted: NewQuota): Promise<void> {
  requireSuperuser(call);
  await forgetUsage(ns);
  await change(ns, call, `set the quota of ${path.text}`, (tx) => {
    const { inode } = requireInode(tx.db, call, path);
    if (inode.type !== InodeType.DIRECTORY) throw new DfsError('NotADirectory', `${path.text} is not a directory`);
    if (tx.counters.quotas === 0 && hasUsage(tx.db))
      throw new DfsError(
        'RetryLater',
        'The last quota has just been cleared; what was counted for it is being removed',
      );
    const before = quotaOf(tx.db, inode.id);
    const names = limitOf(wanted.names, before.names);
    const space = limitOf(wanted.space, before.space);
    if (names === before.names && space === before.space) return { answer: null };
    return { answer: null, record: { op: 'setQuota', id: inode.id, ...present({ names, space }) } };
  });
  await countInodes(ns);
}

function limitOf(wanted: NewLimit, before: number | undefined): number | undefined {
  if (wanted === 'unchanged') return before;
  return wanted === 'none' ? undefined : wanted;
}

function present({ names, space }: Quota): { names?: number; space?: number } {
  return { ...(names === undefined ? {} : { names }), ...(space === undefined ? {} : { space }) };
}
