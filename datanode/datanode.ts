/**
 * A DataNode: its volumes, its data server, and its talk with the NameNode. Everything that it touches is injected: main.ts gives it the real world,
 * a simulation another one.
 */
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { Disk } from '../common/disk.js';
import { DfsError, messageOf, toDfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import type {
  BlockStreamHandlers,
  DatanodeProtocolClient,
  InterDatanodeProtocolHandlers,
} from '../common/rpc/services.js';
import { SmallBlockConnections } from '../common/small-block-connection.js';
import { VERSION } from '../common/version.js';
import type { DatanodeCommand__Output } from '../proto/generated/minihdfs/DatanodeCommand.js';
import type { RecoverCommand__Output } from '../proto/generated/minihdfs/RecoverCommand.js';
import type { ReplicaLocation__Output } from '../proto/generated/minihdfs/ReplicaLocation.js';
import type { Peer, RecoveryOrder } from './block-recovery.js';
import { BlockRecovery } from './block-recovery.js';
import { DataXceiver } from './data-xceiver.js';
import type { DatanodeSettings } from './datanode-settings.js';
import type { Volume } from './disk/volume.js';
import type { LockDirectory } from './disk/volume-set.js';
import { VolumeSet } from './disk/volume-set.js';
import { IncrementalReports } from './incremental-reports.js';
import type { IntegrityStatus } from './integrity.js';
import { Integrity } from './integrity.js';
import { JournalCheckpoints } from './journal-checkpoints.js';
import { NamenodeLink } from './namenode-link.js';
import { Pace } from './pace.js';
import { toBlock, toPipelineNode } from './pipeline-node.js';
import { ReplicaCatalog } from './replica-catalog.js';
import type { TransferTarget } from './replica-copy.js';
import { ReplicaRecovery } from './replica-recovery.js';
import { ReplicaRemoval } from './replica-removal.js';
import { ReplicaStore } from './replica-store.js';
import { noteRestart } from './restart-notes.js';
import { blockStreamHandlers } from './rpc/block-stream.js';
import { interDatanodeHandlers } from './rpc/inter-datanode-protocol.js';
import { DataServer } from './tcp/data-server.js';
import { Transfers } from './transfers.js';

export interface DatanodeDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly namenode: DatanodeProtocolClient;
  /** How another DataNode's RPC port is reached. */
  readonly connectPeer: (host: string, rpcPort: number) => Peer;
  readonly lockDirectory: LockDirectory;
  readonly logger: Logger;
  /** The DataNode cannot go on: too many disks have failed, or the NameNode turned it away. */
  readonly onFatal: (error: DfsError) => void;
}

export interface DatanodeStatus {
  readonly registered: boolean;
  /** Milliseconds since the NameNode last answered a heartbeat. */
  readonly lastContactMs: number | undefined;
  readonly failedVolumes: number;
  readonly replicas: number;
  /** Of these, small ones that have no files of their own yet. */
  readonly journalledReplicas: number;
  /** Operations of the data plane that are being carried out. */
  readonly activeTransfers: number;
  readonly copiesPending: number;
  readonly deletionsPending: number;
  readonly recoveriesPending: number;
  readonly reportsPending: number;
  readonly integrity: IntegrityStatus;
}

/** Data written and not synced before a sync in the background begins, when blocks are synced at their end. */
const SYNC_BEHIND_BYTES = 8 * 1024 ** 2;
/** Received and not yet written, of one block. */
const MAX_PENDING_BYTES = 8 * 1024 ** 2;
/** A connection to another DataNode for small blocks is kept for so long without one. */
const SMALL_BLOCKS_IDLE_MS = 10_000;

export class Datanode {
  readonly blockStream: BlockStreamHandlers;
  readonly interDatanode: InterDatanodeProtocolHandlers;
  readonly volumes: VolumeSet;
  readonly #dependencies: DatanodeDependencies;
  readonly #settings: DatanodeSettings;
  readonly #catalog: ReplicaCatalog;
  readonly #reports: IncrementalReports;
  readonly #store: ReplicaStore;
  readonly #removal: ReplicaRemoval;
  readonly #transfers: Transfers;
  /** Copies that the balancer orders: apart from the others, so that neither waits for the other. */
  readonly #moves: Transfers;
  readonly #balancePace: Pace;
  readonly #recovery: BlockRecovery;
  readonly #xceiver: DataXceiver;
  readonly #server: DataServer;
  readonly #integrity: Integrity;
  readonly #smallBlocks: SmallBlockConnections;
  readonly #checkpoints: JournalCheckpoints;
  #link: NamenodeLink | undefined;
  #isFatal = false;

  /**
   * Takes the directories and finds out what is in them.
   * @throws DfsError `DirectoryLocked`, `InvalidConfiguration`, `DamagedMetadata`.
   */
  static async open(dependencies: DatanodeDependencies, settings: DatanodeSettings): Promise<Datanode> {
    const { disk, clock, random, logger, lockDirectory } = dependencies;
    const { dataDirectories: roots, directoryMode, reservedBytes, failedVolumesTolerated, journalBytes } = settings;
    const limits = { directoryMode, reservedBytes, failedVolumesTolerated, journalBytes };
    const options = { disk, clock, random, logger, lockDirectory, roots, ...limits };
    const volumes = await VolumeSet.open(options);
    try {
      const datanode = new Datanode(dependencies, settings, volumes);
      await datanode.#store.load(clock.now());
      return datanode;
    } catch (error) {
      volumes.release();
      throw error;
    }
  }

  private constructor(dependencies: DatanodeDependencies, settings: DatanodeSettings, volumes: VolumeSet) {
    const { clock, random, network, logger, connectPeer } = dependencies;
    const { syncOnClose, timeouts, expectedBlockBytes, maxConnections, checksum, packetBytes, slowPacketMs } = settings;
    this.#dependencies = dependencies;
    this.#settings = settings;
    this.volumes = volumes;
    this.#reports = new IncrementalReports({ summarize: () => this.#catalog.summaries() });
    this.#catalog = new ReplicaCatalog(volumes, this.#reports);
    const store = new ReplicaStore({ volumes, catalog: this.#catalog, logger, syncOnClose });
    const clusterId = (): string => volumes.clusterId;
    const writing = { maxPendingBytes: MAX_PENDING_BYTES, syncBehindBytes: syncOnClose ? SYNC_BEHIND_BYTES : 0 };
    this.#smallBlocks = new SmallBlockConnections({
      network,
      clock,
      poolId: clusterId,
      connectTimeoutMs: timeouts.readTimeoutMs,
      writeTimeoutMs: timeouts.writeTimeoutMs,
      idleMs: SMALL_BLOCKS_IDLE_MS,
    });
    const services = {
      store,
      smallBlocks: this.#smallBlocks,
      network,
      clock,
      logger,
      timeouts,
      writing,
      slowPacketMs,
      expectedBlockBytes,
      requireNamenode: () => this.#requireNamenode(),
      clusterId,
      maxConnections,
    };
    this.#store = store;
    this.#checkpoints = new JournalCheckpoints({ store, clock, logger, intervalMs: settings.journalIntervalMs });
    this.#integrity = new Integrity({ store, clock, random, logger, settings: settings.integrity });
    this.#removal = new ReplicaRemoval(store, logger);
    this.#xceiver = new DataXceiver(services);
    this.#server = new DataServer({
      ...services,
      xceiver: this.#xceiver,
      host: settings.dataHost,
      port: settings.dataPort,
    });
    const onEnded = (): void => this.#link?.hurry();
    this.#transfers = new Transfers({ ...services, maxConcurrent: settings.maxCopies, onEnded });
    this.#balancePace = new Pace(settings.balanceBytesPerSecond, clock);
    const pace = this.#balancePace;
    this.#moves = new Transfers({ ...services, pace, maxConcurrent: settings.maxMoves, onEnded });
    const { datanodeUuid } = volumes;
    this.blockStream = blockStreamHandlers({
      ...services,
      xceiver: this.#xceiver,
      datanodeUuid,
      checksum,
      packetBytes,
    });
    const replicas = new ReplicaRecovery(store);
    this.interDatanode = interDatanodeHandlers({ clusterId, replicas });
    this.#recovery = new BlockRecovery({
      datanodeUuid,
      clusterId,
      replicas,
      connectPeer,
      commit: async (result, signal) => await this.#link?.commitRecovery(result, signal),
      clock,
      random,
      logger,
    });
    volumes.onFailure = (volume, reason) => void this.#onVolumeFailure(volume, reason);
  }

  /** Serves data from now on. @throws DfsError `PortInUse`. */
  async listen(): Promise<{ dataPort: number }> {
    await this.#server.start();
    this.#checkpoints.start();
    return { dataPort: this.#server.port };
  }

  /**
   * Registers with the NameNode, waiting for it as long as it takes, and keeps in touch from then on. `ports` are those of the other servers of the
   * process.
   * @throws DfsError `WrongCluster`, `DisallowedDatanode`; `Cancelled`.
   */
  async join(ports: { readonly rpcPort: number; readonly httpPort: number }, signal: AbortSignal): Promise<void> {
    const { advertisedHost: host, rack } = this.#settings;
    const id = { uuid: this.volumes.datanodeUuid, host, dataPort: this.#server.port, ...ports };
    const link = new NamenodeLink({
      ...this.#dependencies,
      volumes: this.volumes,
      catalog: this.#catalog,
      reports: this.#reports,
      identity: { id, rack, version: VERSION },
      load: () => this.#load(),
      onHeartbeatAnswered: ({ failedTransfers, failedMoves }) => {
        this.#transfers.failuresTold(failedTransfers?.length ?? 0);
        this.#moves.failuresTold(failedMoves?.length ?? 0);
      },
      execute: (command) => this.#execute(command),
    });
    this.#link = link;
    await link.join(signal);
    link.start((error) => this.#fail(error));
    this.#integrity.start();
  }

  /**
   * A DataNode that the NameNode may have given up takes no new blocks: they would count for nothing.
   * @throws DfsError `RetryLater`.
   */
  #requireNamenode(): void {
    const sinceMs = this.#link?.sinceAnswerMs ?? 0;
    if (sinceMs <= this.#settings.isolatedAfterMs) return;
    const seconds = Math.round(sinceMs / 1000);
    throw new DfsError('RetryLater', `It has not reached its NameNode for ${seconds} s and takes no new blocks`);
  }

  status(): DatanodeStatus {
    return {
      registered: this.#link?.registered ?? false,
      lastContactMs: this.#link?.sinceAnswerMs,
      failedVolumes: this.volumes.failedCount,
      replicas: this.#catalog.finalizedCount,
      journalledReplicas: this.volumes.all.reduce((sum, { journalledCount }) => sum + journalledCount, 0),
      activeTransfers: this.#xceiver.activeCount,
      copiesPending: this.#transfers.pendingCount,
      deletionsPending: this.#removal.pendingCount,
      recoveriesPending: this.#recovery.pendingCount,
      reportsPending: this.#reports.pendingCount,
      integrity: this.#integrity.status(),
    };
  }

  /**
   * Ends in order: no new work, what runs is cut off, files are closed, the directories given back. Writers are told that the DataNode is
   * expected back, unless it stops because it cannot go on. (HDFS does that when it is shut down for an upgrade.)
   */
  async stop(): Promise<void> {
    await this.#integrity.stop();
    await this.#link?.stop();
    await this.#server.close();
    if (!this.#isFatal) await this.#xceiver.announceRestart();
    this.#xceiver.stop();
    this.#smallBlocks.close();
    await this.#server.stop();
    await this.#recovery.stop();
    await this.#transfers.stop();
    await this.#moves.stop();
    await this.#removal.stop();
    await this.#checkpoints.stop();
    const { clock, logger } = this.#dependencies;
    if (!this.#isFatal) await noteRestart(this.#store, clock.now() + this.#settings.restartReplicaExpiryMs, logger);
    this.volumes.release();
  }

  #fail(error: unknown): void {
    this.#isFatal = true;
    this.#dependencies.onFatal(toDfsError(error));
  }

  #load() {
    return {
      activeTransfers: this.#xceiver.activeCount,
      maxTransfers: this.#settings.maxConnections,
      replicationsInProgress: this.#transfers.pendingCount,
      failedVolumes: this.volumes.failedCount,
      failedTransfers: [...this.#transfers.failures],
      failedMoves: [...this.#moves.failures],
    };
  }

  #execute({ command, transfer, invalidate, recover, balancerBandwidth, verify }: DatanodeCommand__Output): void {
    try {
      if (command === 'recover' && recover) this.#recovery.order(toRecoveryOrder(recover));
      if (command === 'invalidate') this.#removal.invalidate((invalidate?.blocks ?? []).map(toBlock));
      if (command === 'verify') this.#integrity.verify((verify?.blocks ?? []).map(toBlock));
      if (command === 'transfer' && transfer) {
        const order = { block: toBlock(transfer.block), targets: transfer.targets.map(toTarget) };
        if (transfer.balancing) this.#moves.order(order);
        else this.#transfers.order(order);
      }
      if (balancerBandwidth && balancerBandwidth.bytesPerSecond > 0)
        this.#balancePace.change(balancerBandwidth.bytesPerSecond);
    } catch (error) {
      this.#dependencies.logger.error(
        { command, reason: messageOf(error) },
        'a command of the NameNode cannot be carried out',
      );
      this.#link?.tellError(`cannot carry out ${command}: ${messageOf(error)}`);
    }
  }

  /** The replicas of a failed volume are gone, as far as anyone can tell. The NameNode has the others copied. */
  async #onVolumeFailure(volume: Volume, reason: string): Promise<void> {
    this.#link?.hurry();
    this.#link?.tellError(`the volume ${volume.layout.root} has failed: ${reason}`);
    try {
      this.volumes.requireEnough(volume, reason);
    } catch (error) {
      this.#fail(error);
      return;
    }
    for (const { volume: index, writer } of [...this.#catalog.allInPipeline()]) {
      if (index === volume.index) await writer?.stop('its volume has failed');
    }
    this.#catalog.forget(volume);
  }
}

function toTarget(location: ReplicaLocation__Output): TransferTarget {
  return { node: toPipelineNode(location), storageId: location.storageId };
}

function toRecoveryOrder(command: RecoverCommand__Output): RecoveryOrder {
  const { block, newGenerationStamp: recoveryId, locations, givenUp, truncate } = command;
  return { block: toBlock(block), recoveryId, locations: locations.map(toTarget), givenUp, truncate };
}
