import type { Database } from 'better-sqlite3';
import { requireFile } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import { blocksOfInode, lastBlocks } from '../storage/block-rows.js';
import { inodeById } from '../storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { timesRecord } from './attributes.js';
import { NAMENODE } from './lease-recovery.js';
import { type LocatedBlock, locateBlock, offsetOfBlock } from './located-blocks.js';
import { nextTurn } from './next-turn.js';

/** One answer holds at most so many blocks. */
const BLOCKS_MAX = 1_000;
/** So many blocks are located at a stretch: about a millisecond. */
const BLOCKS_PER_TURN = 50;

export interface LocationsRequest {
  readonly path: DfsPath;
  readonly offset: number;
  /** 0: to the end. */
  readonly length: number;
  readonly readerHost: string;
}

export interface FileBlocks {
  readonly inode: InodeRow;
  readonly blocks: readonly LocatedBlock[];
  /** The block that is being written, whose length may be more than is known. (Of one that is being cut it is known.) */
  readonly lastBlock: LocatedBlock | undefined;
}

/**
 * The blocks that hold a range of a file, with their replicas.
 * @throws DfsError `FileNotFound`, `IsADirectory`, `AccessControl`, `ParentNotDirectory`.
 */
export async function blockLocations(ns: Namesystem, call: Call, request: LocationsRequest): Promise<FileBlocks> {
  const { path, readerHost } = request;
  const db = ns.journal.committed;
  const { inode } = requireFile(db, call, path);
  requireAccess(call, inode, Access.READ, () => path.text);
  const found = blocksInRange(db, inode, request);
  const [last] = inode.lease_holder === null ? [] : lastBlocks(db, inode.id);
  const lastBlock =
    last === undefined || last.state === BlockState.COMPLETE || last.truncating === 1
      ? undefined
      : locateBlock(ns.blocks, db, last, inode.length - last.length, readerHost);
  const blocks: LocatedBlock[] = [];
  for (const { row, offset } of found) {
    if (blocks.length > 0 && blocks.length % BLOCKS_PER_TURN === 0) await nextTurn();
    blocks.push(locateBlock(ns.blocks, ns.journal.committed, row, offset, readerHost));
  }
  noteAccess(ns, inode);
  return { inode, blocks, lastBlock };
}

/** Blocks with bytes in the range. Only those: an empty one has nothing to read. */
function blocksInRange(
  db: Database,
  inode: InodeRow,
  { offset, length }: LocationsRequest,
): { row: BlockRow; offset: number }[] {
  const end = length === 0 ? inode.length : Math.min(inode.length, offset + length);
  const found: { row: BlockRow; offset: number }[] = [];
  if (offset >= end) return found;
  // No block is longer than block_size, so none before this one reaches the offset.
  let index = Math.floor(offset / inode.block_size);
  let at = offsetOfBlock(db, inode.id, index);
  while (at < end && found.length < BLOCKS_MAX) {
    const rows = blocksOfInode(db, inode.id, index, Math.min(BLOCKS_MAX, Math.ceil((end - at) / inode.block_size) + 1));
    if (rows.length === 0) break;
    for (const row of rows) {
      if (row.length > 0 && at + row.length > offset && at < end && found.length < BLOCKS_MAX)
        found.push({ row, offset: at });
      at += row.length;
    }
    index += rows.length;
  }
  return found;
}

/**
 * Writes the access time down if it is off by more than the precision (an hour, as in HDFS: a read must not cost a write). Nobody
 * waits for it, and in safe mode it is left.
 */
function noteAccess(ns: Namesystem, { id, atime_ms }: InodeRow): void {
  const { accessTimePrecisionMs } = ns.settings;
  const isDue = (earlierMs: number, nowMs: number) =>
    accessTimePrecisionMs > 0 && nowMs > earlierMs + accessTimePrecisionMs;
  if (!isDue(atime_ms, ns.clock.now()) || ns.blocks.safeMode().on) return;
  change(ns, NAMENODE, `note the access to inode ${id}`, (tx, nowMs) => {
    const inode = inodeById(tx.db, id);
    if (inode === undefined || !isDue(inode.atime_ms, nowMs)) return { answer: null };
    return { answer: null, record: timesRecord(inode, { modificationTimeMs: undefined, accessTimeMs: nowMs }) };
  }).catch((error: unknown) => ns.logger.debug({ err: error, inode: id }, 'an access time was not written'));
}
