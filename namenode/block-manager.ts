/** What the namespace asks about blocks (see blocks.ts), answered from the rows and from what is known of the DataNodes. */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { healthOf } from './block-health.js';
import type { BlockRecoveries, RecoveryOrder } from './block-recoveries.js';
import type { Blocks, LocatedReplicas, Location, SafeModeStatus, Target, TargetRequest } from './blocks.js';
import { clusterView } from './cluster-view.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import type { Journal } from './journal.js';
import { rackOfHost, sortForReader } from './network-topology.js';
import { choosePlacement, noTargetsMessage } from './placement-policy.js';
import { RepairTimes } from './repair-times.js';
import { isFinished, matches } from './replica-judgement.js';
import type { ReplicaWaits } from './replica-waits.js';
import type { SafeMode } from './safe-mode.js';
import { blockRow } from './storage/block-rows.js';
import type { ExpectedReplica } from './storage/edit-records.js';
import { requestCheck } from './storage/redundancy-rows.js';
import { replicaRow, replicasOfBlock, setReplicaState } from './storage/replica-rows.js';
import type { BlockRow } from './storage/rows.js';
import { BlockState, ReplicaRowState } from './storage/schema.js';
import type { Verifications } from './verifications.js';

export interface BlockManagerOptions {
  readonly journal: Journal;
  readonly datanodes: DatanodeManager;
  readonly safeMode: SafeMode;
  readonly recoveries: BlockRecoveries;
  readonly verifications: Verifications;
  readonly waits: ReplicaWaits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Blocks under repair that are looked at in one go: a few milliseconds. */
const REPAIRS_PER_LOOK = 100;

export class BlockManager implements Blocks {
  readonly #options: BlockManagerOptions;
  readonly #repairs = new RepairTimes();

  constructor(options: BlockManagerOptions) {
    this.#options = options;
  }

  chooseTargets(request: TargetRequest): Target[] {
    const { datanodes, clock, random, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    const { targets, refusals } = choosePlacement(clusterView(datanodes.nodes, nowMs), request, random);
    if (targets.length === 0) throw new DfsError('NoTargets', noTargetsMessage(request.count, refusals));
    if (targets.length < request.count) {
      logger.debug({ wanted: request.count, chosen: targets.length, refusals }, 'fewer targets than wanted');
    }
    for (const target of targets) datanodes.storageOf(target)?.scheduled.promise(request.blockSizeBytes, nowMs);
    return [...targets];
  }

  notWritten(targets: readonly Target[]): void {
    for (const target of targets) this.#options.datanodes.storageOf(target)?.scheduled.arrived();
  }

  locate(db: Database, blockId: number, readerHost: string): LocatedReplicas {
    const block = blockRow(db, blockId);
    if (block === undefined) return { locations: [], corrupt: false };
    const pipeline = block.state === BlockState.COMPLETE ? [] : this.#pipeline(block);
    if (pipeline.length > 0) return { locations: this.#sorted(pipeline, readerHost), corrupt: false };
    const { good, surplus, corrupt } = this.#replicas(db, block);
    const chosen = [good, surplus, corrupt].find((storages) => storages.length > 0) ?? [];
    return { locations: this.#sorted(chosen, readerHost), corrupt: chosen === corrupt };
  }

  describe(targets: readonly Target[]): Location[] {
    const { datanodes } = this.#options;
    return targets.flatMap((target) => {
      const storage = datanodes.storageOf(target);
      return storage === undefined ? [] : [storage.datanode.location(storage.uuid)];
    });
  }

  countLive(db: Database, block: Block): number {
    const holders = new Set<string>();
    for (const row of replicasOfBlock(db, block.blockId)) {
      const storage = this.#options.datanodes.storage(row.storage);
      const good =
        row.state === ReplicaRowState.LIVE &&
        row.generation_stamp === block.generationStamp &&
        row.length === block.numBytes;
      if (good && storage?.counts) holders.add(storage.datanode.uuid);
    }
    return holders.size;
  }

  async untilLive(block: Block, count: number, signal: AbortSignal | undefined): Promise<void> {
    const { waits, journal } = this.#options;
    const isThere = (): boolean => this.countLive(journal.committed, block) >= count;
    await waits.until(block.blockId, isThere, signal);
  }

  async reportedBad(block: Block, datanodeUuid: string, storageUuid: string): Promise<void> {
    await this.#mark(block, datanodeUuid, storageUuid, (db, node) => this.#isLast(db, block.blockId, node));
  }

  async markCorrupt(block: Block, datanodeUuid: string, storageUuid: string): Promise<void> {
    await this.#mark(block, datanodeUuid, storageUuid, () => false);
  }

  /** `doubt` says whether the replicas of the DataNode are to be verified first. */
  async #mark(
    block: Block,
    datanodeUuid: string,
    storageUuid: string,
    doubt: (db: Database, node: DatanodeDescriptor) => boolean,
  ): Promise<void> {
    const { journal, datanodes, verifications, clock, logger } = this.#options;
    const node = datanodes.node(datanodeUuid);
    if (node === undefined) return;
    // A reader that speaks only gRPC need not know which storage it was.
    const storages = [...node.storages.values()].filter(({ uuid }) => storageUuid === '' || uuid === storageUuid);
    const marked = await journal.mutate(({ db }) => {
      if (!doubt(db, node)) return storages.filter((storage) => markRow(db, block, storage));
      verifications.ask(node, block, clock.monotonicMs());
      return [];
    });
    if (marked.length === 0) return;
    logger.warn({ block: blockName(block), datanode: node.name }, 'a replica is corrupt');
    this.#repairs.reported(block.blockId, clock.monotonicMs());
  }

  /** Whether the DataNode has a good replica of the block, and no other one has. */
  #isLast(db: Database, blockId: number, node: DatanodeDescriptor): boolean {
    const block = blockRow(db, blockId);
    if (block === undefined) return false;
    const { good, leaving, maintenance } = healthOf(db, block, this.#options.datanodes);
    const readable = [...good, ...leaving, ...maintenance.filter(({ storage }) => storage.counts)];
    return readable.length > 0 && readable.every((replica) => replica.node === node);
  }

  /** Logs how long repairs took that have ended since the last call. */
  noteRepairs(db: Database): void {
    const { datanodes, clock, logger } = this.#options;
    for (const id of this.#repairs.next(REPAIRS_PER_LOOK)) {
      const block = blockRow(db, id);
      if (block !== undefined && healthOf(db, block, datanodes).good.length < block.replication) continue;
      const repairMs = Math.round(this.#repairs.ended(id, clock.monotonicMs()));
      if (block !== undefined) logger.info({ blockId: id, repairMs }, 'a corrupt replica has been made up for');
    }
  }

  canRecover(targets: readonly Target[]): boolean {
    return this.#options.recoveries.canRecover(targets);
  }

  isRecovering(blockId: number, recoveryId: number): boolean {
    return this.#options.recoveries.isUnderWay(blockId, recoveryId);
  }

  recover(order: RecoveryOrder): void {
    this.#options.recoveries.begin(order);
  }

  recovered(blockId: number): void {
    this.#options.recoveries.ended(blockId);
  }

  safeMode(): SafeModeStatus {
    return this.#options.safeMode.status();
  }

  requireNoSafeMode(what: string): void {
    this.#options.safeMode.requireOff(what);
  }

  /** The storages that a block is being written to. */
  #pipeline({ expected }: BlockRow): StorageDescriptor[] {
    const replicas = JSON.parse(expected ?? '[]') as ExpectedReplica[];
    const { datanodes } = this.#options;
    return replicas.flatMap(([datanodeUuid, storageUuid]) => {
      const storage = datanodes.storageOf({ datanodeUuid, storageUuid });
      return storage !== undefined && isReadable(storage) ? [storage] : [];
    });
  }

  /** The storages with finalized replicas that can be read, by what these are worth. */
  #replicas(db: Database, block: BlockRow) {
    const good: StorageDescriptor[] = [];
    const surplus: StorageDescriptor[] = [];
    const corrupt: StorageDescriptor[] = [];
    for (const row of replicasOfBlock(db, block.id)) {
      const storage = this.#options.datanodes.storage(row.storage);
      if (storage === undefined || !isReadable(storage) || row.state === ReplicaRowState.INVALIDATE) continue;
      const right = isFinished(block) ? matches(block, row) : row.generation_stamp === block.generation_stamp;
      if (!right || row.state === ReplicaRowState.CORRUPT) corrupt.push(storage);
      else if (row.state === ReplicaRowState.EXCESS) surplus.push(storage);
      else good.push(storage);
    }
    return { good, surplus, corrupt };
  }

  #sorted(storages: readonly StorageDescriptor[], readerHost: string): Location[] {
    const { datanodes, random } = this.#options;
    const places = [...datanodes.nodes].map(({ address }) => address);
    const located = storages.map((storage) => ({
      ...storage.datanode.location(storage.uuid),
      doubtful: !storage.counts || storage.datanode.state !== 'live' || mayGo(storage.datanode),
    }));
    const reader = { host: readerHost, rack: rackOfHost(readerHost, places) };
    return sortForReader(located, reader, ({ doubtful }) => doubtful, random).map(
      ({ doubtful: _, ...location }) => location,
    );
  }
}

/**
 * Whether it is worth a try to read there: also from a DataNode that has not registered since the NameNode was started, which most often
 * serves reads all the time.
 */
function isReadable(storage: StorageDescriptor): boolean {
  return storage.datanode.state !== 'dead' && !storage.failed;
}

/** It may be taken away any moment (HDFS: such DataNodes come last). */
function mayGo({ adminState }: DatanodeDescriptor): boolean {
  return adminState === 'decommissioned' || adminState === 'in-maintenance';
}

/** False when there is no such replica, or it is to be deleted anyway. */
function markRow(db: Database, block: Block, storage: StorageDescriptor): boolean {
  const row = replicaRow(db, block.blockId, storage.id);
  if (row?.state !== ReplicaRowState.LIVE || row.generation_stamp !== block.generationStamp) return false;
  setReplicaState(db, block.blockId, storage.id, ReplicaRowState.CORRUPT);
  requestCheck(db, block.blockId);
  return true;
}
