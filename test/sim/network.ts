/** The data plane (common/channel.ts) of a simulated cluster: who listens where, and the connections between hosts. */

import { cancellation } from '../../common/cancellation.js';
import type { Channel, ConnectOptions, Listener, Network } from '../../common/channel.js';
import type { Clock } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import { shuffled } from '../../common/random.js';
import { type ConnectionWorld, Endpoint, type Side } from './connection.js';
import type { Life } from './life.js';

/** Ports that are given out where 0 is asked for, and to the connecting sides. */
const FIRST_FREE_PORT = 32_768;

interface Listening {
  readonly life: Life;
  readonly clock: Clock;
  readonly onChannel: (channel: Channel) => void;
}

export class SimulatedNetwork {
  readonly #world: ConnectionWorld;
  readonly #listening = new Map<string, Listening>();
  readonly #open = new Set<Endpoint>();
  /** Breaks that wait for a connection with data of a block on it: whether it is one of those that are meant. */
  readonly #awaited: ((from: string, to: string) => boolean)[] = [];
  #nextPort = FIRST_FREE_PORT;

  constructor(world: Omit<ConnectionWorld, 'onData'>) {
    this.#world = { ...world, onData: (endpoint) => this.#onData(endpoint) };
  }

  /** The network as one life of a process on `host` sees it. */
  attach(life: Life, host: string, clock: Clock): Network {
    return {
      connect: (toHost, port, options) => this.#connect({ life, host, clock }, toHost, port, options),
      listen: async (_address, port, onChannel) => this.#listen({ life, clock, onChannel }, host, port),
    };
  }

  /** Ends of connections that a process still has, living or not told yet. */
  openChannels(life: Life): number {
    let count = 0;
    for (const endpoint of this.#open) if (endpoint.side.life === life) count++;
    return count;
  }

  /** Breaks one connection for both of its sides, or only for one of them. */
  breakOne(): void {
    const [endpoint] = shuffled([...this.#open], this.#world.random);
    if (endpoint !== undefined) this.#break(endpoint);
  }

  /** The same with the next one over which data of a block is sent, while that is on its way; `isMeant` says between which hosts. */
  breakDuringNext(isMeant: (from: string, to: string) => boolean): void {
    this.#awaited.push(isMeant);
  }

  #onData(endpoint: Endpoint): void {
    const { host: to } = endpoint.other.side;
    const index = this.#awaited.findIndex((isMeant) => isMeant(endpoint.side.host, to));
    if (index < 0) return;
    this.#awaited.splice(index, 1);
    // Not in the middle of what the sender is about.
    const { scheduler, random } = this.#world;
    scheduler.after(0, 'break', () => this.#break(random.int(2) === 0 ? endpoint : endpoint.other));
  }

  #break(endpoint: Endpoint): void {
    const { random, faults, trace } = this.#world;
    trace.note('break', `${endpoint.side.address}>${endpoint.peer}`);
    faults.count('network: connection broken');
    endpoint.reset();
    if (random.int(2) === 0) endpoint.other.reset();
  }

  #listen(listening: Listening, host: string, wanted: number): Listener {
    const port = wanted === 0 ? this.#nextPort++ : wanted;
    const key = `${host}:${port}`;
    if (this.#listening.get(key)?.life.alive) throw new DfsError('PortInUse', `port ${port} on ${host} is in use`);
    this.#listening.set(key, listening);
    const stop = (): void => {
      if (this.#listening.get(key) === listening) this.#listening.delete(key);
    };
    listening.life.onEnd(stop);
    return { host, port, close: async () => stop() };
  }

  #connect(from: Omit<Side, 'address'>, host: string, port: number, options: ConnectOptions): Promise<Channel> {
    const { timeoutMs, signal } = options;
    const peer = `${host}:${port}`;
    return from.life.promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancellation(signal, `connecting to ${peer}`));
        return;
      }
      let isOver = false;
      const settle = (): boolean => {
        if (isOver) return false;
        isOver = true;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        return true;
      };
      const onAbort = (): void => {
        if (settle()) reject(cancellation(signal, `connecting to ${peer}`));
      };
      const timer = from.clock.after(timeoutMs, () => {
        if (settle()) reject(new DfsError('Timeout', `cannot connect to ${peer}: no answer within ${timeoutMs} ms`));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#travel(from.host, host, () => {
        if (isOver || !from.life.alive) return; // as if the other side had noticed it at once
        const listening = this.#listening.get(peer);
        const channel = listening === undefined ? undefined : this.#accept(from, listening, host, port);
        this.#travel(host, from.host, () => {
          if (!settle()) channel?.destroy();
          else if (channel !== undefined) resolve(channel);
          else reject(new DfsError('ConnectionLost', `cannot connect to ${peer}: connection refused; is it running?`));
        });
      });
    });
  }

  /** Returns the connecting side's end. */
  #accept(from: Omit<Side, 'address'>, listening: Listening, host: string, port: number): Endpoint {
    const { life, clock, onChannel } = listening;
    const first: Side = { ...from, address: `${from.host}:${this.#nextPort++}` };
    const second: Side = { life, clock, host, address: `${host}:${port}` };
    this.#world.trace.note('connect', `${first.address}>${second.address}`);
    const [client, server] = Endpoint.connect(this.#world, first, second, (endpoint) => this.#open.delete(endpoint));
    this.#open.add(client);
    this.#open.add(server);
    onChannel(server);
    return client;
  }

  /** Has `arrive` happen once a small packet has come through, be it by being sent again and again. */
  #travel(from: string, to: string, arrive: () => void): void {
    const { scheduler, links } = this.#world;
    scheduler.at(links.arrivalMs(from, to, 64), `packet ${from}>${to}`, () => {
      if (links.isOpen(from, to) && !links.isDown(to)) arrive();
      else links.whenOpen(from, to, () => this.#travel(from, to, arrive));
    });
  }
}
