import type { Channel, Listener, Network } from '../../common/channel.js';
import type { Clock } from '../../common/clock.js';
import { encodeBlockOpResponse, Status } from '../../common/data-transfer.js';
import { messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { closeGently } from '../close-gently.js';
import type { DataXceiver } from '../data-xceiver.js';

export interface DataServerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly xceiver: DataXceiver;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** So many connections beyond the limit are told why they are closed; further ones are just closed. */
const MAX_REFUSALS = 64;
const REFUSAL_TIMEOUT_MS = 1000;

/** The data plane's port (9866). */
export class DataServer {
  readonly #options: DataServerOptions;
  readonly #serving = new Map<Channel, Promise<void>>();
  readonly #refusing = new Map<Channel, Promise<void>>();
  #listener: Listener | undefined;

  constructor(options: DataServerOptions) {
    this.#options = options;
  }

  /** @throws DfsError `PortInUse`, … */
  async start(): Promise<void> {
    const { network, host, port } = this.#options;
    this.#listener = await network.listen(host, port, (channel) => this.#accept(channel));
  }

  /** The port that was really taken. */
  get port(): number {
    if (this.#listener === undefined) throw new Error('the data server was not started');
    return this.#listener.port;
  }

  /** Takes no more connections. */
  async close(): Promise<void> {
    await this.#listener?.close();
    this.#listener = undefined;
  }

  /** The same, and cuts off those that are there; resolves when nothing works on their replicas any more. */
  async stop(): Promise<void> {
    await this.close();
    const all = [...this.#serving, ...this.#refusing];
    for (const [channel] of all) channel.destroy();
    await Promise.all(all.map(([, served]) => served));
  }

  #accept(channel: Channel): void {
    try {
      this.#options.xceiver.requireRoom();
      track(this.#serving, channel, this.#options.xceiver.serve(channel));
    } catch (error) {
      if (this.#refusing.size >= MAX_REFUSALS) channel.destroy();
      else track(this.#refusing, channel, this.#refuse(channel, messageOf(error)));
    }
  }

  async #refuse(channel: Channel, message: string): Promise<void> {
    this.#options.logger.warn({ peer: channel.peer }, message);
    try {
      await channel.write([encodeBlockOpResponse({ status: Status.ERROR, message })], REFUSAL_TIMEOUT_MS);
      await closeGently(channel, this.#options.clock);
    } catch {
      channel.destroy();
    }
  }
}

function track(channels: Map<Channel, Promise<void>>, channel: Channel, work: Promise<void>): void {
  channels.set(
    channel,
    work.finally(() => channels.delete(channel)),
  );
}
