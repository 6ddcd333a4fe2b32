/** Channels (channel.ts) within one process: the same behaviour as over TCP, without a socket. */
import type { Channel } from './channel.js';
import { type Clock, systemClock } from './clock.js';
import { DfsError } from './errors.js';
import { LazyTimer } from './lazy-timer.js';

/** A write resolves once less than this waits to be read. */
const WINDOW_BYTES = 1024 * 1024;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: DfsError): void;
}

/** One direction of a pair: bytes that were written on one side and not yet read on the other. */
class Pipe {
  readonly #readTimer: LazyTimer;
  readonly #writeTimer: LazyTimer;
  readonly #writerName: string;
  readonly #readerName: string;
  #buffers: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #failure: DfsError | undefined;
  #reader: Waiting<Buffer | null> | undefined;
  #writers: Waiting<void>[] = [];
  #writeTimeoutMs = 0;

  constructor(clock: Clock, writerName: string, readerName: string) {
    this.#writerName = writerName;
    this.#readerName = readerName;
    this.#readTimer = new LazyTimer(clock, () => this.#onReadTimeout());
    this.#writeTimer = new LazyTimer(clock, () => this.#onWriteTimeout());
  }

  read(timeoutMs: number): Promise<Buffer | null> {
    const buffer = this.#buffers.shift();
    if (buffer !== undefined) {
      this.#bytes -= buffer.length;
      this.#onTaken();
      return Promise.resolve(buffer);
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
    for (const buffer of buffers) this.#push(buffer);
    if (this.#bytes < WINDOW_BYTES) return Promise.resolve();
    this.#writeTimeoutMs = timeoutMs;
    if (this.#writers.length === 0) this.#writeTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#writers.push({ resolve, reject });
    });
  }

  end(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
    this.#readTimer.cancel();
  }

  /** The reading side is gone: nobody will take what is written. */
  abandon(error: DfsError): void {
    this.#buffers = [];
    this.#bytes = 0;
    this.#fail(error);
  }

  /** The writing side is gone; what it wrote can still be read. */
  breakOff(error: DfsError): void {
    this.end();
    this.#fail(error);
  }

  #fail(error: DfsError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#readTimer.cancel();
    this.#writeTimer.cancel();
    this.#reader?.reject(error);
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }

  #push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      this.#readTimer.disarm();
      reader.resolve(buffer);
      return;
    }
    this.#buffers.push(buffer);
    this.#bytes += buffer.length;
  }

  #onTaken(): void {
    if (this.#writers.length === 0) return;
    if (this.#bytes >= WINDOW_BYTES) {
      this.#writeTimer.arm(this.#writeTimeoutMs);
      return;
    }
    this.#writeTimer.disarm();
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #onReadTimeout(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(new DfsError('Timeout', `${this.#writerName} sent nothing in time`));
  }

  #onWriteTimeout(): void {
    const error = new DfsError('Timeout', `${this.#readerName} took nothing for ${this.#writeTimeoutMs} ms`);
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }
}

class MemoryChannel implements Channel {
  readonly peer: string;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(peer: string, incoming: Pipe, outgoing: Pipe) {
    this.peer = peer;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(timeoutMs: number): Promise<Buffer | null> {
    return this.#incoming.read(timeoutMs);
  }

  write(buffers: readonly Uint8Array[], timeoutMs: number): Promise<void> {
    return this.#outgoing.write(buffers, timeoutMs);
  }

  end(): void {
    this.#outgoing.end();
  }

  destroy(): void {
    const error = new DfsError('ConnectionLost', `the connection to ${this.peer} was closed`);
    this.#incoming.abandon(error);
    this.#outgoing.breakOff(error);
  }
}

export interface ChannelPairOptions {
  readonly clock?: Clock;
  /** What each side is called by the other, instead of `host:port`. */
  readonly names?: readonly [string, string];
}

/** Two ends of one connection: what is written on one is read on the other. */
export function channelPair(options: ChannelPairOptions = {}): [Channel, Channel] {
  const clock = options.clock ?? systemClock;
  const [first, second] = options.names ?? ['memory:1', 'memory:2'];
  const forth = new Pipe(clock, first, second);
  const back = new Pipe(clock, second, first);
  return [new MemoryChannel(second, back, forth), new MemoryChannel(first, forth, back)];
}
