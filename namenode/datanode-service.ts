/**
 * What the NameNode does with each message of a DataNode: passes it to the managers whose matter it is, and says what the DataNode shall do.
 * The messages have been validated (rpc/datanode-protocol.ts).
 */
import { type Block, blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Balancer } from './balancer.js';
import { healthOf } from './block-health.js';
import type { BlockRecoveries } from './block-recoveries.js';
import type { Blocks, Target } from './blocks.js';
import type { DatanodeCommand } from './datanode-command.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager, Registration } from './datanode-manager.js';
import type { FullBlockReports, ReportPart } from './full-block-reports.js';
import type { FullReportRequests } from './full-report-requests.js';
import type { Heartbeat, HeartbeatManager } from './heartbeat-manager.js';
import type { IncrementalReports, ReplicaEvent } from './incremental-reports.js';
import type { Invalidations } from './invalidations.js';
import type { Journal } from './journal.js';
import type { OpenReplicas, OpenReplicaVerdict } from './open-replicas.js';
import type { RedundancyMonitor } from './redundancy-monitor.js';
import type { ReplicationMonitor } from './replication-monitor.js';
import type { SafeMode } from './safe-mode.js';
import { blockRow } from './storage/block-rows.js';
import { storageRow } from './storage/datanode-rows.js';
import type { BlockRow } from './storage/rows.js';
import { BlockState } from './storage/schema.js';
import { compareDigest, type StorageReport } from './storage-report.js';
import type { Verifications } from './verifications.js';

/** Whom a message says it is from. */
export interface Sender {
  readonly datanodeUuid: string;
  readonly registrationId: string;
}

export interface HeartbeatMessage extends Heartbeat {
  /** Copies that were ordered and are not finished. */
  readonly replicationsInProgress: number;
  /** Copies that were ordered and failed. */
  readonly failedTransfers: readonly Block[];
  /** The same of copies for the balancer. */
  readonly failedMoves: readonly Block[];
}

export interface ReportedEvent extends Omit<ReplicaEvent, 'storage'> {
  readonly storageUuid: string;
}

export interface BadReplica {
  readonly block: Block;
  readonly datanodeUuid: string;
  readonly storageUuid: string;
}

export interface DatanodeServiceOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly blocks: Blocks;
  readonly datanodes: DatanodeManager;
  readonly heartbeats: HeartbeatManager;
  readonly requests: FullReportRequests;
  readonly fullReports: FullBlockReports;
  readonly incrementalReports: IncrementalReports;
  readonly openReplicas: OpenReplicas;
  readonly recoveries: BlockRecoveries;
  readonly verifications: Verifications;
  readonly invalidations: Invalidations;
  readonly redundancy: RedundancyMonitor;
  readonly replication: ReplicationMonitor;
  readonly balancer: Balancer;
  readonly safeMode: SafeMode;
  /** dfs.block.invalidate.limit */
  readonly invalidateLimit: number;
  /** Called with storages whose DataNode is gone for good. */
  removeStorages(storages: readonly StorageDescriptor[]): void;
}

export class DatanodeService {
  readonly #options: DatanodeServiceOptions;
  /** Racks when last looked at: the second one makes all blocks badly spread. */
  #racks = 0;
  /** As an administrator has set it; undefined: what each DataNode is configured with. */
  #balancerBandwidth: number | undefined;
  /** In which registration a DataNode was told. */
  #toldBandwidth = new WeakMap<DatanodeDescriptor, string>();

  constructor(options: DatanodeServiceOptions) {
    this.#options = options;
  }

  /** @returns the id of the registration. @throws DfsError `WrongCluster`. */
  async register(registration: Registration): Promise<string> {
    const { datanodes, redundancy, replication, balancer, openReplicas, logger, removeStorages } = this.#options;
    const { node, registrationId, changed, replaced } = await datanodes.register(registration);
    logger.info({ datanode: node.name, uuid: node.uuid, rack: node.address.rack }, 'a DataNode has registered');
    for (const gone of replaced) {
      logger.warn(
        { datanode: gone.name, uuid: gone.uuid, by: node.uuid },
        'a DataNode was replaced by another at its address',
      );
      replication.drop(gone);
      removeStorages([...gone.storages.values()]);
    }
    replication.drop(node);
    balancer.drop(node);
    openReplicas.drop(node);
    for (const storage of changed) redundancy.scanStorage(storage);
    this.#noteRacks();
    return registrationId;
  }

  heartbeat(sender: Sender, message: HeartbeatMessage): DatanodeCommand[] {
    const { datanodes, heartbeats, redundancy, clock, safeMode } = this.#options;
    const node = datanodes.registered(sender.datanodeUuid, sender.registrationId);
    if (node === undefined || message.storages.some(({ uuid }) => !node.storages.has(uuid)))
      return [{ kind: 'register' }];
    const countedBefore = new Set([...node.storages.values()].filter((storage) => storage.counts));
    heartbeats.heartbeat(node, message, clock.monotonicMs());
    const commands = [...this.#fullReports(node, message.storages), ...this.#bandwidth(node)];
    for (const storage of node.storages.values()) {
      if (storage.counts !== countedBefore.has(storage)) redundancy.scanStorage(storage);
    }
    if (!safeMode.isOn) commands.push(...this.#work(node, message));
    return commands;
  }

  /** Takes in one part of a full report of one storage. */
  async blockReport(sender: Sender, storageUuid: string, part: ReportPart): Promise<DatanodeCommand[]> {
    const { datanodes, fullReports, redundancy, openReplicas, safeMode } = this.#options;
    const node = datanodes.registered(sender.datanodeUuid, sender.registrationId);
    const storage = node?.storages.get(storageUuid);
    if (node === undefined || storage === undefined) return [{ kind: 'register' }];
    const counted = storage.counts;
    const unfinished = await fullReports.receive(node, storage, part);
    for (const replica of unfinished) openReplicas.begun(storage, replica);
    if (storage.counts && !counted) redundancy.scanStorage(storage);
    const leftovers = safeMode.isOn ? [] : unfinished.filter((replica) => this.#isLeftOver(replica));
    return leftovers.length > 0 ? [{ kind: 'invalidate', blocks: leftovers }] : [];
  }

  /** @throws DfsError `UnknownDatanode`: it has to register, and report again. */
  async receivedAndDeleted(sender: Sender, reportNumber: number, reported: readonly ReportedEvent[]): Promise<void> {
    const node = this.requireRegistered(sender);
    const events = reported.map(({ kind, block, storageUuid }) => {
      const storage = node.storages.get(storageUuid);
      if (storage !== undefined) return { kind, block, storage };
      throw new DfsError('UnknownDatanode', `DataNode ${node.uuid} has no storage ${storageUuid}: register again`);
    });
    await this.#options.incrementalReports.receive(node, reportNumber, events);
  }

  /** @throws DfsError `UnknownDatanode`. */
  async reportBadReplicas(sender: Sender, replicas: readonly BadReplica[]): Promise<void> {
    const node = this.requireRegistered(sender);
    this.#options.logger.warn({ datanode: node.name, replicas: replicas.length }, 'a DataNode reports bad replicas');
    for (const { block, datanodeUuid, storageUuid } of replicas) {
      const { blocks } = this.#options;
      if (datanodeUuid === node.uuid) await blocks.markCorrupt(block, datanodeUuid, storageUuid);
      else await blocks.reportedBad(block, datanodeUuid, storageUuid);
    }
  }

  /** @throws DfsError `UnknownDatanode`. */
  errorReport(sender: Sender, message: string): void {
    const node = this.requireRegistered(sender);
    this.#options.logger.error({ datanode: node.name, message }, 'a DataNode reports a fault');
  }

  /** A DataNode has been declared dead. */
  async died(node: DatanodeDescriptor): Promise<void> {
    const { redundancy, replication, balancer } = this.#options;
    replication.drop(node);
    balancer.drop(node);
    for (const storage of node.storages.values()) redundancy.scanStorage(storage);
    this.#noteRacks();
    await this.#options.datanodes.saveDead(node);
  }

  /** The replicas of a DataNode count in another way: it is taken out of service, or back into it. */
  adminChanged(node: DatanodeDescriptor): void {
    for (const storage of node.storages.values()) this.#options.redundancy.scanStorage(storage);
    this.#noteRacks();
  }

  /** How many bytes a second each DataNode copies for the balancer from now on. */
  setBalancerBandwidth(bytesPerSecond: number): void {
    this.#balancerBandwidth = bytesPerSecond;
    this.#toldBandwidth = new WeakMap();
  }

  #bandwidth(node: DatanodeDescriptor): DatanodeCommand[] {
    const bytesPerSecond = this.#balancerBandwidth;
    const { registrationId } = node;
    if (bytesPerSecond === undefined || registrationId === undefined) return [];
    if (this.#toldBandwidth.get(node) === registrationId) return [];
    this.#toldBandwidth.set(node, registrationId);
    return [{ kind: 'balancerBandwidth', bytesPerSecond }];
  }

  /** Asks a DataNode for full reports of its storages, with its next heartbeats. */
  wantFullReports(node: DatanodeDescriptor): void {
    for (const storage of node.storages.values()) this.#options.requests.want(storage);
  }

  /** A dead DataNode whose row has been removed is not mentioned any more. */
  forget(node: DatanodeDescriptor): void {
    const { datanodes, logger, removeStorages } = this.#options;
    const storages = [...node.storages.values()];
    datanodes.forget(node);
    removeStorages(storages);
    logger.info({ datanode: node.name, uuid: node.uuid }, 'a dead DataNode has been forgotten');
  }

  /** A replica event was processed. */
  processed({ kind, block, storage }: ReplicaEvent, node: DatanodeDescriptor): void {
    const { openReplicas, invalidations, replication, balancer } = this.#options;
    if (kind === 'receiving') {
      openReplicas.begun(storage, block);
      return;
    }
    openReplicas.ended(storage, block.blockId);
    if (kind === 'deleted') {
      invalidations.done(storage, block.blockId);
      balancer.deleted(block.blockId, storage);
      return;
    }
    storage.scheduled.arrived();
    replication.received(block.blockId, node.uuid);
    balancer.received(block.blockId, node.uuid);
  }

  /** @throws DfsError `UnknownDatanode`. */
  requireRegistered({ datanodeUuid, registrationId }: Sender): DatanodeDescriptor {
    const node = this.#options.datanodes.registered(datanodeUuid, registrationId);
    if (node !== undefined) return node;
    throw new DfsError(
      'UnknownDatanode',
      `DataNode ${datanodeUuid} is not registered under this registration: register again`,
    );
  }

  #fullReports(node: DatanodeDescriptor, reports: readonly StorageReport[]): DatanodeCommand[] {
    const { journal, requests, clock } = this.#options;
    const storageUuids = reports.flatMap((report) => {
      const storage = node.storages.get(report.uuid) as StorageDescriptor;
      const row = storageRow(journal.committed, storage.id);
      if (row === undefined) return [];
      return requests.shouldAsk(storage, compareDigest(row, report), clock.monotonicMs()) ? [report.uuid] : [];
    });
    return storageUuids.length > 0 ? [{ kind: 'fullReport', storageUuids }] : [];
  }

  /** Copies to make and replicas to delete. */
  #work(node: DatanodeDescriptor, message: HeartbeatMessage): DatanodeCommand[] {
    const { replicationsInProgress, failedTransfers, failedMoves } = message;
    const {
      journal,
      blocks,
      datanodes,
      clock,
      replication,
      balancer,
      recoveries,
      verifications,
      invalidations,
      openReplicas,
      requests,
      invalidateLimit,
      logger,
    } = this.#options;
    const transfers = replication.heartbeat(node, replicationsInProgress, failedTransfers);
    const commands: DatanodeCommand[] = transfers.map(({ block, targets }) => {
      logger.debug({ block: blockName(block), from: node.name, targets }, 'ordering a copy');
      return { kind: 'transfer', block, targets: blocks.describe(targets), balancing: false };
    });
    for (const { block, targets } of balancer.heartbeat(node, failedMoves))
      commands.push({ kind: 'transfer', block, targets: blocks.describe(targets), balancing: true });
    for (const { targets, ...order } of recoveries.ordersFor(node)) {
      const isDead = (target: Target): boolean => datanodes.storageOf(target)?.datanode.state === 'dead';
      const locations = blocks.describe(targets.filter((target) => !isDead(target)));
      commands.push({ kind: 'recover', ...order, locations, givenUp: targets.filter(isDead).length });
    }
    const doubted = verifications.next(node);
    if (doubted.length > 0) commands.push({ kind: 'verify', blocks: doubted });
    const nowMs = clock.monotonicMs();
    const deletions = invalidations.next(journal.committed, node, nowMs);
    const { leftovers, doubtful } = openReplicas.look(
      journal.committed,
      node,
      invalidateLimit - deletions.length,
      nowMs,
      (block, replica) => this.#judgeOpen(block, replica),
    );
    for (const storage of doubtful) requests.want(storage);
    if (deletions.length + leftovers.length > 0)
      commands.push({ kind: 'invalidate', blocks: [...deletions, ...leftovers] });
    return commands;
  }

  /**
   * Nobody needs the replica when the pipeline went on without it, under a newer stamp, and the block is complete: on other DataNodes, which are
   * there. Under the same stamp it may be finished just now; or a recovery has cut it, and gone on without it.
   */
  #judgeOpen(block: BlockRow, replica: Block): OpenReplicaVerdict {
    const { journal, datanodes } = this.#options;
    if (block.state !== BlockState.COMPLETE || replica.generationStamp > block.generation_stamp) return 'open';
    if (healthOf(journal.committed, block, datanodes).good.length === 0) return 'open';
    return replica.generationStamp < block.generation_stamp ? 'leftover' : 'late';
  }

  /**
   * Of a replica that a DataNode has just said not to be finalized: its block is complete without it. Under the same stamp it may be what a
   * recovery has left. That is certain only at this moment: of a block that is finished just now, events of some DataNodes are on their way.
   */
  #isLeftOver(replica: Block): boolean {
    const { journal, datanodes } = this.#options;
    const block = blockRow(journal.committed, replica.blockId);
    if (block?.state !== BlockState.COMPLETE || replica.generationStamp > block.generation_stamp) return false;
    return healthOf(journal.committed, block, datanodes).good.length > 0;
  }

  #noteRacks(): void {
    const { datanodes, redundancy } = this.#options;
    const before = this.#racks;
    this.#racks = datanodes.rackCount;
    if (before === 1 && this.#racks > 1) redundancy.scanAll();
  }
}
