/** The server's end of sessions (proto/session.proto): the handlers of services, called by many messages of one stream. */
import type { MethodDefinition, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';
import { status as Status } from '@grpc/grpc-js';
import type { SessionAnswer } from '../../proto/generated/minihdfs/SessionAnswer.js';
import type { SessionAnswers } from '../../proto/generated/minihdfs/SessionAnswers.js';
import type { SessionCall__Output } from '../../proto/generated/minihdfs/SessionCall.js';
import type { SessionCalls__Output } from '../../proto/generated/minihdfs/SessionCalls.js';
import { MAX_TIMER_MS } from '../clock.js';
import { DfsError } from '../errors.js';
import type { Logger } from '../logging.js';
import { hostOfPeer, publicError, wellFormed } from './handling.js';
import { checkedDeserializer, checkedSerializer } from './message-check.js';
import type { CallContext } from './service.js';
import {
  SESSION_ANSWER_OVERHEAD_BYTES,
  SESSION_CALLS_MAX,
  SESSION_ENVELOPE_BYTES,
  SESSION_FRAME_BYTES,
} from './session-limits.js';
import { shortMessage } from './status.js';

type UnaryHandler = (request: unknown, context: CallContext) => Promise<unknown>;
type SessionStream = ServerDuplexStream<SessionCalls__Output, SessionAnswers>;

interface Method {
  readonly path: string;
  readonly handler: UnaryHandler;
  readonly serialize: (response: unknown) => Buffer;
  readonly deserialize: (request: Buffer) => unknown;
}

export interface SessionServerOptions {
  readonly logger: Logger;
  readonly maxMessageBytes: number;
}

export class SessionServer {
  readonly #options: SessionServerOptions;
  readonly #methods = new Map<string, Method>();
  readonly #sessions = new Set<ServerSession>();
  #onStopped: (() => void) | undefined;

  constructor(options: SessionServerOptions) {
    this.#options = options;
  }

  /** Streaming methods of the service stay calls of their own. A session names methods only, so services must not share a name. */
  add(service: ServiceDefinition, handlers: Readonly<Record<string, unknown>>): void {
    for (const [name, method] of Object.entries(service)) {
      if (method.requestStream || method.responseStream) continue;
      if (this.#methods.has(name)) throw new Error(`two services have a method ${name}`);
      this.#methods.set(name, methodOf(method, handlers[name]));
    }
  }

  /** Takes over a stream that a client has opened. */
  open(stream: SessionStream): void {
    const session = new ServerSession(stream, this.#methods, this.#options, () => this.#ended(session));
    this.#sessions.add(session);
    if (this.#onStopped !== undefined) session.finish();
  }

  /** Sessions take no more calls, and end when those that are under way are answered. Resolves when all have ended. */
  async stop(): Promise<void> {
    if (this.#sessions.size === 0) return;
    const stopped = new Promise<void>((resolve) => (this.#onStopped = resolve));
    for (const session of this.#sessions) session.finish();
    await stopped;
  }

  /** Does not wait for calls any more. */
  abort(): void {
    for (const session of this.#sessions) session.abort();
  }

  #ended(session: ServerSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#onStopped?.();
  }
}

function methodOf(definition: MethodDefinition<unknown, unknown>, handler: unknown): Method {
  return {
    path: definition.path,
    handler: handler as UnaryHandler,
    serialize: checkedSerializer(definition.responseSerialize),
    deserialize: checkedDeserializer(definition.requestDeserialize),
  };
}

class ServerSession {
  readonly #stream: SessionStream;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #options: SessionServerOptions;
  readonly #peerHost: string;
  readonly #running = new Map<number, SessionCallContext>();
  #answers: SessionAnswer[] = [];
  #flushing = false;
  readonly #onOver: () => void;
  #finishing = false;
  #over = false;

  constructor(
    stream: SessionStream,
    methods: ReadonlyMap<string, Method>,
    options: SessionServerOptions,
    onOver: () => void,
  ) {
    this.#stream = stream;
    this.#methods = methods;
    this.#options = options;
    this.#onOver = onOver;
    this.#peerHost = hostOfPeer(stream.getPeer());
    stream.on('data', (calls: SessionCalls__Output) => this.#take(calls));
    stream.on('end', () => this.finish());
    stream.on('error', () => {}); // told by 'cancelled' or 'close'
    stream.on('cancelled', () => this.#end());
    stream.on('close', () => this.#end());
    stream.on('finish', () => this.#end());
  }

  /** Takes no more calls, and ends when those that are under way are answered. */
  finish(): void {
    this.#finishing = true;
    this.#endWhenDone();
  }

  abort(): void {
    this.#stream.emit('error', { code: Status.UNAVAILABLE, details: 'the server has ended' });
    this.#end();
  }

  #endWhenDone(): void {
    if (this.#finishing && !this.#over && this.#running.size === 0 && this.#answers.length === 0) this.#stream.end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const context of this.#running.values()) context.cancel();
    this.#onOver();
  }

  #take({ calls, cancelled }: SessionCalls__Output): void {
    for (const call of calls) void this.#answer(call);
    for (const id of cancelled) this.#running.get(id)?.cancel();
  }

  async #answer(call: SessionCall__Output): Promise<void> {
    const { id } = call;
    try {
      this.#give({ id, response: await this.#run(call) });
    } catch (error) {
      const { name, message } = publicError(error, call.method, this.#options.logger);
      this.#give({ id, error: { name, message: shortMessage(message) } });
    }
  }

  async #run({ id, method: name, request, timeoutMs }: SessionCall__Output): Promise<Buffer> {
    if (this.#finishing) throw new DfsError('RetryLater', 'The server is about to end.');
    const method = this.#methods.get(name);
    if (method === undefined) throw new DfsError('Unsupported', `There is no unary method ${JSON.stringify(name)}.`);
    if (this.#running.has(id)) throw new DfsError('ProtocolViolation', `Call ${id} of the session has no answer yet.`);
    if (this.#running.size >= SESSION_CALLS_MAX)
      throw new DfsError('Overloaded', `The session has ${SESSION_CALLS_MAX} calls without an answer already.`);
    const context = new SessionCallContext(this.#peerHost, timeoutMs);
    this.#running.set(id, context);
    try {
      const response = method.serialize(await method.handler(wellFormed(method.deserialize(request)), context));
      const maxBytes = this.#options.maxMessageBytes - SESSION_ENVELOPE_BYTES;
      if (response.length > maxBytes)
        throw new DfsError(
          'MessageTooLarge',
          `The answer to ${name} has ${response.length} bytes, more than ${maxBytes}.`,
        );
      return response;
    } finally {
      context.end();
      this.#running.delete(id);
    }
  }

  /** Answers of one turn of the event loop go together. */
  #give(answer: SessionAnswer): void {
    if (this.#over) return;
    this.#answers.push(answer);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    while (!this.#over && this.#answers.length > 0) {
      if (this.#stream.write({ answers: this.#nextFrame() })) continue;
      // A client that does not read its answers is not read from either: so there are never more of them than of open calls.
      this.#stream.pause();
      this.#stream.once('drain', () => {
        this.#stream.resume();
        this.#flush();
      });
      return;
    }
    this.#flushing = false;
    this.#endWhenDone();
  }

  #nextFrame(): SessionAnswer[] {
    let bytes = 0;
    const end = this.#answers.findIndex(({ response }) => {
      bytes += SESSION_ANSWER_OVERHEAD_BYTES + (response?.length ?? SESSION_ENVELOPE_BYTES);
      return bytes > SESSION_FRAME_BYTES;
    });
    if (end === -1) {
      const all = this.#answers;
      this.#answers = [];
      return all;
    }
    return this.#answers.splice(0, Math.max(1, end));
  }
}

/** Makes the signal and its timer only when a handler looks at it: most calls never do. */
class SessionCallContext implements CallContext {
  readonly peerHost: string;
  readonly #deadlineMs: number;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #cancelled = false;

  constructor(peerHost: string, timeoutMs: number) {
    this.peerHost = peerHost;
    this.#deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.cancel();
      else if (this.#deadlineMs < Number.POSITIVE_INFINITY) {
        const leftMs = Math.min(Math.max(0, this.#deadlineMs - performance.now()), MAX_TIMER_MS);
        this.#timer = setTimeout(() => this.cancel(), leftMs);
      }
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort(new DfsError('Cancelled', 'The caller has gone.'));
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
