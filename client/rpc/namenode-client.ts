/**
 * Calls to the NameNode: each one gets its header (user, client id, call id), and is sent again with the same header while the
 * NameNode cannot be reached. The NameNode remembers its answers by (client id, call id), so that a repeated mutation is done once.
 */

import { cancellation } from '../../common/cancellation.js';
import type { Clock } from '../../common/clock.js';
import { DfsError, isDfsError, toDfsError } from '../../common/errors.js';
import type { Random } from '../../common/random.js';
import { retryDelayMs } from '../../common/retry.js';
import type { CallOptions } from '../../common/rpc/service.js';
import type { ClientProtocolClient } from '../../common/rpc/services.js';
import { newAbortController } from '../on-abort.js';
import { pause } from '../pause.js';

type StreamingMethod = 'Fsck';
export type Method = Exclude<keyof ClientProtocolClient, StreamingMethod>;
type Request<Name extends keyof ClientProtocolClient> = Omit<Parameters<ClientProtocolClient[Name]>[0], 'header'>;
type Response<Name extends Method> = Awaited<ReturnType<ClientProtocolClient[Name]>>;

export interface NamenodeCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the call is repeated, in all; default: that of the client. */
  readonly maxTotalMs?: number | undefined;
  /** Deadline of one attempt; default: that of the client. */
  readonly attemptTimeoutMs?: number | undefined;
  /** The call belongs to work under way, which waits while a NameNode that has restarted is in safe mode. */
  readonly throughSafeMode?: boolean;
}

export interface NamenodeClientOptions {
  readonly rpc: ClientProtocolClient;
  readonly user: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Deadline of one attempt. */
  readonly attemptTimeoutMs: number;
  /** How long a call is repeated while the NameNode does not answer. The last attempt may take its own time beyond this. */
  readonly maxTotalMs: number;
}

/** A check of a very large namespace takes hours. */
const FSCK_TIMEOUT_MS = 24 * 3_600_000;

/** Full jitter: many clients of one restarting NameNode must not come back together. */
const PAUSES = { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 100, maxDelayMs: 3_000 };

/** Whether a call is refused in safe mode: if it succeeds, the NameNode has taken changes of this client. Every method has to be here. */
const NEEDS_NO_SAFE_MODE: Readonly<Record<Method, boolean>> = {
  Create: true,
  Append: true,
  AddBlock: true,
  AbandonBlock: true,
  GetAdditionalDatanode: true,
  UpdateBlockForPipeline: true,
  UpdatePipeline: true,
  Fsync: true,
  Complete: true,
  RecoverLease: true,
  Truncate: true,
  Concat: true,
  Mkdirs: true,
  Rename: true,
  Delete: true,
  SetReplication: true,
  SetPermission: true,
  SetOwner: true,
  SetTimes: true,
  SetAttributes: true,
  SetQuota: true,
  CreateSymlink: true,
  ReplaceContents: true,
  SetXattr: true,
  RemoveXattr: true,
  GetServerDefaults: false,
  GetFsStats: false,
  GetDatanodeReport: false,
  RenewLease: false,
  GetFileInfo: false,
  GetListing: false,
  GetBlockLocations: false,
  GetContentSummary: false,
  ReportBadBlocks: false,
  GetXattrs: false,
  SetSafeMode: false,
  SaveNamespace: false,
  AdministerDatanodes: false,
  RunBalancer: false,
  SetBalancerBandwidth: false,
  ListOpenFiles: false,
};

/** Errors after which the same call may succeed: the NameNode is away, starting, or asks for a pause. */
function mayRepeat(error: unknown, throughSafeMode: boolean): boolean {
  return (
    isDfsError(error, 'ConnectionLost', 'Timeout', 'RetryLater', 'Overloaded') ||
    (throughSafeMode && isDfsError(error, 'StartupSafeMode'))
  );
}

/** Users need not tell the two kinds of safe mode apart. */
function forUser(error: DfsError): DfsError {
  return isDfsError(error, 'StartupSafeMode') ? new DfsError('SafeMode', error.message, { cause: error }) : error;
}

/**
 * A client whose changes have been taken before is not refused by a NameNode that has restarted: it waits for the end of safe mode, as
 * HDFS's clients of an HA pair do. One that comes to a NameNode in safe mode is told so at once, and so is everybody when an administrator
 * has turned it on, or when the NameNode's disk is nearly full: nobody knows how long that takes.
 */
export class NamenodeClient {
  readonly #options: NamenodeClientOptions;
  readonly #clientId: Buffer;
  readonly #closed = newAbortController();
  #lastCallId = 0;
  #hasChanged = false;

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
    const { rpc, clock, random } = this.#options;
    const { signal, throughSafeMode = false } = options;
    const maxTotalMs = options.maxTotalMs ?? this.#options.maxTotalMs;
    const timeoutMs = options.attemptTimeoutMs ?? this.#options.attemptTimeoutMs;
    const send = rpc[method] as (request: unknown, options: CallOptions) => Promise<Response<Name>>;
    const withHeader = { ...request, header: this.#nextHeader() };
    const startMs = clock.monotonicMs();
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await send(withHeader, { timeoutMs, signal });
        this.#hasChanged ||= NEEDS_NO_SAFE_MODE[method];
        return response;
      } catch (error) {
        const stopped = signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
        if (stopped.aborted) throw cancellation(stopped, method);
        const delayMs = retryDelayMs(PAUSES, attempt, random);
        const isLate = clock.monotonicMs() + delayMs - startMs > maxTotalMs;
        if (isLate || !mayRepeat(error, throughSafeMode || this.#hasChanged)) throw forUser(toDfsError(error));
        await pause(clock, delayMs, stopped, method);
      }
    }
  }

  /** Calls that wait to be repeated fail, and no further ones are repeated. */
  close(): void {
    this.#closed.abort(new DfsError('Cancelled', 'the file system object is closed'));
  }

  /** A call that answers with a stream; it is not repeated. */
  fsck(request: Request<'Fsck'>, signal?: AbortSignal): ReturnType<ClientProtocolClient['Fsck']> {
    return this.#options.rpc.Fsck({ ...request, header: this.#nextHeader() }, { signal, timeoutMs: FSCK_TIMEOUT_MS });
  }

  #nextHeader(): { user: string; clientId: Buffer; callId: number } {
    this.#lastCallId = (this.#lastCallId + 1) >>> 0;
    return { user: this.#options.user, clientId: this.#clientId, callId: this.#lastCallId };
  }
}
