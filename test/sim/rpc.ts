/**
 * Calls between the processes of a simulated cluster (common/rpc/service.ts), in the place of gRPC. A request and an answer pass through
 * their protobuf form, so that each side gets exactly what gRPC would bring it. On the way they take time, overtake each other, arrive
 * twice, or not at all: then a caller cannot know whether its call was carried out.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import { DfsError, messageOf } from '../../common/errors.js';
import type { Random } from '../../common/random.js';
import { serviceDefinition } from '../../common/rpc/definitions.js';
import { checkedDeserializer, checkedSerializer, MalformedMessage } from '../../common/rpc/message-check.js';
import type { CallContext, CallOptions } from '../../common/rpc/service.js';
import type { ServiceName, Services } from '../../common/rpc/services.js';
import { errorOf, statusOf } from '../../common/rpc/status.js';
import type { CallTap, SeenCall } from './call-tap.js';
import type { FaultCounters } from './fault-counters.js';
import type { Life } from './life.js';
import type { Links } from './links.js';
import type { Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';

/** What happens to calls; may be changed while the simulation runs. */
export interface CallFaults {
  requestLossRate: number;
  answerLossRate: number;
  duplicateRate: number;
  /** Share of messages that take up to `delayMaxMs` longer, so that later ones overtake them. */
  delayRate: number;
  delayMaxMs: number;
}

export const NO_CALL_FAULTS: CallFaults = {
  requestLossRate: 0,
  answerLossRate: 0,
  duplicateRate: 0,
  delayRate: 0,
  delayMaxMs: 0,
};

export interface RpcWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly faults: FaultCounters;
  readonly links: Links;
  readonly callFaults: CallFaults;
  readonly tap: CallTap;
  /** A handler threw something that is no DfsError, which is always a defect. */
  readonly onUnforeseen: (where: string, error: unknown) => void;
}

/** One process as a caller. */
export interface Caller {
  readonly life: Life;
  readonly host: string;
  readonly clock: Clock;
}

type AnyHandler = (request: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

interface Serving {
  readonly life: Life;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
}

type Outcome = { readonly answer: Buffer } | { readonly error: DfsError };

/** A duplicate of a request arrives so much later at most. */
const DUPLICATE_DELAY_MAX_MS = 10_000;

export class SimulatedRpc {
  readonly #world: RpcWorld;
  readonly #serving = new Map<string, Serving>();

  constructor(world: RpcWorld) {
    this.#world = world;
  }

  /** Answers calls to `service` at `host:port` until the process ends. Returns how to stop earlier. */
  serve<Name extends ServiceName>(
    life: Life,
    address: string,
    service: Name,
    handlers: Services[Name]['handlers'],
  ): () => void {
    const key = `${address} ${service}`;
    const serving = { life, handlers: handlers as unknown as Record<string, AnyHandler> };
    this.#serving.set(key, serving);
    const stop = (): void => {
      if (this.#serving.get(key) === serving) this.#serving.delete(key);
    };
    life.onEnd(stop);
    return stop;
  }

  connect<Name extends ServiceName>(
    caller: Caller,
    service: Name,
    address: string,
    defaultTimeoutMs: number,
  ): Services[Name]['client'] {
    const methods = Object.entries(serviceDefinition(service)).map(([name, method]) => {
      const start = (request: unknown, options: CallOptions): Call =>
        new Call(this.#world, (key) => this.#serving.get(key), caller, { service, address, name, method }, request, {
          timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
          signal: options.signal,
        });
      const call = method.responseStream
        ? (request: unknown, options: CallOptions = {}) => download(start(request, options))
        : async (request: unknown, options: CallOptions = {}) => await start(request, options).answer();
      return [name, call];
    });
    return Object.fromEntries(methods) as Services[Name]['client'];
  }
}

interface Target {
  readonly service: ServiceName;
  readonly address: string;
  readonly name: string;
  readonly method: MethodDefinition<unknown, unknown>;
}

async function* download(call: Call): AsyncGenerator<unknown, void> {
  for (;;) {
    const answer = await call.answer();
    if (answer === undefined) return;
    yield answer;
  }
}

/** A stream of answers at the server. */
interface Stream {
  readonly iterator: AsyncIterator<unknown>;
  readonly life: Life;
  readonly end: () => void;
}

/** One call, seen from both sides. */
class Call {
  readonly #world: RpcWorld;
  readonly #find: (key: string) => Serving | undefined;
  readonly #caller: Caller;
  readonly #target: Target;
  readonly #request: Buffer;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #deserialize: (bytes: Buffer) => unknown;
  readonly #serverHost: string;
  /** The caller does not wait any more. */
  #over: DfsError | undefined;
  #fail: (error: DfsError) => void = () => {};
  /** Set once the request has come to a server that answers with a stream. */
  #stream: Stream | undefined;
  /** Tells the server that the caller has gone. */
  #abandon: () => void = () => {};

  constructor(
    world: RpcWorld,
    find: (key: string) => Serving | undefined,
    caller: Caller,
    target: Target,
    request: unknown,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ) {
    this.#world = world;
    this.#find = find;
    this.#caller = caller;
    this.#target = target;
    this.#request = checkedSerializer(target.method.requestSerialize)(request);
    this.#deserialize = checkedDeserializer(target.method.responseDeserialize);
    this.#timeoutMs = options.timeoutMs;
    this.#signal = options.signal;
    this.#serverHost = target.address.slice(0, target.address.lastIndexOf(':'));
  }

  /** The answer; of a stream: the next message, undefined after the last. */
  answer(): Promise<unknown> {
    const { life, clock } = this.#caller;
    const { address, name } = this.#target;
    return life.promise((resolve, reject) => {
      if (this.#over !== undefined) {
        reject(this.#over);
        return;
      }
      if (this.#signal?.aborted) {
        reject(new DfsError('Cancelled', `${name} was cancelled.`, { cause: this.#signal.reason }));
        return;
      }
      let isSettled = false;
      const settle = (): boolean => {
        if (isSettled) return false;
        isSettled = true;
        timer.cancel();
        this.#signal?.removeEventListener('abort', onAbort);
        return true;
      };
      this.#fail = (error) => {
        if (!settle()) return;
        this.#over = error;
        this.#abandon();
        reject(error);
      };
      const timer = clock.after(this.#timeoutMs, () =>
        this.#fail(new DfsError('Timeout', `${address} did not answer ${name} within ${this.#timeoutMs} ms.`)),
      );
      const onAbort = (): void => this.#fail(new DfsError('Cancelled', `${name} at ${address} was cancelled.`));
      this.#signal?.addEventListener('abort', onAbort, { once: true });
      const onOutcome = (outcome: Outcome | undefined): void => {
        if (!settle()) return;
        if (outcome === undefined) resolve(undefined);
        else if ('error' in outcome) reject(outcome.error);
        else this.#decode(outcome.answer, resolve, reject);
      };
      if (this.#stream === undefined) this.#sendRequest(onOutcome);
      else this.#pull(this.#stream, onOutcome);
    });
  }

  #decode(answer: Buffer, resolve: (message: unknown) => void, reject: (error: DfsError) => void): void {
    const message = this.#deserialize(answer);
    if (message instanceof MalformedMessage) reject(new DfsError('ProtocolViolation', message.reason));
    else resolve(message);
  }

  #sendRequest(onOutcome: (outcome: Outcome | undefined) => void): void {
    const { random, faults, callFaults, scheduler } = this.#world;
    if (random.fraction() < callFaults.duplicateRate) {
      faults.count('calls: duplicate');
      const delayMs = random.fraction() * DUPLICATE_DELAY_MAX_MS;
      scheduler.after(delayMs, 'duplicate', () => this.#transmitRequest(() => {}));
    }
    if (random.fraction() < callFaults.requestLossRate) this.#lose('calls: request lost');
    else this.#transmitRequest(onOutcome);
  }

  #transmitRequest(onOutcome: (outcome: Outcome | undefined) => void): void {
    const { host } = this.#caller;
    this.#travel(host, this.#serverHost, this.#request.length, () => this.#onRequest(onOutcome));
  }

  /** At the server. */
  #onRequest(onOutcome: (outcome: Outcome | undefined) => void): void {
    const { service, address, name, method } = this.#target;
    const { trace, links } = this.#world;
    trace.note(`call ${this.#caller.life.name}>${address} ${name}`, this.#request.length);
    const serving = this.#find(`${address} ${service}`);
    if (serving === undefined || !serving.life.alive) {
      if (links.isDown(this.#serverHost)) return; // nobody answers; the caller's deadline ends it
      this.#back(() => this.#fail(connectionLost(address, 'connection refused')));
      return;
    }
    const request = checkedDeserializer(method.requestDeserialize)(this.#request);
    if (request instanceof MalformedMessage) {
      this.#answer(onOutcome, { error: new DfsError('ProtocolViolation', request.reason) });
      return;
    }
    const { life } = serving;
    const context = new ServerContext(this.#caller.host);
    const end = this.#watch(life, context);
    const seen: SeenCall = { server: life, callerHost: this.#caller.host, method: name, request };
    this.#world.tap.arrived(seen);
    const handler = serving.handlers[name] as AnyHandler;
    try {
      const result = handler(request, context);
      if (Symbol.asyncIterator in result) {
        this.#stream = { iterator: result[Symbol.asyncIterator](), life, end };
        this.#onPull(this.#stream, onOutcome);
        return;
      }
      this.#whenAnswered(seen, result, (outcome) => {
        end();
        this.#answer(onOutcome, outcome);
      });
    } catch (error) {
      end();
      this.#answer(onOutcome, { error: this.#known(error) });
    }
  }

  /** Tells each side of the other's end, until the call is over; returns what is to be called then. */
  #watch(server: Life, context: ServerContext): () => void {
    const { address } = this.#target;
    const { scheduler, links } = this.#world;
    const abort = (): void => {
      if (server.alive) context.abort();
    };
    const forgetServer = server.onEnd(() => {
      if (links.isDown(this.#serverHost)) return;
      this.#back(() => this.#fail(connectionLost(address, 'the connection was lost')));
    });
    const forgetCaller = this.#caller.life.onEnd(abort);
    // The server knows the deadline as well.
    const deadline = scheduler.after(this.#timeoutMs, 'call deadline', abort);
    this.#abandon = () => this.#travel(this.#caller.host, this.#serverHost, 0, abort);
    return () => {
      this.#abandon = () => {};
      forgetServer();
      forgetCaller();
      deadline.cancel();
    };
  }

  #whenAnswered(seen: SeenCall, result: Promise<unknown>, onOutcome: (outcome: Outcome) => void): void {
    const { server } = seen;
    result.then(
      (answer) => {
        if (!server.alive) return;
        this.#world.tap.answered({ ...seen, answer });
        onOutcome({ answer: checkedSerializer(this.#target.method.responseSerialize)(answer) });
      },
      (error: unknown) => {
        if (server.alive) onOutcome({ error: this.#known(error) });
      },
    );
  }

  /** The answer on its way back. */
  #answer(onOutcome: (outcome: Outcome | undefined) => void, outcome: Outcome | undefined): void {
    const { random, callFaults } = this.#world;
    if (random.fraction() < callFaults.answerLossRate) this.#lose('calls: answer lost');
    else this.#back(() => onOutcome(outcome), outcome !== undefined && 'answer' in outcome ? outcome.answer.length : 0);
  }

  #pull(stream: Stream, onOutcome: (outcome: Outcome | undefined) => void): void {
    this.#travel(this.#caller.host, this.#serverHost, 0, () => this.#onPull(stream, onOutcome));
  }

  #onPull(stream: Stream, onOutcome: (outcome: Outcome | undefined) => void): void {
    const { iterator, life } = stream;
    if (!life.alive) return;
    iterator.next().then(
      ({ done, value }) => {
        if (!life.alive) return;
        if (done) stream.end();
        const answer = done ? undefined : { answer: checkedSerializer(this.#target.method.responseSerialize)(value) };
        this.#back(() => onOutcome(answer), answer?.answer.length);
      },
      (error: unknown) => {
        if (!life.alive) return;
        stream.end();
        this.#answer(onOutcome, { error: this.#known(error) });
      },
    );
  }

  /** What a caller sees of an error at the server. */
  #known(error: unknown): DfsError {
    const { address, name } = this.#target;
    if (!(error instanceof DfsError)) {
      this.#world.onUnforeseen(`${name} at ${address}`, error);
      return new DfsError('Internal', messageOf(error));
    }
    return errorOf(statusOf(error), { role: 'server', address, method: name, timeoutMs: this.#timeoutMs });
  }

  /** The connection breaks: the caller hears of it, or waits for its deadline. */
  #lose(kind: string): void {
    const { random, faults, scheduler } = this.#world;
    faults.count(kind);
    if (random.int(2) === 0) return;
    scheduler.after(random.fraction() * 100, 'connection lost', () =>
      this.#fail(connectionLost(this.#target.address, 'the connection was lost')),
    );
  }

  #back(arrive: () => void, bytes = 0): void {
    this.#travel(this.#serverHost, this.#caller.host, bytes, arrive);
  }

  #travel(from: string, to: string, bytes: number, arrive: () => void): void {
    const { scheduler, links, random, callFaults, faults } = this.#world;
    let arrivalMs = links.arrivalMs(from, to, bytes + 64);
    if (random.fraction() < callFaults.delayRate) {
      faults.count('calls: delayed');
      arrivalMs += random.fraction() * callFaults.delayMaxMs;
    }
    scheduler.at(arrivalMs, `message ${from}>${to}`, () => {
      if (links.isOpen(from, to) && !links.isDown(to)) arrive();
      else links.whenOpen(from, to, () => this.#travel(from, to, bytes, arrive));
    });
  }
}

class ServerContext implements CallContext {
  readonly peerHost: string;
  readonly #controller = new AbortController();

  constructor(peerHost: string) {
    this.peerHost = peerHost;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort(new DfsError('Cancelled', 'The caller has gone.'));
  }
}

function connectionLost(address: string, problem: string): DfsError {
  return new DfsError('ConnectionLost', `Cannot reach ${address}: ${problem}.`);
}
