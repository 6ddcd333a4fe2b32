import type { Clock } from '../common/clock.js';
import { sleep } from '../common/clock.js';
import { type DfsError, isDfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { retryDelayMs } from '../common/retry.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import type { RegisterRequest } from '../proto/generated/minihdfs/RegisterRequest.js';

/** A DataNode's standing with the NameNode: what its reports refer to. */
export interface Registration {
  readonly registrationId: string;
  readonly heartbeatIntervalMs: number;
  readonly blockReportIntervalMs: number;
}

export interface RegistrationOptions {
  readonly namenode: DatanodeProtocolClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What to register with, at this moment. */
  readonly describe: () => RegisterRequest;
  /** Called with each new registration, before anything is sent under it. */
  readonly onRegistered: (clusterId: string) => Promise<void>;
}

/** Tried for ever: a NameNode that comes back finds all its DataNodes within seconds. */
const RETRIES = { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 200, maxDelayMs: 5000 };
const CALL_TIMEOUT_MS = 10_000;

/** Refusals that the same registration would meet again. */
const HOPELESS = ['WrongCluster', 'DisallowedDatanode', 'InvalidArgument'] as const;

/** Registers with the NameNode, and again whenever the NameNode does not know the registration any more. */
export class NamenodeRegistration {
  readonly #options: RegistrationOptions;
  #registration: Registration | undefined;
  #registering: Promise<Registration> | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Whether the NameNode knows this DataNode, as far as can be said. */
  get registered(): boolean {
    return this.#registration !== undefined;
  }

  /**
   * The registration; waits for the NameNode as long as it takes.
   * @throws DfsError `WrongCluster`, `DisallowedDatanode`, `InvalidArgument`: it will never be had. The signal's
   * reason.
   */
  async current(signal: AbortSignal): Promise<Registration> {
    if (this.#registration !== undefined) return this.#registration;
    this.#registering ??= this.#register(signal).finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  /** The NameNode does not know `registration` any more. */
  renew(registration: Registration): void {
    if (this.#registration === registration) this.#registration = undefined;
  }

  async #register(signal: AbortSignal): Promise<Registration> {
    const { clock, random, logger, namenode, describe, onRegistered } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await namenode.Register(describe(), { timeoutMs: CALL_TIMEOUT_MS, signal });
        const { clusterId, registrationId, heartbeatIntervalMs, blockReportIntervalMs } = response;
        await onRegistered(clusterId);
        logger.info({ registrationId, clusterId }, 'registered with the NameNode');
        this.#registration = { registrationId, heartbeatIntervalMs, blockReportIntervalMs };
        return this.#registration;
      } catch (error) {
        if (isDfsError(error, ...HOPELESS) || signal.aborted) throw error;
        if (attempt === 1) logger.warn({ reason: messageOf(error) }, 'cannot register with the NameNode; trying again');
        await sleep(clock, retryDelayMs(RETRIES, Math.min(attempt, 16), random), signal);
      }
    }
  }
}

/** Whether an answer means that the registration has ended. */
export function endsRegistration(error: unknown): error is DfsError {
  return isDfsError(error, 'UnknownDatanode');
}
