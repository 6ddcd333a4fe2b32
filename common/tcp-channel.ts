/** The data plane's channels (channel.ts) over TCP. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Channel, ConnectOptions, Listener, Network } from './channel.js';
import { type Clock, systemClock } from './clock.js';
import { cancellation } from './deadline.js';
import { DfsError, messageOf, osErrorCode } from './errors.js';
import { LazyTimer } from './lazy-timer.js';
import { SlabSocket } from './slab-socket.js';

/** Reading from the socket stops while this much waits to be read, and starts again when less than half of it does. */
const RECEIVE_WINDOW_BYTES = 256 * 1024;

/**
 * A write resolves once less than this waits to be taken by the kernel. Not larger, because a write's time-out sees no progress
 * within what is handed to the kernel at once. (Neither window limits the speed on loopback from 256 KiB to 4 MiB.)
 */
const SEND_WINDOW_BYTES = 1024 * 1024;

/** A peer whose machine has died without a word is found out by the kernel's probes, which begin after this silence. */
const KEEP_ALIVE_DELAY_MS = 30_000;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: DfsError): void;
}

class TcpChannel implements Channel {
  readonly peer: string;
  readonly #socket: Socket;
  readonly #readTimer: LazyTimer;
  readonly #writeTimer: LazyTimer;
  /** Received and not yet read. */
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #isPaused = false;
  #ended = false;
  /** Why nothing more can be read or written. */
  #failure: DfsError | undefined;
  #reader: Waiting<Buffer | null> | undefined;
  #writers: Waiting<void>[] = [];
  #writeTimeoutMs = 0;

  constructor(slabSocket: SlabSocket, peer: string, clock: Clock) {
    const { socket } = slabSocket;
    this.peer = peer;
    this.#socket = socket;
    this.#readTimer = new LazyTimer(clock, () => this.#onReadTimeout());
    this.#writeTimer = new LazyTimer(clock, () => this.#onWriteTimeout());
    slabSocket.onChunk = (chunk) => this.#onData(chunk);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.#fail(connectionLost(this.peer, error)));
    socket.on('close', () => this.#fail(new DfsError('ConnectionLost', `the connection to ${this.peer} was closed`)));
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
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#reader !== undefined) throw new Error('a channel was read while a read was under way');
    this.#readTimer.arm(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  write(buffers: readonly Uint8Array[], timeoutMs: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
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

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#received = [];
    this.#fail(new DfsError('ConnectionLost', `the connection to ${this.peer} was closed on this side`));
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

  #fail(error: DfsError): void {
    this.#readTimer.cancel();
    this.#writeTimer.cancel();
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#reader?.reject(error);
    this.#reader = undefined;
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }
}

export function createTcpNetwork(clock: Clock): Network {
  return {
    connect: (host, port, options) => connectTcp(clock, host, port, options),
    listen: (host, port, onChannel) => listenTcp(clock, host, port, onChannel),
  };
}

export const tcpNetwork: Network = createTcpNetwork(systemClock);

function connectTcp(clock: Clock, host: string, port: number, options: ConnectOptions): Promise<Channel> {
  const { timeoutMs, signal } = options;
  const peer = hostAndPort(host, port);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancellation(signal, `connecting to ${peer}`));
      return;
    }
    const slabSocket = SlabSocket.connect({
      host,
      port,
      // A side that has sent everything ends its stream and still reads what the other one has to say.
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    });
    const { socket } = slabSocket;
    const settle = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('connect', onConnect);
    };
    const fail = (error: DfsError): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(cancellation(signal, `connecting to ${peer}`));
    const onError = (error: Error): void => fail(cannotConnect(peer, error));
    const onConnect = (): void => {
      settle();
      resolve(new TcpChannel(slabSocket, peer, clock));
    };
    const timer = clock.after(timeoutMs, () =>
      fail(new DfsError('Timeout', `cannot connect to ${peer}: no answer within ${timeoutMs} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}

function listenTcp(clock: Clock, host: string, port: number, onChannel: (channel: Channel) => void): Promise<Listener> {
  const server = createServer({
    pauseOnConnect: true,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  });
  server.on('connection', (socket) => {
    const peer = hostAndPort(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
    onChannel(new TcpChannel(SlabSocket.accept(socket, true), peer, clock));
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(host, port, error)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      // A connection that could not be accepted (no file descriptor left) is the connecting side's failure, not the server's end.
      server.on('error', () => {});
      resolve(listenerOf(server, host));
    });
  });
}

function listenerOf(server: Server, host: string): Listener {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    host,
    port: address.port,
    // Node calls back only when the last connection is gone as well, but takes the port out of use at once.
    close: async () => {
      server.close();
    },
  };
}

function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused; is it running?',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved at the moment',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
};

function cannotConnect(peer: string, error: Error): DfsError {
  const code = osErrorCode(error) ?? '';
  const reason = REASONS[code] ?? (messageOf(error) || code);
  return new DfsError('ConnectionLost', `cannot connect to ${peer}: ${reason}`, { cause: error });
}

function connectionLost(peer: string, error: Error): DfsError {
  return new DfsError('ConnectionLost', `the connection to ${peer} broke: ${messageOf(error)}`, { cause: error });
}

function cannotListen(host: string, port: number, error: Error): DfsError {
  switch (osErrorCode(error)) {
    case 'EADDRINUSE':
      return new DfsError(
        'PortInUse',
        `port ${port} on ${host} is in use: stop the process that holds it, or choose another`,
        {
          cause: error,
        },
      );
    default:
      return new DfsError('InvalidConfiguration', `cannot listen on ${hostAndPort(host, port)}: ${messageOf(error)}`, {
        cause: error,
      });
  }
}
