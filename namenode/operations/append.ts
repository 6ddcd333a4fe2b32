import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { fileNotFound, requireFile } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import { lastBlocks } from '../storage/block-rows.js';
import type { ExpectedReplica } from '../storage/edit-records.js';
import { inodeById } from '../storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { alreadyBeingCreated, recoverForTakeover } from './lease-recovery.js';
import { expectedOf, type LocatedBlock, locatePipeline } from './located-blocks.js';

export interface AppendRequest {
  readonly path: DfsPath;
  readonly clientName: string;
  /** Begin with a new block, even if the last one has room. */
  readonly newBlock: boolean;
}

export interface Appended {
  readonly inode: InodeRow;
  /** The last block, when it is to be filled up. */
  readonly lastBlock: LocatedBlock | undefined;
}

/**
 * Opens a closed file for more bytes.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`, `AlreadyBeingCreated`; `BlockMissing` when no DataNode has the
 *   block to be filled up; `NotReplicatedYet` when too few have it.
 */
export async function append(ns: Namesystem, call: Call, request: AppendRequest): Promise<Appended> {
  const { path, clientName, newBlock } = request;
  const found = requireFile(ns.journal.committed, call, path);
  requireAccess(call, found.inode, Access.WRITE, () => path.text);
  await recoverForTakeover(ns, call, path, clientName, 'APPEND_FILE');
  const { fileId } = await change(ns, call, `append to file ${path.text}`, (tx) => {
    const { inode } = requireFile(tx.db, call, path);
    requireAccess(call, inode, Access.WRITE, () => path.text);
    if (inode.lease_holder !== null)
      throw alreadyBeingCreated('APPEND_FILE', path.text, inode.lease_holder, clientName);
    const [last] = lastBlocks(tx.db, inode.id);
    const hasRoom = !newBlock && last !== undefined && last.length < inode.block_size;
    const reopened = hasRoom ? { reopened: reopen(ns, tx.db, last, path) } : {};
    return {
      answer: { fileId: inode.id },
      record: { op: 'append', inode: inode.id, leaseHolder: clientName, ...reopened },
    };
  });
  ns.leases.opened(clientName, ns.clock.monotonicMs());
  return appended(ns, fileId, path);
}

function reopen({ blocks, settings }: Namesystem, db: Database, last: BlockRow, path: DfsPath) {
  const { locations, corrupt } = blocks.locate(db, last.id, '');
  if (locations.length === 0 || corrupt) {
    throw new DfsError(
      'BlockMissing',
      `Cannot append to ${path.text}: no live DataNode has a good replica of its last block`,
    );
  }
  if (locations.length < settings.minReplication) {
    throw new DfsError(
      'NotReplicatedYet',
      `Cannot append to ${path.text}: its last block has ${locations.length} replicas`,
    );
  }
  const expected: ExpectedReplica[] = expectedOf(locations);
  return { id: last.id, expected };
}

function appended({ journal, blocks }: Namesystem, fileId: number, path: DfsPath): Appended {
  const db = journal.committed;
  const inode = inodeById(db, fileId);
  if (inode === undefined) throw fileNotFound(path.text);
  const [last] = lastBlocks(db, fileId);
  if (last?.state !== BlockState.UNDER_CONSTRUCTION) return { inode, lastBlock: undefined };
  return { inode, lastBlock: locatePipeline(blocks, last, inode.length - last.length) };
}
