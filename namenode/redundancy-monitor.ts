/**
 * Looks at blocks whose number or spread of replicas may be wrong, and writes down what follows: their place in the queue for
 * copies, which replicas are surplus, corrupt or to be deleted.
 *
 * Which blocks: those in the table redundancy_check, and those that a scan finds: over one storage when a DataNode comes or goes, over all
 * blocks when safe mode ends or a second rack appears. A scan only reads, as most blocks are well. All work is done in slices, so that
 * a million blocks never hold up anything else.
 */
import type { Database } from 'better-sqlite3';
import type { Clock } from '../common/clock.js';
import { countReadable, healthOf, type Replica } from './block-health.js';
import type { StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import type { Invalidations } from './invalidations.js';
import type { Journal, Transaction } from './journal.js';
import { nextTurn } from './operations/next-turn.js';
import type { RecentArrivals } from './recent-arrivals.js';
import { changesNothing, type Decision, decide } from './redundancy-decision.js';
import type { CorruptReplica } from './replication-monitor.js';
import { blockIdsAfter, blockRow } from './storage/block-rows.js';
import * as datanodeRows from './storage/datanode-rows.js';
import * as checks from './storage/redundancy-rows.js';
import { blocksOfStorage, changeReplicas, replicaRow, setReplicaState } from './storage/replica-rows.js';
import type { BlockRow } from './storage/rows.js';
import { BlockState, ReplicaRowState } from './storage/schema.js';
import type { Verifications } from './verifications.js';

export interface RedundancyMonitorOptions {
  readonly journal: Journal;
  readonly datanodes: DatanodeManager;
  readonly invalidations: Invalidations;
  readonly verifications: Verifications;
  readonly arrivals: RecentArrivals;
  readonly clock: Clock;
  /** Whether a surplus replica should go from that storage, because the balancer has moved it. */
  readonly isToGo: (block: number, storage: StorageDescriptor) => boolean;
  /** dfs.namenode.replication.min */
  readonly minReplication: number;
}

/** Blocks looked at in one stretch: a few milliseconds. */
const BLOCKS_PER_SLICE = 100;
/** Slices of scans between two looks at redundancy_check. */
const SCAN_SLICES_PER_ROUND = 50;

const ALL_BLOCKS = 'all';

interface Scan {
  /** The last block that was looked at. */
  after: number;
}

export class RedundancyMonitor {
  readonly #options: RedundancyMonitorOptions;
  /** Scans to be made, one at a time, in the order in which they were asked for. */
  readonly #scans = new Map<StorageDescriptor | typeof ALL_BLOCKS, Scan>();

  constructor(options: RedundancyMonitorOptions) {
    this.#options = options;
  }

  scanStorage(storage: StorageDescriptor): void {
    this.#scans.set(storage, { after: 0 });
  }

  scanAll(): void {
    this.#scans.set(ALL_BLOCKS, { after: 0 });
  }

  /** Looks at all blocks in redundancy_check and goes on with the scans. True when there is more to do: call again at once. */
  async round(signal: AbortSignal): Promise<boolean> {
    let found = 0;
    for (let after: number | undefined = 0; after !== undefined && !signal.aborted; ) {
      after = await this.#checkSlice(after);
      await nextTurn();
    }
    for (let i = 0; i < SCAN_SLICES_PER_ROUND && this.#scans.size > 0 && !signal.aborted; i++) {
      found += await this.#scanSlice();
      await nextTurn();
    }
    return found > 0 || this.#scans.size > 0;
  }

  /** Has these looked at in the next round. */
  requestChecks(blocks: readonly number[]): Promise<void> {
    return this.#options.journal.mutate(({ db }) => {
      for (const block of blocks) checks.requestCheck(db, block);
    });
  }

  /** Deletes corrupt replicas for which there is no other place, unless they are not corrupt any more, or no other one is surely good. */
  giveWay(replicas: readonly CorruptReplica[]): Promise<void> {
    const { journal, datanodes, verifications, clock, minReplication } = this.#options;
    return journal.mutate(({ db }) => {
      for (const { block: id, storage } of replicas) {
        if (verifications.isInDoubt(id, clock.monotonicMs())) continue; // asked again in the next round
        const block = blockRow(db, id);
        if (block === undefined || replicaRow(db, id, storage)?.state !== ReplicaRowState.CORRUPT) continue;
        if (countReadable(healthOf(db, block, datanodes)) < minReplication) continue;
        setReplicaState(db, id, storage, ReplicaRowState.INVALIDATE);
      }
    });
  }

  /** Removes the rows of a storage whose DataNode is gone for good. */
  async removeStorage(storage: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const left = await this.#options.journal.mutate(({ db }) => removeSlice(db, storage));
      if (!left) return;
      await nextTurn();
    }
  }

  /** Returns the last block that it looked at; undefined when no other is left. */
  async #checkSlice(after: number): Promise<number | undefined> {
    const { journal } = this.#options;
    if (checks.checksAfter(journal.committed, after, 1).length === 0) return undefined;
    return journal.mutate((transaction) => {
      const ids = checks.checksAfter(transaction.db, after, BLOCKS_PER_SLICE);
      this.#look(ids, transaction);
      return ids.at(-1);
    });
  }

  #look(ids: readonly number[], transaction: Transaction): void {
    const { db } = transaction;
    const complete: number[] = [];
    for (const id of ids) {
      const block = blockRow(db, id);
      if (block?.state === BlockState.COMPLETE) {
        const decision = this.#decide(db, block);
        carryOut(db, id, decision);
        if (!decision.again) checks.removeCheck(db, id);
      } else {
        if (block?.state === BlockState.COMMITTED && this.#hasMinimum(db, block)) complete.push(id);
        checks.unqueueBlock(db, id);
        checks.removeCheck(db, id);
      }
    }
    if (complete.length > 0) {
      transaction.log({ op: 'completeBlocks', timeMs: this.#options.clock.now(), blocks: complete });
    }
  }

  #hasMinimum(db: Database, block: BlockRow): boolean {
    return countReadable(healthOf(db, block, this.#options.datanodes)) >= this.#options.minReplication;
  }

  #decide(db: Database, block: BlockRow): Decision {
    const { datanodes, invalidations, arrivals, clock, isToGo } = this.#options;
    const canKeep = ({ row, storage }: Replica): boolean => !invalidations.isOrdered(storage, row.block);
    const settling = arrivals.has(block.id, clock.monotonicMs());
    return decide(healthOf(db, block, datanodes), canKeep, settling, ({ storage }) => isToGo(block.id, storage));
  }

  /** Returns how many blocks are to be looked at. */
  async #scanSlice(): Promise<number> {
    const [what, scan] = [...this.#scans][0] as [StorageDescriptor | typeof ALL_BLOCKS, Scan];
    const db = this.#options.journal.committed;
    const ids =
      what === ALL_BLOCKS
        ? blockIdsAfter(db, scan.after, BLOCKS_PER_SLICE)
        : blocksOfStorage(db, what.id, scan.after, BLOCKS_PER_SLICE);
    scan.after = ids.at(-1) ?? scan.after;
    const unwell = ids.filter((id) => !this.#isWell(db, id));
    if (unwell.length > 0) await this.requestChecks(unwell);
    // It may have been asked for again meanwhile, from the beginning.
    if (ids.length < BLOCKS_PER_SLICE && this.#scans.get(what) === scan) this.#scans.delete(what);
    return unwell.length;
  }

  #isWell(db: Database, id: number): boolean {
    const block = blockRow(db, id);
    const queued = checks.queuedPriority(db, id);
    if (block?.state === BlockState.COMPLETE) return changesNothing(this.#decide(db, block), queued);
    return queued === undefined && block?.state !== BlockState.COMMITTED;
  }
}

function carryOut(db: Database, id: number, { corrupt, keep, excess, invalidate, priority }: Decision): void {
  const set = (replicas: readonly Replica[], state: number): void => {
    for (const { row } of replicas) setReplicaState(db, id, row.storage, state);
  };
  set(corrupt, ReplicaRowState.CORRUPT);
  set(keep, ReplicaRowState.LIVE);
  set(excess, ReplicaRowState.EXCESS);
  set(invalidate, ReplicaRowState.INVALIDATE);
  if (priority === undefined) checks.unqueueBlock(db, id);
  else checks.queueBlock(db, id, priority);
}

/** False when nothing is left, or the storage has come back to life. */
function removeSlice(db: Database, storage: number): boolean {
  if (datanodeRows.hasOwner(db, storage)) return false;
  const blocks = blocksOfStorage(db, storage, 0, BLOCKS_PER_SLICE);
  changeReplicas(db, (changes) => {
    for (const block of blocks) {
      changes.remove(storage, block);
      checks.requestCheck(db, block);
    }
  });
  if (blocks.length > 0) return true;
  datanodeRows.removeStorage(db, storage);
  return false;
}
