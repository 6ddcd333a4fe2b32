/**
 * Sends reports to the NameNode, one call at a time: what has changed as soon as it has changed, corrupt replicas, and
 * full reports part by part, in between which changes go first. A call that fails is sent again until it is answered.
 */
import type { Clock } from '../common/clock.js';
import { MAX_TIMER_MS, sleep } from '../common/clock.js';
import { isDfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { retryDelayMs } from '../common/retry.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import type { BlockReportRequest } from '../proto/generated/minihdfs/BlockReportRequest.js';
import type { DatanodeCommand__Output } from '../proto/generated/minihdfs/DatanodeCommand.js';
import { Alarm } from './alarm.js';
import type { BlockReportPart } from './block-report.js';
import { blockReport } from './block-report.js';
import type { Volume } from './disk/volume.js';
import type { VolumeSet } from './disk/volume-set.js';
import type { IncrementalReports } from './incremental-reports.js';
import type { NamenodeRegistration, Registration } from './namenode-registration.js';
import { endsRegistration } from './namenode-registration.js';
import type { ReplicaState } from './replica.js';
import type { ReplicaCatalog } from './replica-catalog.js';
import type { ReportLane } from './report-lane.js';

export interface ReportLoopOptions {
  readonly datanodeUuid: string;
  readonly namenode: DatanodeProtocolClient;
  readonly registration: NamenodeRegistration;
  readonly lane: ReportLane;
  readonly reports: IncrementalReports;
  readonly catalog: ReplicaCatalog;
  readonly volumes: VolumeSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly execute: (command: DatanodeCommand__Output, registration: Registration) => void;
}

const RETRIES = { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 100, maxDelayMs: 5000 };

/**
 * From one message to the next. The first event after a quiet time goes out at once; under load, events that happen
 * meanwhile share a message, which costs both sides as much as many of them. (HDFS:
 * dfs.blockreport.incremental.intervalMsec, which is 0 there.)
 */
const SPACING_MS = 5;

/** Numbers of datanode_protocol.proto's ReplicaState. */
const STATE_NUMBERS: Readonly<Record<ReplicaState, number>> = { FINALIZED: 1, RBW: 2, RWR: 3, TEMPORARY: 5 };

/** A full report that is being sent. */
interface RunningReport {
  readonly volume: Volume;
  readonly registration: Registration;
  readonly reportId: number;
  readonly parts: AsyncGenerator<BlockReportPart>;
  /** The part that is to be sent next, or again. */
  part: BlockReportPart | undefined;
  partNumber: number;
}

export class ReportLoop {
  readonly #options: ReportLoopOptions;
  readonly #alarm: Alarm;
  /** Volumes of which a full report is to be sent. */
  readonly #wanted = new Set<Volume>();
  #running: RunningReport | undefined;
  #allDueMs: number | undefined;
  #failures = 0;

  constructor(options: ReportLoopOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** There is something to send. */
  notify(): void {
    this.#alarm.ring();
  }

  /** The NameNode asks for full reports of these storages. */
  requestFullReports(storageIds: readonly string[]): void {
    for (const volume of this.#options.volumes.all) if (storageIds.includes(volume.storageId)) this.#wanted.add(volume);
    this.notify();
  }

  /** Runs until the signal aborts. @throws when the registration can never be had. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const registration = await this.#options.registration.current(signal);
      try {
        this.#scheduleAll(registration);
        const sent = await this.#sendNext(registration, signal);
        if (sent) this.#failures = 0;
        await (sent
          ? sleep(this.#options.clock, SPACING_MS, signal)
          : this.#alarm.wait(0, this.#untilAllDueMs(), signal));
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, registration, signal);
      }
    }
  }

  /**
   * All volumes are due from time to time (`dfs.blockreport.intervalMsec`), not all DataNodes at the same moment; and
   * when reports were lost.
   */
  #scheduleAll({ blockReportIntervalMs }: Registration): void {
    const { clock, random, reports, volumes } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#allDueMs ??= nowMs + blockReportIntervalMs * (1 + random.fraction());
    if (nowMs < this.#allDueMs && !reports.overflowed) return;
    this.#allDueMs = nowMs + blockReportIntervalMs;
    reports.fullReportsBegin();
    for (const volume of volumes.all) this.#wanted.add(volume);
  }

  #untilAllDueMs(): number {
    const dueMs = this.#allDueMs ?? Number.POSITIVE_INFINITY;
    return Math.min(MAX_TIMER_MS, Math.max(0, dueMs - this.#options.clock.monotonicMs()));
  }

  async #recover(error: unknown, registration: Registration, signal: AbortSignal): Promise<void> {
    const { logger, clock, random } = this.#options;
    if (endsRegistration(error)) {
      this.#options.registration.renew(registration);
      return;
    }
    // The NameNode has lost track of the full report.
    if (isDfsError(error, 'InvalidArgument')) this.#beginAgain();
    if (this.#failures++ === 0) logger.warn({ reason: messageOf(error) }, 'a report was not taken; it is sent again');
    await sleep(clock, retryDelayMs(RETRIES, Math.min(this.#failures, 16), random), signal).catch(() => {});
  }

  #beginAgain(): void {
    if (this.#running !== undefined) this.#wanted.add(this.#running.volume);
    this.#running = undefined;
  }

  /** Sends one message. False when there is nothing to send. */
  async #sendNext(registration: Registration, signal: AbortSignal): Promise<boolean> {
    const leaveLane = await this.#options.lane.enter();
    try {
      return (
        (await this.#sendIncremental(registration, signal)) ||
        (await this.#sendCorrupt(registration, signal)) ||
        (await this.#sendPart(registration, signal))
      );
    } finally {
      leaveLane();
    }
  }

  async #sendIncremental({ registrationId }: Registration, signal: AbortSignal): Promise<boolean> {
    const { namenode, reports, datanodeUuid } = this.#options;
    const report = reports.next();
    if (report === undefined) return false;
    const request = { datanodeUuid, registrationId, reportNumber: report.number, blocks: [...report.events] };
    await namenode.BlockReceivedAndDeleted(request, { signal });
    reports.answered();
    return true;
  }

  async #sendCorrupt({ registrationId }: Registration, signal: AbortSignal): Promise<boolean> {
    const { namenode, reports, datanodeUuid } = this.#options;
    const corrupt = reports.corruptReplicas();
    if (corrupt.length === 0) return false;
    const replicas = corrupt.map((replica) => ({ ...replica, datanodeUuid }));
    await namenode.ReportBadReplicas({ datanodeUuid, registrationId, replicas }, { signal });
    reports.corruptTold(corrupt);
    return true;
  }

  async #sendPart(registration: Registration, signal: AbortSignal): Promise<boolean> {
    const report = this.#currentReport(registration);
    if (report === undefined) return false;
    report.part ??= (await report.parts.next()).value;
    if (report.part === undefined) throw new Error('a block report has no last part');
    const request = this.#partRequest(report, report.part);
    const { commands } = await this.#options.namenode.BlockReport(request, { signal });
    if (report.part.last) this.#running = undefined;
    report.part = undefined;
    report.partNumber++;
    for (const command of commands) this.#options.execute(command, registration);
    return true;
  }

  #currentReport(registration: Registration): RunningReport | undefined {
    if (this.#running?.registration !== registration || this.#running.volume.failed) this.#beginAgain();
    if (this.#running !== undefined) return this.#running;
    const { catalog, clock, random } = this.#options;
    for (const volume of this.#wanted) {
      this.#wanted.delete(volume);
      if (volume.failed) continue;
      const parts = blockReport(catalog, volume, clock);
      const reportId = random.bytes(6).readUIntBE(0, 6);
      this.#running = { volume, registration, reportId, parts, part: undefined, partNumber: 0 };
      return this.#running;
    }
    return undefined;
  }

  /** What is said of the replicas is what is true now, also when the part is sent again. */
  #partRequest(
    { volume, registration, reportId, partNumber }: RunningReport,
    part: BlockReportPart,
  ): BlockReportRequest {
    const { datanodeUuid, catalog } = this.#options;
    const replicas = part.blockIds.map((id) => catalog.get(id)).filter((replica) => replica?.volume === volume.index);
    const present = replicas.filter((replica) => replica !== undefined);
    const allFinalized = present.every((replica) => replica.state === 'FINALIZED');
    return {
      datanodeUuid,
      registrationId: registration.registrationId,
      storageId: volume.storageId,
      reportId,
      part: partNumber,
      lastPart: part.last,
      blockIds: present.map((replica) => replica.blockId),
      generationStamps: present.map((replica) => replica.generationStamp),
      lengths: present.map((replica) => replica.numBytes),
      states: allFinalized ? [] : present.map((replica) => STATE_NUMBERS[replica.state]),
    };
  }
}
