/** The data plane's network (channel.ts) over TCP. */
import { createServer, type Server } from 'node:net';
import { cancellation } from './cancellation.js';
import type { Channel, ConnectOptions, Listener, Network } from './channel.js';
import { type Clock, systemClock } from './clock.js';
import { DfsError, messageOf, osErrorCode } from './errors.js';
import { SlabPool } from './receive-slab.js';
import { SlabSocket } from './slab-socket.js';
import { SocketChannel } from './socket-channel.js';

/** A peer whose machine has died without a word is found out by the kernel's probes, which begin after this silence. */
const KEEP_ALIVE_DELAY_MS = 30_000;

/** What all channels of a network share. */
interface Shared {
  readonly clock: Clock;
  readonly slabs: SlabPool;
}

export function createTcpNetwork(clock: Clock): Network {
  const shared: Shared = { clock, slabs: new SlabPool() };
  return {
    connect: (host, port, options) => connectTcp(shared, host, port, options),
    listen: (host, port, onChannel) => listenTcp(shared, host, port, onChannel),
  };
}

export const tcpNetwork: Network = createTcpNetwork(systemClock);

function connectTcp({ clock, slabs }: Shared, host: string, port: number, options: ConnectOptions): Promise<Channel> {
  const { timeoutMs, signal } = options;
  const peer = hostAndPort(host, port);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancellation(signal, `connecting to ${peer}`));
      return;
    }
    const slabSocket = SlabSocket.connect(slabs, {
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
      resolve(new SocketChannel(slabSocket, peer, clock));
    };
    const timer = clock.after(timeoutMs, () =>
      fail(new DfsError('Timeout', `cannot connect to ${peer}: no answer within ${timeoutMs} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', onConnect);
  });
}

function listenTcp(
  { clock, slabs }: Shared,
  host: string,
  port: number,
  onChannel: (channel: Channel) => void,
): Promise<Listener> {
  const server = createServer({
    pauseOnConnect: true,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  });
  server.on('connection', (socket) => {
    const peer = hostAndPort(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
    onChannel(new SocketChannel(SlabSocket.accept(slabs, socket, true), peer, clock));
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
