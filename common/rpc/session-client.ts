/**
 * The client's end of sessions (proto/session.proto): unary calls as messages of one stream, those of one turn of the event loop
 * together. The stream is opened by the first call, again when it was lost, and (unless it is to be kept) closed when it has nothing to do.
 */
import type { ClientDuplexStream, Client as GrpcClient, ServiceError, StatusObject } from '@grpc/grpc-js';
import { Metadata, status as Status } from '@grpc/grpc-js';
import type { SessionAnswer__Output } from '../../proto/generated/minihdfs/SessionAnswer.js';
import type { SessionAnswers__Output } from '../../proto/generated/minihdfs/SessionAnswers.js';
import type { SessionCall } from '../../proto/generated/minihdfs/SessionCall.js';
import type { SessionCalls } from '../../proto/generated/minihdfs/SessionCalls.js';
import { MAX_TIMER_MS } from '../clock.js';
import { DfsError, isErrorName } from '../errors.js';
import { callDefinition } from './call-definitions.js';
import { MalformedMessage } from './message-check.js';
import { SESSION_CALLS_MAX, SESSION_ENVELOPE_BYTES, SESSION_FRAME_BYTES } from './session-limits.js';
import type { CallTarget } from './status.js';
import { errorOf } from './status.js';

/** A unary method, as the session sends it. */
export interface SessionMethod {
  readonly target: Omit<CallTarget, 'timeoutMs'>;
  readonly serialize: (request: unknown) => Buffer;
  /** Gives a MalformedMessage for what cannot be read. */
  readonly deserialize: (response: Buffer) => unknown;
}

type Failure = Pick<StatusObject, 'code' | 'details' | 'metadata'>;
type Stream = ClientDuplexStream<SessionCalls, SessionAnswers__Output>;

/** An open stream keeps a process alive whose work is done: without a call for this long, and up to twice as long, it is closed. */
const IDLE_MS = 1000;

interface OpenCall {
  readonly method: SessionMethod;
  readonly message: SessionCall;
  readonly bytes: number;
  readonly timeoutMs: number;
  readonly timer: NodeJS.Timeout;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Nobody waits for the answer any more; the server may still be busy with the call. */
  over: boolean;
}

export interface SessionClientOptions {
  readonly maxMessageBytes: number;
  /** The stream stays open until {@link SessionClient.close}, for callers that will call again. */
  readonly isKeptWhenIdle: boolean;
}

export class SessionClient {
  readonly #grpcClient: GrpcClient;
  readonly #maxMessageBytes: number;
  readonly #isKeptWhenIdle: boolean;
  #stream: Stream | undefined;
  /** Not sent yet, by id, in order. */
  readonly #waiting = new Map<number, OpenCall>();
  /** Sent and not answered. */
  readonly #sent = new Map<number, OpenCall>();
  #cancelled: number[] = [];
  #lastId = 0;
  #flushing = false;
  #blocked = false;
  #usedSinceTick = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(grpcClient: GrpcClient, { maxMessageBytes, isKeptWhenIdle }: SessionClientOptions) {
    this.#grpcClient = grpcClient;
    this.#maxMessageBytes = maxMessageBytes;
    this.#isKeptWhenIdle = isKeptWhenIdle;
  }

  /** @throws DfsError what the handler answers; `ConnectionLost`, `Timeout`, `Cancelled`, `MessageTooLarge`. */
  call(
    method: SessionMethod,
    request: unknown,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { role, address, method: name } = method.target;
      if (this.#closed)
        throw new DfsError('Cancelled', `${name}: the connection to the ${role} at ${address} is closed`);
      const bytes = method.serialize(request);
      if (bytes.length > this.#maxMessageBytes - SESSION_ENVELOPE_BYTES)
        throw new DfsError(
          'MessageTooLarge',
          `A message of ${name} is larger than the ${role} at ${address} or this client takes: ${bytes.length} bytes.`,
        );
      const id = this.#nextId();
      const late = (): void => this.#abandon(id, this.#failureOf(call, LATE));
      const onAbort = (): void => this.#abandon(id, this.#failureOf(call, CANCELLED));
      const call: OpenCall = {
        method,
        message: { id, method: name, request: bytes, timeoutMs: Math.min(timeoutMs, MAX_TIMER_MS) },
        bytes: bytes.length,
        timeoutMs,
        timer: setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS)),
        signal,
        onAbort: signal === undefined ? undefined : onAbort,
        resolve,
        reject,
        over: false,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, call);
      this.#usedSinceTick = true;
      this.#scheduleFlush();
    });
  }

  /** Calls without an answer fail, and so do later ones. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    const stream = this.#stream;
    this.#stream = undefined;
    this.#failAll(CANCELLED);
    stream?.cancel();
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#sent.has(this.#lastId) || this.#waiting.has(this.#lastId));
    return this.#lastId;
  }

  // ---- Sending ---------------------------------------------------------------------------------------------------------

  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#blocked) {
      const calls = this.#nextCalls();
      const cancelled = this.#cancelled;
      if (calls.length === 0 && cancelled.length === 0) return;
      this.#cancelled = [];
      this.#stream ??= this.#open();
      const stream = this.#stream;
      this.#blocked = !stream.write({ calls, cancelled });
      if (this.#blocked)
        stream.once('drain', () => {
          if (stream !== this.#stream) return;
          this.#blocked = false;
          this.#flush();
        });
    }
  }

  #nextCalls(): SessionCall[] {
    const calls: SessionCall[] = [];
    let bytes = 0;
    for (const [id, call] of this.#waiting) {
      bytes += call.bytes;
      if (this.#sent.size >= SESSION_CALLS_MAX || (calls.length > 0 && bytes > SESSION_FRAME_BYTES)) break;
      this.#waiting.delete(id);
      this.#sent.set(id, call);
      calls.push(call.message);
    }
    return calls;
  }

  #open(): Stream {
    const { Open } = callDefinition('Session');
    if (Open === undefined) throw new Error('sessions are not defined');
    const { path, requestSerialize, responseDeserialize } = Open;
    const stream: Stream = this.#grpcClient.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
    );
    stream.on('data', (answers: SessionAnswers__Output) => this.#take(answers));
    // When we cancel the stream ourselves, it is not the session's any more: here it was the server that has ended.
    stream.on('error', (error: ServiceError) => this.#lost(stream, error.code === Status.CANCELLED ? LOST : error));
    stream.on('end', () => this.#lost(stream, LOST));
    if (!this.#isKeptWhenIdle) this.#idleTimer = setTimeout(() => this.#tick(stream), IDLE_MS);
    return stream;
  }

  #tick(stream: Stream): void {
    if (stream !== this.#stream) return;
    if (this.#usedSinceTick || this.#sent.size > 0 || this.#waiting.size > 0) {
      this.#usedSinceTick = false;
      this.#idleTimer = setTimeout(() => this.#tick(stream), IDLE_MS);
      return;
    }
    this.#stream = undefined;
    stream.end();
  }

  // ---- Receiving -------------------------------------------------------------------------------------------------------

  #take({ answers }: SessionAnswers__Output): void {
    const wereFull = this.#waiting.size > 0;
    for (const answer of answers) {
      const call = this.#sent.get(answer.id);
      if (call === undefined) continue;
      this.#sent.delete(answer.id);
      if (!call.over) this.#settle(call, answer);
    }
    if (wereFull) this.#scheduleFlush();
  }

  #settle(call: OpenCall, { response, error }: SessionAnswer__Output): void {
    release(call);
    if (error) {
      const { name, message } = error;
      call.reject(
        isErrorName(name) ? new DfsError(name, message) : this.#failureOf(call, { ...UNKNOWN, details: message }),
      );
      return;
    }
    const { role, address, method } = call.method.target;
    const value = call.method.deserialize(response ?? Buffer.alloc(0));
    if (value instanceof MalformedMessage)
      call.reject(
        new DfsError(
          'ProtocolViolation',
          `The answer of the ${role} at ${address} to ${method} cannot be read: ${value.reason}.`,
        ),
      );
    else call.resolve(value);
  }

  /** Whether a sent call has been carried out is unknown. Those that were not sent fail, too: whoever made them decides on another attempt. */
  #lost(stream: Stream, failure: Failure): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    clearTimeout(this.#idleTimer);
    this.#failAll(failure);
  }

  #failAll(failure: Failure): void {
    this.#blocked = false;
    this.#cancelled = [];
    const calls = [...this.#sent.values(), ...this.#waiting.values()];
    this.#sent.clear();
    this.#waiting.clear();
    for (const call of calls) {
      if (call.over) continue;
      release(call);
      call.reject(this.#failureOf(call, failure));
    }
  }

  #abandon(id: number, error: DfsError): void {
    const sent = this.#sent.get(id);
    const call = sent ?? this.#waiting.get(id);
    if (call === undefined || call.over) return;
    release(call);
    this.#waiting.delete(id);
    if (sent !== undefined) {
      this.#cancelled.push(id);
      this.#scheduleFlush();
    }
    call.reject(error);
  }

  #failureOf({ method, timeoutMs, signal }: OpenCall, failure: Failure): DfsError {
    if (signal?.aborted)
      return new DfsError('Cancelled', `${method.target.method} was cancelled.`, { cause: signal.reason });
    return errorOf(failure, { ...method.target, timeoutMs });
  }
}

function release(call: OpenCall): void {
  call.over = true;
  clearTimeout(call.timer);
  if (call.onAbort !== undefined) call.signal?.removeEventListener('abort', call.onAbort);
}

const failure = (code: Status, details: string): Failure => ({ code, details, metadata: new Metadata() });
const LATE = failure(Status.DEADLINE_EXCEEDED, '');
const CANCELLED = failure(Status.CANCELLED, '');
const LOST = failure(Status.UNAVAILABLE, 'the session was ended');
const UNKNOWN = failure(Status.UNKNOWN, '');
