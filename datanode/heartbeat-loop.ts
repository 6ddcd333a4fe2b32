/**
 * Tells the NameNode every few seconds that this DataNode lives, and how full and how busy it is; commands come back in
 * the answer. While the NameNode is away, the DataNode goes on serving.
 */
import type { Clock } from '../common/clock.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import type { DatanodeCommand__Output } from '../proto/generated/minihdfs/DatanodeCommand.js';
import type { HeartbeatRequest } from '../proto/generated/minihdfs/HeartbeatRequest.js';
import { Alarm } from './alarm.js';
import type { NamenodeRegistration, Registration } from './namenode-registration.js';
import { endsRegistration } from './namenode-registration.js';
import type { StorageSummaries } from './replica-catalog.js';
import type { ReportLane } from './report-lane.js';

/** What a heartbeat says besides who sends it. */
export type HeartbeatContents = Omit<HeartbeatRequest, 'datanodeUuid' | 'registrationId'>;

export interface HeartbeatLoopOptions {
  readonly datanodeUuid: string;
  readonly namenode: DatanodeProtocolClient;
  readonly registration: NamenodeRegistration;
  readonly lane: ReportLane;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Looks at the disks; called before each heartbeat. */
  readonly refresh: () => Promise<void>;
  /** Number and digest of what the NameNode was told of, see IncrementalReports. */
  readonly toldSummaries: () => StorageSummaries | undefined;
  readonly describe: (summaries: StorageSummaries | undefined) => HeartbeatContents;
  /** The heartbeat with these contents was answered. */
  readonly onAnswered: (contents: HeartbeatContents) => void;
  readonly execute: (command: DatanodeCommand__Output, registration: Registration) => void;
}

/** A heartbeat that was asked for early comes at most this often. */
const MIN_INTERVAL_MS = 100;

export class HeartbeatLoop {
  readonly #options: HeartbeatLoopOptions;
  readonly #alarm: Alarm;
  #failures = 0;
  #lastAnswerMs: number | undefined;

  constructor(options: HeartbeatLoopOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** Milliseconds since a heartbeat or a registration was last answered; undefined: never. */
  get sinceAnswerMs(): number | undefined {
    return this.#lastAnswerMs === undefined ? undefined : this.#options.clock.monotonicMs() - this.#lastAnswerMs;
  }

  /** Sends a heartbeat soon, because there is something to tell or work to be had. */
  hurry(): void {
    this.#alarm.ring();
  }

  /** Runs until the signal aborts. @throws when the registration can never be had. */
  async run(signal: AbortSignal): Promise<void> {
    const { registration, clock } = this.#options;
    let known: Registration | undefined;
    while (!signal.aborted) {
      const current = await registration.current(signal);
      if (current !== known) this.#noteAnswer();
      known = current;
      const startMs = clock.monotonicMs();
      await this.#beat(current, signal);
      const elapsedMs = clock.monotonicMs() - startMs;
      const waitMs = registration.registered ? Math.max(MIN_INTERVAL_MS, current.heartbeatIntervalMs - elapsedMs) : 0;
      await this.#alarm.wait(Math.min(MIN_INTERVAL_MS, waitMs), waitMs, signal);
    }
  }

  async #beat(registration: Registration, signal: AbortSignal): Promise<void> {
    const { namenode, datanodeUuid, refresh, lane, toldSummaries, describe, onAnswered, execute, logger } =
      this.#options;
    await refresh();
    // With the digest goes no report: the two could cross. But a report that takes long must not make the heartbeat
    // late.
    const leaveLane = await lane.enterWithin(registration.heartbeatIntervalMs / 4);
    const contents = describe(leaveLane && toldSummaries());
    try {
      const request = { datanodeUuid, registrationId: registration.registrationId, ...contents };
      const { commands } = await namenode.Heartbeat(request, { signal });
      this.#noteAnswer();
      onAnswered(contents);
      for (const command of commands) execute(command, registration);
    } catch (error) {
      if (endsRegistration(error)) this.#options.registration.renew(registration);
      else if (!signal.aborted && this.#failures++ === 0)
        logger.warn({ reason: messageOf(error) }, 'no answer to a heartbeat');
    } finally {
      leaveLane?.();
    }
  }

  #noteAnswer(): void {
    if (this.#failures > 0) this.#options.logger.info({ missed: this.#failures }, 'heartbeats are answered again');
    this.#failures = 0;
    this.#lastAnswerMs = this.#options.clock.monotonicMs();
  }
}
