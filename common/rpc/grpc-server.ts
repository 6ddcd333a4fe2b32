/**
 * Serves plain functions over gRPC. A handler that throws a DfsError is answered with that error; any other throw is answered
 * with a text that says nothing of our insides, and its stack goes to the log.
 */
import type { AddressInfo, Server as NetServer } from 'node:net';
import { createServer } from 'node:net';
import type {
  ConnectionInjector,
  MethodDefinition,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { DfsError } from '../errors.js';
import { listenError } from '../listen-error.js';
import type { Logger } from '../logging.js';
import { serviceDefinition } from './definitions.js';
import { hostOfPeer, publicError, wellFormed } from './handling.js';
import { checkedDeserializer, checkedSerializer } from './message-check.js';
import type { CallContext } from './service.js';
import type { ServiceName, Services } from './services.js';
import { SessionServer } from './session-server.js';
import type { ErrorStatus } from './status.js';
import { statusOf } from './status.js';

export interface GrpcServerOptions {
  readonly logger: Logger;
  /** Largest message taken or sent (`ipc.maximum.data.length`). */
  readonly maxMessageBytes: number;
  /** Calls that one connection may have open; further ones wait at the client. Default 1000. */
  readonly maxCallsPerConnection?: number;
  /** Connections above this are closed at once. Default 4096. */
  readonly maxConnections?: number;
}

type UnaryOrUpload = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type Answer = (error: ErrorStatus | null, response?: unknown) => void;
type AnyHandler = (request: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

export class GrpcServer {
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #listener: NetServer;
  readonly #maxMessageBytes: number;
  #sessions: SessionServer | undefined;

  constructor(options: GrpcServerOptions) {
    this.#logger = options.logger;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      'grpc.max_concurrent_streams': options.maxCallsPerConnection ?? 1000,
      // Finds clients whose machine went away, and connections that never spoke HTTP/2.
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    // A listener of our own: it can limit connections, and lack of file descriptors does not end the process.
    this.#listener = createServer({ noDelay: true }, (socket) => this.#injector.injectConnection(socket));
    this.#listener.maxConnections = options.maxConnections ?? 4096;
  }

  addService<Name extends ServiceName>(name: Name, handlers: Services[Name]['handlers']): void {
    for (const [methodName, method] of Object.entries(serviceDefinition(name))) {
      const handler = (handlers as unknown as Record<string, AnyHandler | undefined>)[methodName];
      if (handler === undefined) throw new Error(`${name}.${methodName} has no handler`);
      this.#server.register(
        method.path,
        this.#wrap(method, handler),
        checkedSerializer(method.responseSerialize),
        checkedDeserializer(method.requestDeserialize),
        method.requestStream ? 'clientStream' : method.responseStream ? 'serverStream' : 'unary',
      );
    }
  }

  /** Lets clients send calls of a service over session streams, too. All services of a server share the sessions. */
  addSessions<Name extends ServiceName>(name: Name, handlers: Services[Name]['handlers']): void {
    this.#sessions ??= this.#serveSessions();
    this.#sessions.add(serviceDefinition(name), handlers);
  }

  #serveSessions(): SessionServer {
    const sessions = new SessionServer({ logger: this.#logger, maxMessageBytes: this.#maxMessageBytes });
    this.#server.addService(serviceDefinition('Session'), {
      Open: (stream: Parameters<SessionServer['open']>[0]) => sessions.open(stream),
    });
    return sessions;
  }

  /**
   * Resolves with the port that was taken (for `port` 0: a free one).
   * @throws DfsError `PortInUse`, `InvalidConfiguration`.
   */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', (error) => reject(listenError(error, host, port)));
      this.#listener.listen({ host, port, backlog: 1024 }, resolve);
    });
    this.#listener.on('error', (error) => this.#logger.error({ err: error }, 'cannot accept an RPC connection'));
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Takes no more calls, lets the running ones end for `graceMs`, then cuts them off. */
  async stop(graceMs: number): Promise<void> {
    this.#listener.close();
    this.#injector.destroy();
    const ended = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const timer = setTimeout(() => {
      this.#sessions?.abort();
      this.#server.forceShutdown();
    }, graceMs);
    await Promise.all([ended, this.#sessions?.stop()]);
    clearTimeout(timer);
  }

  #wrap(method: MethodDefinition<unknown, unknown>, handler: AnyHandler): UntypedHandleCall {
    if (method.responseStream) {
      return (call: ServerWritableStream<unknown, unknown>): void => void this.#stream(method, handler, call);
    }
    return (call: UnaryOrUpload, answer: Answer): void => void this.#answer(method, handler, call, answer);
  }

  async #answer(
    method: MethodDefinition<unknown, unknown>,
    handler: AnyHandler,
    call: UnaryOrUpload,
    answer: Answer,
  ): Promise<void> {
    const context = new GrpcCallContext(call);
    try {
      const request = 'request' in call ? wellFormed(call.request) : readAll(call);
      answer(null, await handler(request, context));
    } catch (error) {
      answer(this.#status(method, error));
    } finally {
      context.end();
    }
  }

  async #stream(
    method: MethodDefinition<unknown, unknown>,
    handler: AnyHandler,
    call: ServerWritableStream<unknown, unknown>,
  ): Promise<void> {
    const context = new GrpcCallContext(call);
    try {
      const responses = handler(wellFormed(call.request), context) as AsyncIterable<unknown>;
      await sendAll(responses, call, context.signal);
      call.end();
    } catch (error) {
      if (!context.signal.aborted) call.emit('error', this.#status(method, error));
    } finally {
      context.end();
    }
  }

  #status(method: MethodDefinition<unknown, unknown>, error: unknown): ErrorStatus {
    return statusOf(publicError(error, method.path, this.#logger));
  }
}

/** What all kinds of gRPC's calls have in common. */
interface CancellableCall {
  readonly cancelled: boolean;
  getPeer(): string;
  once(event: 'cancelled', listener: () => void): unknown;
  removeListener(event: 'cancelled', listener: () => void): unknown;
}

/** Makes the signal only when a handler looks at it: most calls never do. */
class GrpcCallContext implements CallContext {
  readonly #call: CancellableCall;
  #controller: AbortController | undefined;
  readonly #onCancelled = () => this.#controller?.abort(new DfsError('Cancelled', 'The caller has gone.'));

  constructor(call: CancellableCall) {
    this.#call = call;
  }

  get peerHost(): string {
    return hostOfPeer(this.#call.getPeer());
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#call.cancelled) this.#onCancelled();
      else this.#call.once('cancelled', this.#onCancelled);
    }
    return this.#controller.signal;
  }

  /** After the answer the call counts as cancelled for gRPC; a handler's later work must not see that. */
  end(): void {
    this.#call.removeListener('cancelled', this.#onCancelled);
  }
}

async function* readAll(call: ServerReadableStream<unknown, unknown>): AsyncIterable<unknown> {
  try {
    for await (const request of call) yield wellFormed(request);
  } catch (error) {
    if (error instanceof DfsError || !call.cancelled) throw error;
  }
  // Node ends a stream in the regular way before it resets it, so a cancelled upload first looks like a complete one.
  await new Promise((resolve) => setImmediate(resolve));
  if (call.cancelled) throw new DfsError('Cancelled', 'The caller has gone.');
}

/** Sends with at most two messages on their way, so that a client that reads slowly slows the handler down. */
async function sendAll(
  responses: AsyncIterable<unknown>,
  call: ServerWritableStream<unknown, unknown>,
  signal: AbortSignal,
): Promise<void> {
  let sent: Promise<void> = Promise.resolve();
  let release = (): void => {};
  signal.addEventListener('abort', () => release(), { once: true });
  for await (const response of responses) {
    await sent;
    if (signal.aborted) return;
    sent = new Promise((resolve) => {
      release = resolve; // gRPC forgets the callbacks of a call that was cancelled
      call.write(response, () => resolve());
    });
  }
}
