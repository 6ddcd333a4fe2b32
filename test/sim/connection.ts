/**
 * A connection of the simulated data plane: the two channels (common/channel.ts) at its ends and the bytes between them, with
 * TCP's habits. Bytes arrive in order, cut and joined anew; a side that does not read fills up the windows until its peer cannot
 * write; nothing is lost in silence, but a link that is blocked stalls the connection, and after long enough breaks it.
 */
import type { Channel } from '../../common/channel.js';
import type { Clock, Timer } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import { LazyTimer } from '../../common/lazy-timer.js';
import type { Random } from '../../common/random.js';
import type { FaultCounters } from './fault-counters.js';
import type { Life } from './life.js';
import type { Links } from './links.js';
import type { Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';

/** A write resolves once less than this waits for the kernel. */
const SEND_WINDOW_BYTES = 64 * 1024;
/** What is on its way or received and not read: the socket buffers of both sides. */
const WIRE_WINDOW_BYTES = 64 * 1024;
const SEGMENT_BYTES_MAX = 16 * 1024;
/** What is written in one piece and is larger is data of a block, which has checksums. (Headers have none, as in HDFS.) */
const DATA_BYTES_MIN = 512;
/** A sender that hears nothing for so long ends the connection; Linux: 15 minutes or less. */
const GIVE_UP_MS = 300_000;
/** A machine that has gone without a word is asked after so long for the first time, */
const KEEP_ALIVE_FIRST_MS = 30_000;
/** and then at these intervals, */
const KEEP_ALIVE_MS = 75_000;
/** so many times. */
const KEEP_ALIVE_PROBES = 9;

export interface ConnectionWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly faults: FaultCounters;
  readonly links: Links;
  /** Called when data of a block was sent by the side that has connected. */
  onData(from: Endpoint): void;
}

/** One side of a connection. */
export interface Side {
  readonly life: Life;
  readonly clock: Clock;
  readonly host: string;
  /** What the other side calls this one. */
  readonly address: string;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: DfsError): void;
}

export class Endpoint implements Channel {
  readonly peer: string;
  readonly side: Side;
  readonly #world: ConnectionWorld;
  readonly #readTimer: LazyTimer;
  readonly #writeTimer: LazyTimer;
  #other: Endpoint | undefined;
  /**
   * The side that has connected: what it sends may be disturbed. What comes back is for readers, whose word that a replica is damaged the NameNode takes,
   * as in HDFS, also when it was the network and there is no other replica.
   */
  #isWriter = false;
  readonly #onClosed: (endpoint: Endpoint) => void;

  /** Written and not yet taken by the kernel; null is the end of the stream. */
  #unsent: (Uint8Array | null)[] = [];
  #unsentBytes = 0;
  /** Sent and not yet read by the other side. */
  #wireBytes = 0;
  #lastArrivalMs = 0;
  /** What has reached the link's far end while it was blocked, in order. */
  #stalled: (() => void)[] | undefined;
  #giveUp: Timer | undefined;

  #received: Buffer[] = [];
  #ended = false;
  #failure: DfsError | undefined;
  #isDestroyed = false;
  #reader: Waiting<Buffer | null> | undefined;
  #writers: Waiting<void>[] = [];
  #writeTimeoutMs = 0;
  readonly #forgetLife: () => void;

  /** Use {@link connect}. */
  constructor(world: ConnectionWorld, side: Side, peer: string, onClosed: (endpoint: Endpoint) => void) {
    this.#world = world;
    this.side = side;
    this.peer = peer;
    this.#onClosed = onClosed;
    this.#readTimer = new LazyTimer(side.clock, () => this.#onReadTimeout());
    this.#writeTimer = new LazyTimer(side.clock, () => this.#onWriteTimeout());
    this.#forgetLife = side.life.onEnd(() => this.#onProcessEnd());
  }

  /** The two ends of a new connection; `onClosed` is told of each end that was destroyed. */
  static connect(
    world: ConnectionWorld,
    first: Side,
    second: Side,
    onClosed: (endpoint: Endpoint) => void,
  ): [Endpoint, Endpoint] {
    const a = new Endpoint(world, first, second.address, onClosed);
    const b = new Endpoint(world, second, first.address, onClosed);
    a.#other = b;
    b.#other = a;
    a.#isWriter = true;
    return [a, b];
  }

  // ---- What the process does -----------------------------------------------------------------------------------------

  read(timeoutMs: number): Promise<Buffer | null> {
    const piece = this.#received.shift();
    if (piece !== undefined) {
      this.#taken(piece.length);
      return Promise.resolve(piece);
    }
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#reader !== undefined) throw new Error('a channel was read while a read was under way');
    this.#readTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  write(buffers: readonly Uint8Array[], timeoutMs: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    for (const buffer of buffers) {
      if (buffer.length === 0) continue;
      this.#unsent.push(buffer);
      this.#unsentBytes += buffer.length;
    }
    this.#send();
    if (this.#unsentBytes < SEND_WINDOW_BYTES) return Promise.resolve();
    this.#writeTimeoutMs = timeoutMs;
    if (this.#writers.length === 0) this.#writeTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#writers.push({ resolve, reject });
    });
  }

  end(): void {
    if (this.#failure !== undefined) return;
    this.#unsent.push(null);
    this.#send();
  }

  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#forgetLife();
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#giveUp?.cancel();
    this.#closeKernelSide();
    this.#received = [];
    this.#fail(new DfsError('ConnectionLost', `the connection to ${this.peer} was closed on this side`));
    this.#onClosed(this);
  }

  /** Something between the two has forgotten the connection: this side is told, as if by its peer. */
  reset(): void {
    this.#fail(new DfsError('ConnectionLost', `the connection to ${this.peer} broke: read ECONNRESET`));
  }

  get other(): Endpoint {
    return this.#other as Endpoint;
  }

  // ---- Sending -------------------------------------------------------------------------------------------------------

  #send(): void {
    for (;;) {
      const [first] = this.#unsent;
      if (first === undefined) break;
      if (first === null) {
        this.#unsent = [];
        this.#transmit(0, (other) => other.#onEnd());
        break;
      }
      const room = WIRE_WINDOW_BYTES - this.#wireBytes;
      if (room <= 0) break;
      this.#sendSegment(first, Math.min(room, first.length, 1 + this.#world.random.int(SEGMENT_BYTES_MAX)));
    }
    if (this.#writers.length === 0) return;
    if (this.#unsentBytes >= SEND_WINDOW_BYTES) return;
    this.#writeTimer.disarm();
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #sendSegment(buffer: Uint8Array, length: number): void {
    // A copy, as the kernel makes it: from here on the sender's memory does not matter. In memory of its own, because receivers join
    // pieces that lie side by side, which in Node's pool of small buffers is a matter of chance.
    const segment = Buffer.allocUnsafeSlow(length);
    segment.set(buffer.subarray(0, length));
    const isData = this.#isWriter && buffer.length >= DATA_BYTES_MIN;
    if (isData) this.#world.links.disturb(this.side.host, this.other.side.host, segment);
    if (length === buffer.length) this.#unsent.shift();
    else this.#unsent[0] = buffer.subarray(length);
    this.#unsentBytes -= length;
    this.#wireBytes += length;
    if (this.#writers.length > 0) this.#writeTimer.arm(this.#writeTimeoutMs);
    this.#transmit(length, (other) => other.#onSegment(segment));
    if (isData) this.#world.onData(this);
  }

  /** Has `deliver` happen at the other side, after everything sent before. */
  #transmit(bytes: number, deliver: (other: Endpoint) => void): void {
    const { other } = this;
    const { scheduler, links, trace } = this.#world;
    const from = this.side.host;
    const to = other.side.host;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, links.arrivalMs(from, to, bytes));
    const arrive = (): void => {
      trace.note(`segment ${this.side.address}>${this.peer}`, bytes);
      deliver(other);
    };
    scheduler.at(this.#lastArrivalMs, 'arrival', () => this.#onFarEnd(arrive));
  }

  #onFarEnd(arrive: () => void): void {
    if (this.#stalled !== undefined) {
      this.#stalled.push(arrive);
      return;
    }
    const { other } = this;
    const { links, faults } = this.#world;
    const from = this.side.host;
    const to = other.side.host;
    if (!links.isOpen(from, to) || (links.isDown(to) && !other.side.life.alive)) {
      faults.count('network: stalled connection');
      this.#stalled = [arrive];
      this.#giveUp = this.#world.scheduler.after(GIVE_UP_MS, 'give up', () => this.#onGiveUp());
      links.whenOpen(from, to, () => this.#resume());
      return;
    }
    arrive();
  }

  /** The link is open again, or the machine behind it is up. */
  #resume(): void {
    const stalled = this.#stalled ?? [];
    this.#stalled = undefined;
    this.#giveUp?.cancel();
    for (const arrive of stalled) this.#onFarEnd(arrive);
  }

  #onGiveUp(): void {
    this.#stalled = [];
    this.#fail(new DfsError('ConnectionLost', `the connection to ${this.peer} broke: read ETIMEDOUT`));
  }

  // ---- Receiving -----------------------------------------------------------------------------------------------------

  #onSegment(segment: Buffer): void {
    if (this.#isDestroyed || !this.side.life.alive) {
      this.#refuse();
      return;
    }
    if (this.#failure !== undefined) return;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#received.push(segment);
      return;
    }
    this.#reader = undefined;
    this.#readTimer.disarm();
    this.#taken(segment.length);
    reader.resolve(segment);
  }

  #onEnd(): void {
    this.#ended = true;
    this.#readTimer.cancel();
    this.#reader?.resolve(null);
    this.#reader = undefined;
  }

  /**
   * Bytes for somebody who is not there any more: TCP answers with a reset. It is nobody's fault when a live process has closed the connection
   * itself, as a reader does that has enough.
   */
  #refuse(): void {
    if (!this.side.life.alive) this.#world.faults.count('network: connection reset');
    this.#transmit(0, (other) => other.reset());
  }

  /** The process has read; its peer may send more as soon as it hears of that. */
  #taken(bytes: number): void {
    const { other } = this;
    const { links } = this.#world;
    const tell = (): void => {
      other.#wireBytes -= bytes;
      if (other.#failure === undefined) other.#send();
    };
    if (links.isOpen(this.side.host, other.side.host)) tell();
    else links.whenOpen(this.side.host, other.side.host, tell);
  }

  // ---- The end -------------------------------------------------------------------------------------------------------

  #closeKernelSide(): void {
    if (this.#failure !== undefined) return; // the connection is over already
    if (this.#received.length > 0) this.#refuse();
    else this.#transmit(0, (other) => other.#onPeerClosed());
  }

  /** The peer has closed both directions: what it sent is here, and nothing that is sent will be read. */
  #onPeerClosed(): void {
    this.#onEnd();
  }

  #onProcessEnd(): void {
    const { links } = this.#world;
    this.#isDestroyed = true;
    this.#unsent = [];
    this.#giveUp?.cancel();
    if (links.isDown(this.side.host))
      this.#world.scheduler.after(KEEP_ALIVE_FIRST_MS, 'keep alive', () => this.#probe(1));
    else this.#closeKernelSide();
    this.#received = [];
    this.#onClosed(this);
  }

  /** The other side asks whether this one is still there. */
  #probe(attempt: number): void {
    const { other } = this;
    if (other.#isDestroyed || other.#failure !== undefined) return;
    const { links, scheduler } = this.#world;
    if (attempt > KEEP_ALIVE_PROBES) other.#onGiveUp();
    else if (!links.isDown(this.side.host)) this.#refuse();
    else scheduler.after(KEEP_ALIVE_MS, 'keep alive', () => this.#probe(attempt + 1));
  }

  #fail(error: DfsError): void {
    this.#readTimer.cancel();
    this.#writeTimer.cancel();
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#reader?.reject(error);
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }

  #onReadTimeout(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(new DfsError('Timeout', `${this.peer} sent nothing in time`));
  }

  #onWriteTimeout(): void {
    const error = new DfsError('Timeout', `${this.peer} took nothing for ${this.#writeTimeoutMs} ms`);
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }
}
