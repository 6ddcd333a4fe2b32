/** A DataNode's talk with the NameNode: registration, heartbeats, reports. */
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import type { DatanodeCommand__Output } from '../proto/generated/minihdfs/DatanodeCommand.js';
import type { RegisterRequest } from '../proto/generated/minihdfs/RegisterRequest.js';
import type { RecoveryResult } from './block-recovery.js';
import type { VolumeSet } from './disk/volume-set.js';
import type { HeartbeatContents } from './heartbeat-loop.js';
import { HeartbeatLoop } from './heartbeat-loop.js';
import type { IncrementalReports } from './incremental-reports.js';
import type { Registration } from './namenode-registration.js';
import { NamenodeRegistration } from './namenode-registration.js';
import type { ReplicaCatalog } from './replica-catalog.js';
import { ReportLane } from './report-lane.js';
import { ReportLoop } from './report-loop.js';
import { storageReports } from './storage-reports.js';

export interface NamenodeLinkOptions {
  readonly namenode: DatanodeProtocolClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly volumes: VolumeSet;
  readonly catalog: ReplicaCatalog;
  readonly reports: IncrementalReports;
  /** Who this DataNode is: a registration without its cluster and storages. */
  readonly identity: Omit<RegisterRequest, 'clusterId' | 'storages'>;
  /** What a heartbeat says besides the storages. */
  readonly load: () => Omit<HeartbeatContents, 'storages'>;
  readonly onHeartbeatAnswered: (contents: HeartbeatContents) => void;
  /** Carries a command out, other than those about this talk itself. */
  readonly execute: (command: DatanodeCommand__Output) => void;
}

export class NamenodeLink {
  readonly #options: NamenodeLinkOptions;
  readonly #registration: NamenodeRegistration;
  readonly #heartbeats: HeartbeatLoop;
  readonly #reportLoop: ReportLoop;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: NamenodeLinkOptions) {
    this.#options = options;
    const { namenode, clock, random, logger, volumes, catalog, reports } = options;
    const registration = new NamenodeRegistration({
      namenode,
      clock,
      random,
      logger,
      describe: () => this.#describe(),
      onRegistered: (clusterId) => this.#onRegistered(clusterId),
    });
    const lane = new ReportLane(clock);
    const execute = (command: DatanodeCommand__Output, from: Registration): void => this.#execute(command, from);
    const shared = { datanodeUuid: volumes.datanodeUuid, namenode, registration, lane, clock, logger, execute };
    this.#registration = registration;
    this.#heartbeats = new HeartbeatLoop({
      ...shared,
      refresh: async () => {
        reports.urge();
        await volumes.refreshSpace();
      },
      toldSummaries: () => reports.toldSummaries(),
      describe: (told) => ({ ...options.load(), storages: storageReports(volumes, told) }),
      onAnswered: options.onHeartbeatAnswered,
    });
    this.#reportLoop = new ReportLoop({ ...shared, reports, catalog, volumes, random });
    reports.onPending = () => this.#reportLoop.notify();
  }

  get registered(): boolean {
    return this.#registration.registered;
  }

  /** Milliseconds since a heartbeat or a registration was last answered; undefined: never. */
  get sinceAnswerMs(): number | undefined {
    return this.#heartbeats.sinceAnswerMs;
  }

  /** A heartbeat is due early, because there is something to tell or work to be had. */
  hurry(): void {
    this.#heartbeats.hurry();
  }

  /**
   * Registers, waiting for the NameNode as long as it takes.
   * @throws DfsError `WrongCluster`, `DisallowedDatanode`; `Cancelled` when the signal aborts.
   */
  async join(signal: AbortSignal): Promise<void> {
    await this.#registration.current(signal);
  }

  /** Keeps up the talk until {@link stop}. `onEnd` is called if the NameNode turns this DataNode away for good. */
  start(onEnd: (error: unknown) => void): void {
    const { signal } = this.#stopping;
    const loops = [this.#heartbeats.run(signal), this.#reportLoop.run(signal)];
    const ended = loops.map((loop) =>
      loop.catch((error: unknown) => {
        if (!signal.aborted) onEnd(error);
      }),
    );
    this.#running = Promise.all(ended);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new DfsError('Cancelled', 'The DataNode is stopping'));
    await this.#running;
  }

  /** Tells the result of a block recovery. @throws DfsError as the NameNode answers. */
  async commitRecovery({ order, length, holders }: RecoveryResult, signal: AbortSignal): Promise<void> {
    const { namenode, volumes } = this.#options;
    const { registrationId } = await this.#registration.current(signal);
    const request = {
      datanodeUuid: volumes.datanodeUuid,
      registrationId,
      block: order.block,
      newGenerationStamp: order.recoveryId,
      newLength: length,
      deleteBlock: holders.length === 0,
      newLocations: holders.map(({ node: { rack, ...datanode }, storageId }) => ({ datanode, rack, storageId })),
    };
    await namenode.CommitBlockSynchronization(request, { signal });
  }

  /** A line in the NameNode's log. That it is lost when the NameNode is away does no harm. */
  tellError(message: string): void {
    const { namenode, volumes } = this.#options;
    void this.#registration
      .current(this.#stopping.signal)
      .then(({ registrationId }) =>
        namenode.ErrorReport({ datanodeUuid: volumes.datanodeUuid, registrationId, message }),
      )
      .catch(() => {});
  }

  #describe(): RegisterRequest {
    const { identity, volumes, reports } = this.#options;
    return { ...identity, clusterId: volumes.clusterId, storages: storageReports(volumes, reports.toldSummaries()) };
  }

  async #onRegistered(clusterId: string): Promise<void> {
    const { volumes, catalog, reports } = this.#options;
    if (volumes.clusterId !== '' && volumes.clusterId !== clusterId) {
      throw new DfsError(
        'WrongCluster',
        `This DataNode's directories belong to cluster ${volumes.clusterId}, the NameNode to cluster ${clusterId}`,
      );
    }
    await volumes.joinCluster(clusterId);
    catalog.announceUnfinished();
    reports.registered();
  }

  #execute(command: DatanodeCommand__Output, from: Registration): void {
    switch (command.command) {
      case 'register':
        this.#registration.renew(from);
        return;
      case 'fullReport':
        this.#reportLoop.requestFullReports(command.fullReport?.storageIds ?? []);
        return;
      default:
        this.#options.execute(command);
    }
  }
}
