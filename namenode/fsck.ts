/**
 * The file system check: walks over a tree and tells of each block where it is and what is wrong with it. It only reads, in slices, so that it may run
 * over millions of files while the NameNode works; what changes meanwhile may be seen or not.
 *
 * What counts is what HDFS's fsck counts: files that are open are listed, but their unfinished blocks are not judged.
 */
import type { Database } from 'better-sqlite3';
import { type Clock, sleep } from '../common/clock.js';
import { type BlockHealth, countReadable, healthOf, type Replica } from './block-health.js';
import type { DatanodeManager } from './datanode-manager.js';
import { pathOf } from './inode-tree.js';
import { isWellSpread } from './low-redundancy.js';
import { isFinished } from './replica-judgement.js';
import { blockRow, blocksOfInode } from './storage/block-rows.js';
import { entriesAfter, inodeById } from './storage/inode-rows.js';
import type { BlockRow, InodeRow } from './storage/rows.js';
import { InodeType } from './storage/schema.js';

export type CheckedReplicaState =
  | 'LIVE'
  | 'STALE'
  | 'DECOMMISSIONING'
  | 'DECOMMISSIONED'
  | 'ENTERING_MAINTENANCE'
  | 'IN_MAINTENANCE'
  | 'CORRUPT'
  | 'EXCESS';

export interface CheckedReplica {
  readonly replica: Replica;
  readonly state: CheckedReplicaState;
}

export interface CheckedBlock {
  readonly block: BlockRow;
  readonly replicas: readonly CheckedReplica[];
  readonly underConstruction: boolean;
  /** Good replicas, without surplus ones. */
  readonly live: number;
  readonly misReplicated: boolean;
}

export interface CheckedFile {
  readonly path: string;
  readonly inode: InodeRow;
  readonly blocks: readonly CheckedBlock[];
}

export interface FsckSummary {
  totalFiles: number;
  totalDirectories: number;
  totalBytes: number;
  /** Without those that are being written. */
  totalBlocks: number;
  underReplicated: number;
  overReplicated: number;
  misReplicated: number;
  /** Blocks all of whose replicas are corrupt. */
  corrupt: number;
  /** Blocks without any replica on a live DataNode. */
  missing: number;
  datanodes: number;
  racks: number;
}

export interface FsckOptions {
  /** The read-only connection. */
  readonly committed: Database;
  readonly datanodes: DatanodeManager;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Files, or blocks, in one batch and one stretch: a few milliseconds. */
const FILES_PER_BATCH = 100;
const BLOCKS_PER_SLICE = 200;

/** Checks `root`, whose path is `path`: batches of files, the summary last. */
export async function* fsck(
  options: FsckOptions,
  root: InodeRow,
  path: string,
): AsyncGenerator<readonly CheckedFile[], FsckSummary> {
  const check = new Check(options);
  let batch: CheckedFile[] = [];
  let steps = 0;
  for (const { inode, path: pathOfInode } of walk(options.committed, root, path)) {
    if (inode.type === InodeType.DIRECTORY) check.summary.totalDirectories++;
    if (inode.type === InodeType.FILE) batch.push(await check.file(inode, pathOfInode));
    if (++steps % FILES_PER_BATCH === 0) {
      if (batch.length > 0) yield batch;
      batch = [];
      await sleep(options.clock, 0, options.signal);
    }
  }
  if (batch.length > 0) yield batch;
  return check.summary;
}

/** One block with its file; undefined when there is none of that id, or its file has been deleted. */
export function checkBlock(options: FsckOptions, id: number): CheckedFile | undefined {
  const { committed } = options;
  const block = blockRow(committed, id);
  const inode = block === undefined ? undefined : inodeById(committed, block.inode);
  const path = inode === undefined ? undefined : pathOf(committed, inode.id);
  if (block === undefined || inode === undefined || path === undefined) return undefined;
  return { path, inode, blocks: [new Check(options).block(block)] };
}

interface Walked {
  readonly inode: InodeRow;
  readonly path: string;
}

/** The inode and all below it, directories before what is in them. No statement stays open between two steps. */
function* walk(db: Database, root: InodeRow, path: string): Generator<Walked> {
  yield { inode: root, path };
  const open = root.type === InodeType.DIRECTORY ? [{ id: root.id, path, after: '', page: [] as InodeRow[] }] : [];
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    if (directory.page.length === 0)
      directory.page = entriesAfter(db, directory.id, directory.after, FILES_PER_BATCH).reverse();
    const inode = directory.page.pop();
    if (inode === undefined) {
      open.pop();
      continue;
    }
    directory.after = inode.name;
    const childPath = directory.path === '/' ? `/${inode.name}` : `${directory.path}/${inode.name}`;
    yield { inode, path: childPath };
    if (inode.type === InodeType.DIRECTORY) open.push({ id: inode.id, path: childPath, after: '', page: [] });
  }
}

class Check {
  readonly summary: FsckSummary;
  readonly #options: FsckOptions;

  constructor(options: FsckOptions) {
    this.#options = options;
    const { datanodes } = options;
    this.summary = {
      totalFiles: 0,
      totalDirectories: 0,
      totalBytes: 0,
      totalBlocks: 0,
      underReplicated: 0,
      overReplicated: 0,
      misReplicated: 0,
      corrupt: 0,
      missing: 0,
      datanodes: [...datanodes.nodes].filter((node) => node.inService).length,
      racks: datanodes.rackCount,
    };
  }

  async file(inode: InodeRow, path: string): Promise<CheckedFile> {
    const { committed, clock, signal } = this.#options;
    this.summary.totalFiles++;
    this.summary.totalBytes += inode.length;
    const blocks: CheckedBlock[] = [];
    for (;;) {
      const page = blocksOfInode(committed, inode.id, blocks.length, BLOCKS_PER_SLICE);
      blocks.push(...page.map((block) => this.block(block)));
      if (page.length < BLOCKS_PER_SLICE) return { path, inode, blocks };
      await sleep(clock, 0, signal);
    }
  }

  block(block: BlockRow): CheckedBlock {
    const { committed, datanodes } = this.#options;
    const health = healthOf(committed, block, datanodes);
    const finished = isFinished(block);
    if (finished) this.#count(health);
    const live = health.good.length;
    return {
      block,
      replicas: replicasOf(health),
      underConstruction: !finished,
      live,
      misReplicated: finished && this.#isMisplaced(health),
    };
  }

  #count(health: BlockHealth): void {
    const { block, good, doubles, leaving, maintenance, corrupt, outdated, excess } = health;
    const { summary } = this;
    summary.totalBlocks++;
    if (countReadable(health) === 0 && excess.length === 0) {
      if (corrupt.length + outdated.length > 0) summary.corrupt++;
      else summary.missing++;
      // As in HDFS: replicas on DataNodes that are being taken out of service are still there.
    } else if (good.length + leaving.length + maintenance.length < block.replication) summary.underReplicated++;
    if (good.length + doubles.length > block.replication) summary.overReplicated++;
    if (this.#isMisplaced(health)) summary.misReplicated++;
  }

  #isMisplaced({ block, good, racks }: BlockHealth): boolean {
    const clusterRacks = this.summary.racks;
    return good.length > 0 && !isWellSpread({ replication: block.replication, racks, clusterRacks });
  }
}

const ADMIN_STATES = {
  normal: undefined,
  'decommission-in-progress': 'DECOMMISSIONING',
  decommissioned: 'DECOMMISSIONED',
  'entering-maintenance': 'ENTERING_MAINTENANCE',
  'in-maintenance': 'IN_MAINTENANCE',
} as const;

/** Those that can be read at the moment, and the bad ones. */
function replicasOf({ good, doubles, leaving, maintenance, excess, corrupt, outdated }: BlockHealth): CheckedReplica[] {
  const there = maintenance.filter(({ storage }) => storage.counts);
  const live = [...good, ...doubles, ...leaving, ...there].map((replica) => ({ replica, state: stateOf(replica) }));
  const surplus = excess.map((replica) => ({ replica, state: 'EXCESS' }) as const);
  const bad = [...corrupt, ...outdated].map((replica) => ({ replica, state: 'CORRUPT' }) as const);
  return [...live, ...surplus, ...bad];
}

function stateOf({ node }: Replica): CheckedReplicaState {
  return ADMIN_STATES[node.adminState] ?? (node.state === 'stale' ? 'STALE' : 'LIVE');
}
