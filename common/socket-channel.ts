/** A channel (channel.ts) over a socket that is connected. */
import type { Socket } from 'node:net';
import type { Channel } from './channel.js';
import type { Clock } from './clock.js';
import { DfsError, messageOf } from './errors.js';
import { LazyTimer } from './lazy-timer.js';
import type { SlabSocket } from './slab-socket.js';

/** Reading from the socket stops while this much waits to be read, and starts again when less than half of it does. */
const RECEIVE_WINDOW_BYTES = 256 * 1024;

/**
 * A write resolves once less than this waits to be taken by the kernel. Not larger, because a write's time-out sees no progress
 * within what is handed to the kernel at once. (Neither window limits the speed on loopback from 256 KiB to 4 MiB.)
 */
const SEND_WINDOW_BYTES = 1024 * 1024;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: DfsError): void;
}

export class SocketChannel implements Channel {
  readonly peer: string;
  readonly #slabSocket: SlabSocket;
  readonly #socket: Socket;
  readonly #readTimer: LazyTimer;
  readonly #writeTimer: LazyTimer;
  /** Received and not yet read. */
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #isPaused = false;
  #ended = false;
  /** Why nothing more can be read or written. Made into an error when somebody asks: most connections just end, and a stack costs more. */
  #failure: (() => DfsError) | undefined;
  #reader: Waiting<Buffer | null> | undefined;
  #writers: Waiting<void>[] = [];
  #writeTimeoutMs = 0;

  constructor(slabSocket: SlabSocket, peer: string, clock: Clock) {
    const { socket } = slabSocket;
    this.peer = peer;
    this.#slabSocket = slabSocket;
    this.#socket = socket;
    this.#readTimer = new LazyTimer(clock, () => this.#onReadTimeout());
    this.#writeTimer = new LazyTimer(clock, () => this.#onWriteTimeout());
    slabSocket.onChunk = (chunk) => this.#onData(chunk);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.#fail(() => connectionLost(this.peer, error)));
    socket.on('close', () => this.#fail(() => closed(this.peer, '')));
  }

  read(timeoutMs: number): Promise<Buffer | null> {
    const chunk = this.#received.shift();
    if (chunk !== undefined) {
      this.#receivedBytes -= chunk.length;
      if (this.#isPaused && this.#receivedBytes < RECEIVE_WINDOW_BYTES / 2) {
        this.#isPaused = false;
        this.#socket.resume();
      }
      return Promise.resolve(chunk);
    }
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== undefined) return Promise.reject(this.#failure());
    if (this.#reader !== undefined) throw new Error('a channel was read while a read was under way');
    this.#readTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  write(buffers: readonly Uint8Array[], timeoutMs: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure());
    const socket = this.#socket;
    socket.cork();
    for (let i = 0; i < buffers.length - 1; i++) socket.write(buffers[i] as Uint8Array);
    socket.write(buffers.at(-1) ?? '', this.#onWritten);
    socket.uncork();
    if (socket.writableLength < SEND_WINDOW_BYTES) return Promise.resolve();
    this.#writeTimeoutMs = timeoutMs;
    if (this.#writers.length === 0) this.#writeTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#writers.push({ resolve, reject });
    });
  }

  recycle(buffers: readonly Uint8Array[]): void {
    this.#slabSocket.recycle(buffers);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#received = [];
    this.#fail(() => closed(this.peer, ' on this side'));
  }

  #onData(chunk: Buffer): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      this.#readTimer.disarm();
      reader.resolve(chunk);
      return;
    }
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes >= RECEIVE_WINDOW_BYTES) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  #onEnd(): void {
    this.#ended = true;
    this.#readTimer.cancel();
    this.#reader?.resolve(null);
    this.#reader = undefined;
  }

  /** The kernel has taken what one or more calls of write gave. */
  readonly #onWritten = (): void => {
    if (this.#writers.length === 0) return;
    if (this.#socket.writableLength >= SEND_WINDOW_BYTES) {
      this.#writeTimer.arm(this.#writeTimeoutMs);
      return;
    }
    this.#writeTimer.disarm();
    for (const writer of this.#writers.splice(0)) writer.resolve();
  };

  #onReadTimeout(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(new DfsError('Timeout', `${this.peer} sent nothing in time`));
  }

  #onWriteTimeout(): void {
    const error = new DfsError('Timeout', `${this.peer} took nothing for ${this.#writeTimeoutMs} ms`);
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }

  #fail(failure: () => DfsError): void {
    this.#readTimer.cancel();
    this.#writeTimer.cancel();
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#reader?.reject(failure());
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(failure());
  }
}

function closed(peer: string, where: string): DfsError {
  return new DfsError('ConnectionLost', `the connection to ${peer} was closed${where}`);
}

function connectionLost(peer: string, error: Error): DfsError {
  return new DfsError('ConnectionLost', `the connection to ${peer} broke: ${messageOf(error)}`, { cause: error });
}
