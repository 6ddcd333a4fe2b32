/**
 * Calls to the NameNode: each one gets its header (user, client id, call id), and is sent again with the same header while the
 * NameNode cannot be reached. The NameNode remembers its answers by (client id, call id), so that a repeated mutation is done once.
 */
import type { Clock } from '../../common/clock.js';
import { sleep } from '../../common/clock.js';
import { DfsError, isDfsError, toDfsError } from '../../common/errors.js';
import type { Random } from '../../common/random.js';
import type { ClientProtocolClient } from '../../common/rpc/services.js';

type StreamingMethod = 'Fsck';
export type Method = Exclude<keyof ClientProtocolClient, StreamingMethod>;
type Request<Name extends keyof ClientProtocolClient> = Omit<Parameters<ClientProtocolClient[Name]>[0], 'header'>;
type Response<Name extends Method> = Awaited<ReturnType<ClientProtocolClient[Name]>>;

export interface NamenodeCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the call is repeated, in all; default: that of the client. */
  readonly maxTotalMs?: number | undefined;
}

export interface NamenodeClientOptions {
  readonly rpc: ClientProtocolClient;
  /** `host:port`, for messages. */
  readonly address: string;
  readonly user: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Deadline of one attempt. */
  readonly attemptTimeoutMs: number;
  /** How long a call is repeated while the NameNode does not answer. */
  readonly maxTotalMs: number;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 3_000;

/** Errors after which the same call may succeed: the NameNode is away, starting, or asks for a pause. */
function mayRepeat(error: unknown): boolean {
  return isDfsError(error, 'ConnectionLost', 'Timeout', 'RetryLater', 'Overloaded');
}

export class NamenodeClient {
  readonly #options: NamenodeClientOptions;
  readonly #clientId: Buffer;
  #lastCallId = 0;

  constructor(options: NamenodeClientOptions) {
    this.#options = options;
    this.#clientId = options.random.bytes(16);
  }

  /** Leases are held under this name. */
  get clientName(): string {
    return `DFSClient_${this.#clientId.toString('hex')}`;
  }

  /**
   * One call with its answer.
   * @throws DfsError what the NameNode answers; `ConnectionLost` or `Timeout`, naming its address, when it cannot be reached for
   * as long as the options allow.
   */
  async call<Name extends Method>(
    method: Name,
    request: Request<Name>,
    options: NamenodeCallOptions = {},
  ): Promise<Response<Name>> {
    const { rpc, clock, random, attemptTimeoutMs } = this.#options;
    const send = rpc[method] as (
      request: unknown,
      options: { timeoutMs: number; signal?: AbortSignal | undefined },
    ) => Promise<Response<Name>>;
    const withHeader = { ...request, header: this.#nextHeader() };
    const deadlineMs = clock.monotonicMs() + (options.maxTotalMs ?? this.#options.maxTotalMs);
    for (let attempt = 0; ; attempt++) {
      try {
        const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
        return await send(withHeader, { timeoutMs: Math.min(attemptTimeoutMs, leftMs), signal: options.signal });
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!mayRepeat(error)) throw toDfsError(error);
        // Full jitter: many clients of one restarting NameNode must not come back together.
        const delayMs = random.fraction() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
        if (clock.monotonicMs() + delayMs >= deadlineMs) throw this.#unreachable(method, error);
        await sleep(clock, delayMs, options.signal);
      }
    }
  }

  /** A call that answers with a stream; it is not repeated. */
  fsck(request: Request<'Fsck'>, signal?: AbortSignal): ReturnType<ClientProtocolClient['Fsck']> {
    return this.#options.rpc.Fsck({ ...request, header: this.#nextHeader() }, { signal, timeoutMs: 0 });
  }

  #nextHeader(): { user: string; clientId: Buffer; callId: number } {
    this.#lastCallId = (this.#lastCallId + 1) >>> 0;
    return { user: this.#options.user, clientId: this.#clientId, callId: this.#lastCallId };
  }

  #unreachable(method: string, error: unknown): DfsError {
    const cause = toDfsError(error);
    return new DfsError(cause.name, `call ${method} to the NameNode at ${this.#options.address} failed: ${cause.message}`, {
      cause,
    });
  }
}
