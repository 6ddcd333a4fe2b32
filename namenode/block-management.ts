/**
 * Block management as one part of the NameNode: puts the managers together, and runs what has to be done from time to time.
 */
import type { Network } from '../common/channel.js';
import { type Clock, sleep } from '../common/clock.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { Balancer } from './balancer.js';
import { BlockManager } from './block-manager.js';
import { BlockRecoveries } from './block-recoveries.js';
import type { BlockSettings } from './block-settings.js';
import { DatanodeAdmin } from './datanode-admin.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import { DatanodeManager } from './datanode-manager.js';
import { DatanodeService } from './datanode-service.js';
import { FullBlockReports } from './full-block-reports.js';
import { FullReportRequests } from './full-report-requests.js';
import { HeartbeatManager } from './heartbeat-manager.js';
import { IncrementalReports } from './incremental-reports.js';
import { Invalidations } from './invalidations.js';
import type { Journal } from './journal.js';
import { OpenReplicas } from './open-replicas.js';
import { repeat } from './periodic.js';
import { RecentArrivals } from './recent-arrivals.js';
import { RedundancyMonitor } from './redundancy-monitor.js';
import { ReplicaWaits } from './replica-waits.js';
import { ReplicationMonitor } from './replication-monitor.js';
import { SafeMode } from './safe-mode.js';
import { storagesWithoutOwner } from './storage/datanode-rows.js';
import { probeDatanode } from './tcp/datanode-probe.js';
import { Verifications } from './verifications.js';

export interface BlockManagementOptions {
  readonly journal: Journal;
  readonly clusterId: string;
  readonly settings: BlockSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** For probing DataNodes that are silent. */
  readonly network: Network;
  readonly logger: Logger;
}

const PROBE_TIMEOUT_MS = 5_000;
/** HDFS: 30. The next attempt is under a higher id, so an early one does no harm. */
const RECOVERY_TIMEOUT_HEARTBEATS = 10;
const RECOVERY_TIMEOUT_MIN_MS = 10_000;

export class BlockManagement {
  readonly datanodes: DatanodeManager;
  readonly safeMode: SafeMode;
  readonly blocks: BlockManager;
  readonly service: DatanodeService;
  readonly admin: DatanodeAdmin;
  readonly balancer: Balancer;
  readonly #options: BlockManagementOptions;
  readonly #heartbeats: HeartbeatManager;
  readonly #replication: ReplicationMonitor;
  readonly #redundancy: RedundancyMonitor;
  readonly #stop = new AbortController();
  readonly #storagesToRemove: number[];
  /** Safe mode has let go, and all blocks are being looked at. */
  #isStarted = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: BlockManagementOptions) {
    const { journal, clusterId, settings, clock, random, logger } = options;
    const { committed } = journal;
    const { minReplication } = settings;
    this.#options = options;
    const datanodes = new DatanodeManager({
      journal,
      clusterId,
      minMaintenanceReplication: settings.minMaintenanceReplication,
      clock,
      random,
      logger,
    });
    const safeMode = new SafeMode({ committed, datanodes, settings: settings.safeMode, logger });
    const timeoutMs = Math.max(RECOVERY_TIMEOUT_MIN_MS, RECOVERY_TIMEOUT_HEARTBEATS * settings.heartbeatIntervalMs);
    const recoveries = new BlockRecoveries({ datanodes, clock, timeoutMs, logger });
    const verifications = new Verifications();
    const waits = new ReplicaWaits(clock);
    const blocks = new BlockManager({
      journal,
      datanodes,
      safeMode,
      recoveries,
      verifications,
      waits,
      clock,
      random,
      logger,
    });
    const heartbeats = new HeartbeatManager(settings.heartbeats, logger);
    const invalidations = new Invalidations(datanodes, settings.invalidateLimit);
    const arrivals = new RecentArrivals(settings.heartbeatIntervalMs);
    const isInSafeMode = (): boolean => safeMode.isOn;
    const balancer = new Balancer({ journal, datanodes, settings: settings.balancer, clock, logger, isInSafeMode });
    const redundancy = new RedundancyMonitor({
      journal,
      datanodes,
      invalidations,
      verifications,
      arrivals,
      clock,
      isToGo: (block, storage) => balancer.isToGo(block, storage),
      minReplication,
    });
    const replication = new ReplicationMonitor({
      committed,
      datanodes,
      settings: settings.replication,
      clock,
      random,
      logger,
    });
    const requests = new FullReportRequests();
    const fullReports = new FullBlockReports({ journal, requests, clock, logger });
    const incrementalReports = new IncrementalReports({
      journal,
      datanodes,
      clock,
      minReplication,
      mayComplete: () => !safeMode.isOn,
      listener: {
        announced: ({ storage, block }) => fullReports.noteEvent(storage, block.blockId),
        processed: (event, node) => {
          if (event.kind === 'received') {
            arrivals.note(event.block.blockId, clock.monotonicMs());
            waits.reported(event.block.blockId);
          }
          this.service.processed(event, node);
        },
      },
    });
    this.admin = new DatanodeAdmin({
      journal,
      datanodes,
      settings: settings.admin,
      clock,
      logger,
      onChanged: (node) => this.service.adminChanged(node),
      requestChecks: (blocks) => redundancy.requestChecks(blocks),
      isInSafeMode,
    });
    this.balancer = balancer;
    this.datanodes = datanodes;
    this.safeMode = safeMode;
    this.blocks = blocks;
    this.#heartbeats = heartbeats;
    this.#redundancy = redundancy;
    this.#replication = replication;
    this.#storagesToRemove = storagesWithoutOwner(committed);
    this.service = new DatanodeService({
      journal,
      clock,
      logger,
      blocks,
      datanodes,
      heartbeats,
      requests,
      fullReports,
      incrementalReports,
      openReplicas: new OpenReplicas(),
      recoveries,
      verifications,
      invalidations,
      redundancy,
      replication,
      balancer,
      safeMode,
      invalidateLimit: settings.invalidateLimit,
      removeStorages: (storages) =>
        this.#storagesToRemove.push(...storages.map((storage: StorageDescriptor) => storage.id)),
    });
  }

  /** Blocks with copies under way. */
  get pendingReconstructionBlocks(): number {
    return this.#replication.pendingBlocks;
  }

  /** Begins the work that nobody asks for. */
  start(): void {
    const { clock, logger, settings } = this.#options;
    const options = { clock, logger, signal: this.#stop.signal };
    this.#running = Promise.all([
      repeat(options, 'watching the DataNodes', settings.heartbeats.tickMs, () => this.#watch()),
      repeat(options, 'leaving safe mode', settings.heartbeats.tickMs, () => this.#leaveSafeMode()),
      repeat(options, 'taking DataNodes out of service', settings.admin.intervalMs, () =>
        this.admin.round(this.#stop.signal),
      ),
      repeat(options, 'balancing', settings.heartbeats.tickMs, () => this.balancer.round()),
      repeat(options, 'repair', settings.redundancyIntervalMs, () => this.#repair()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #watch(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const { dead, suspects } = this.#heartbeats.tick(this.datanodes.nodes, nowMs);
    for (const node of suspects) void this.#probe(node);
    for (const storage of this.datanodes.storages) storage.scheduled.expire(nowMs);
    for (const node of dead) await this.service.died(node);
  }

  async #probe(node: DatanodeDescriptor): Promise<void> {
    this.#heartbeats.probed(node, await probeDatanode(this.#options.network, node.address, PROBE_TIMEOUT_MS));
  }

  async #leaveSafeMode(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (this.safeMode.tick(clock.monotonicMs()) && !signal.aborted) await sleep(clock, 0);
    if (!this.safeMode.startIsOver || this.#isStarted) return;
    this.#isStarted = true;
    this.#redundancy.scanAll();
  }

  async #repair(): Promise<void> {
    const { signal } = this.#stop;
    await this.#removeStorages();
    this.blocks.noteRepairs(this.#options.journal.committed);
    for (let more = true; more && !this.safeMode.isOn && !signal.aborted; ) {
      this.#replication.round();
      const { recheck, giveWay } = this.#replication.takeFindings();
      if (recheck.length > 0) await this.#redundancy.requestChecks(recheck);
      if (giveWay.length > 0) await this.#redundancy.giveWay(giveWay);
      more = await this.#redundancy.round(signal);
      this.#replication.queued();
    }
  }

  async #removeStorages(): Promise<void> {
    for (let id = this.#storagesToRemove[0]; id !== undefined; id = this.#storagesToRemove[0]) {
      await this.#redundancy.removeStorage(id, this.#stop.signal);
      this.#storagesToRemove.shift();
    }
  }
}
