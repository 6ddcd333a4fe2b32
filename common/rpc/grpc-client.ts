/**
 * Calls services over gRPC, as plain functions that reject with a DfsError. Each connection has a TCP connection of its own; a
 * call is sent once at most, so that whoever calls decides what may be repeated.
 */
import type {
  ClientWritableStream,
  CallOptions as GrpcCallOptions,
  MethodDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { DfsError } from '../errors.js';
import { callDefinition } from './call-definitions.js';
import { checkedDeserializer, checkedSerializer, MalformedMessage } from './message-check.js';
import type { CallOptions } from './service.js';
import type { ServiceName, Services } from './services.js';
import { SessionClient, type SessionMethod } from './session-client.js';
import type { CallTarget } from './status.js';
import { errorOf } from './status.js';

export interface ConnectionOptions {
  /** How long a call waits for its answer (a stream: for its end) when its own options do not say. */
  readonly defaultTimeoutMs: number;
  /** Largest message taken or sent. Default 64 MiB, that of `ipc.maximum.data.length`. */
  readonly maxMessageBytes?: number;
  /**
   * Unary calls go through a session (proto/session.proto): many times as many a second. The server must have sessions. A session that is
   * `kept` stays open between calls that are seconds apart, and keeps the process alive until it is closed; another one ends when it is idle.
   */
  readonly session?: 'kept' | 'while-busy';
}

export interface ServiceConnection<ServiceClient> {
  readonly client: ServiceClient;
  /** Ends the connection; running calls fail. */
  readonly close: () => void;
}

const SERVERS: Readonly<Record<ServiceName, string>> = {
  ClientProtocol: 'NameNode',
  DatanodeProtocol: 'NameNode',
  InterDatanodeProtocol: 'DataNode',
  BlockStream: 'DataNode',
};

/** Does not wait for the connection: it is made by the first call, and made again when it was lost. */
export function connectService<Name extends ServiceName>(
  service: Name,
  address: string,
  { defaultTimeoutMs, maxMessageBytes = 64 * 1024 ** 2, session: kind }: ConnectionOptions,
): ServiceConnection<Services[Name]['client']> {
  const grpcClient = new GrpcClient(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    // A NameNode that comes back is found again within a second.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    // A proxy from the environment is for the web, not for the cluster.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
  const session =
    kind === undefined
      ? undefined
      : new SessionClient(grpcClient, { maxMessageBytes, isKeptWhenIdle: kind === 'kept' });
  const methods = Object.entries(callDefinition(service)).map(([name, method]) => {
    const target = { role: SERVERS[service], address, method: name };
    const caller = new MethodCaller(grpcClient, method, target, defaultTimeoutMs, session);
    return [name, caller.asFunction()];
  });
  const close = (): void => {
    session?.close();
    grpcClient.close();
  };
  return { client: Object.fromEntries(methods) as Services[Name]['client'], close };
}

class MethodCaller implements SessionMethod {
  readonly target: Omit<CallTarget, 'timeoutMs'>;
  readonly serialize: (request: unknown) => Buffer;
  readonly deserialize: (bytes: Buffer) => unknown;
  readonly #grpcClient: GrpcClient;
  readonly #method: MethodDefinition<unknown, unknown>;
  readonly #defaultTimeoutMs: number;
  readonly #session: SessionClient | undefined;

  constructor(
    grpcClient: GrpcClient,
    method: MethodDefinition<unknown, unknown>,
    target: Omit<CallTarget, 'timeoutMs'>,
    defaultTimeoutMs: number,
    session: SessionClient | undefined,
  ) {
    this.#grpcClient = grpcClient;
    this.#method = method;
    this.serialize = checkedSerializer(method.requestSerialize);
    this.deserialize = checkedDeserializer(method.responseDeserialize);
    this.target = target;
    this.#defaultTimeoutMs = defaultTimeoutMs;
    this.#session = session;
  }

  asFunction(): (request: never, options?: CallOptions) => unknown {
    if (this.#method.responseStream) return (request, options = {}) => this.#download(request, options);
    if (this.#method.requestStream) return (requests, options = {}) => this.#upload(requests, options);
    const session = this.#session;
    if (session === undefined) return (request, options = {}) => this.#unary(request, options);
    return async (request, options = {}) => await session.call(this, request, this.#limits(options));
  }

  #unary(request: unknown, options: CallOptions): Promise<unknown> {
    return this.#answered(options, (grpcOptions, answer) =>
      this.#grpcClient.makeUnaryRequest(
        this.#method.path,
        this.serialize,
        this.deserialize,
        request,
        new Metadata(),
        grpcOptions,
        answer,
      ),
    );
  }

  async #upload(requests: AsyncIterable<unknown>, options: CallOptions): Promise<unknown> {
    const stopSending = new AbortController();
    let sourceError: unknown;
    const answer = this.#answered(options, (grpcOptions, onAnswer) => {
      const call = this.#grpcClient.makeClientStreamRequest(
        this.#method.path,
        this.serialize,
        this.deserialize,
        new Metadata(),
        grpcOptions,
        onAnswer,
      );
      sendAll(requests, call, stopSending.signal).catch((error: unknown) => {
        sourceError = error;
        call.cancel();
      });
      return call;
    });
    try {
      return await answer;
    } catch (error) {
      throw sourceError ?? error;
    } finally {
      stopSending.abort(); // a source that has nothing to give right now is let go when it next has
    }
  }

  async *#download(request: unknown, options: CallOptions): AsyncGenerator<unknown, void> {
    const { timeoutMs, signal } = this.#limits(options);
    const call = this.#grpcClient.makeServerStreamRequest(
      this.#method.path,
      this.serialize,
      this.deserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
    );
    const onAbort = (): void => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const response of call) yield this.#wellFormed(response);
    } catch (error) {
      throw this.#error(error, timeoutMs, signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  #answered(
    options: CallOptions,
    start: (
      grpcOptions: GrpcCallOptions,
      answer: (error: ServiceError | null, response?: unknown) => void,
    ) => { cancel(): void },
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { timeoutMs, signal } = this.#limits(options);
      const onAbort = (): void => call.cancel();
      const call = start({ deadline: Date.now() + timeoutMs }, (error, response) => {
        signal?.removeEventListener('abort', onAbort);
        if (error !== null) reject(this.#error(error, timeoutMs, signal));
        else if (response instanceof MalformedMessage) reject(this.#malformed(response));
        else resolve(response);
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #limits({ timeoutMs = this.#defaultTimeoutMs, signal }: CallOptions): {
    timeoutMs: number;
    signal: AbortSignal | undefined;
  } {
    if (signal?.aborted) throw this.#cancelled(signal);
    return { timeoutMs, signal };
  }

  #wellFormed(response: unknown): unknown {
    if (response instanceof MalformedMessage) throw this.#malformed(response);
    return response;
  }

  #malformed({ reason }: MalformedMessage): DfsError {
    const { role, address, method } = this.target;
    return new DfsError(
      'ProtocolViolation',
      `The answer of the ${role} at ${address} to ${method} cannot be read: ${reason}.`,
    );
  }

  #cancelled(signal: AbortSignal): DfsError {
    return new DfsError('Cancelled', `${this.target.method} was cancelled.`, { cause: signal.reason });
  }

  #error(error: unknown, timeoutMs: number, signal: AbortSignal | undefined): DfsError {
    if (error instanceof DfsError) return error;
    if (signal?.aborted) return this.#cancelled(signal);
    return errorOf(error as ServiceError, { ...this.target, timeoutMs });
  }
}

/** Sends with at most two messages on their way; ends the call after the last. Stops in silence when the call is over. */
async function sendAll(
  requests: AsyncIterable<unknown>,
  call: ClientWritableStream<unknown>,
  over: AbortSignal,
): Promise<void> {
  let sent: Promise<void> = Promise.resolve();
  let release = (): void => {};
  over.addEventListener('abort', () => release(), { once: true });
  for await (const request of requests) {
    await sent;
    if (over.aborted) return;
    sent = new Promise((resolve) => {
      release = resolve; // gRPC forgets the callbacks of a call that is over
      call.write(request, () => resolve());
    });
  }
  call.end();
}
