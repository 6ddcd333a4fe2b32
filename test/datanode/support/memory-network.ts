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
  /** Connections are made once this has resolved. */
  gate: Promise<void> = Promise.resolve();
  /** How many were asked for. */
  attempts = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async connect(host: string, port: number): Promise<Channel> {
    const address = `${host}:${port}`;
    this.attempts++;
    await this.gate;
    const listener = this.#listeners.get(address);
    if (listener === undefined)
      throw new DfsError('ConnectionLost', `cannot connect to ${address}: connection refused; is it running?`);
    const [ours, theirs] = channelPair({ clock: this.#clock, names: ['test:1', address] });
    listener(theirs);
    return ours;
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
