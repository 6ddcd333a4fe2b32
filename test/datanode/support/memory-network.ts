/** A network within the test's process. */
import type { Channel, Network } from '../../../common/channel.js';
import type { Clock } from '../../../common/clock.js';
import { systemClock } from '../../../common/clock.js';
import { DfsError } from '../../../common/errors.js';
import { channelPair } from '../../../common/memory-channel.js';

export class MemoryNetwork implements Network {
  readonly #clock: Clock;
  readonly #listeners = new Map<string, (channel: Channel) => void>();
  #nextPort = 20_000;
  /** Changes each connection that is made: takes the connecting side's channel, and what it connects to. */
  intercept: (channel: Channel, address: string) => Channel = (channel) => channel;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async connect(host: string, port: number): Promise<Channel> {
    const address = `${host}:${port}`;
    const listener = this.#listeners.get(address);
    if (listener === undefined)
      throw new DfsError('ConnectionLost', `cannot connect to ${address}: connection refused; is it running?`);
    const [ours, theirs] = channelPair({ clock: this.#clock, names: ['test:1', address] });
    listener(theirs);
    return this.intercept(ours, address);
  }

  async listen(host: string, port: number, onChannel: (channel: Channel) => void) {
    const taken = port === 0 ? this.#nextPort++ : port;
    const address = `${host}:${taken}`;
    this.#listeners.set(address, onChannel);
    return {
      host,
      port: taken,
      close: async () => {
        this.#listeners.delete(address);
      },
    };
  }
}
