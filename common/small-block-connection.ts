/**
 * Connections over which whole small blocks are sent to DataNodes (small-block.ts): one to each, with many blocks under way. A client has them, and
 * each DataNode to those behind it in pipelines.
 */
import { ByteReader } from './byte-reader.js';
import type { Channel, Network } from './channel.js';
import type { Clock } from './clock.js';
import { encodeOperation, readBlockOpResponse, Status } from './data-transfer.js';
import { DfsError, toDfsError } from './errors.js';
import { LazyTimer } from './lazy-timer.js';
import { encodeSmallBlock, readSmallBlockAnswer, type SmallBlock, type SmallBlockAnswer } from './small-block.js';
import { WriteQueue } from './write-queue.js';

export interface SmallBlockConnectionsOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** The cluster's id, which DataNodes check. */
  readonly poolId: () => string;
  readonly connectTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** A connection on which nothing is under way is closed after so long: it keeps a process alive whose work is done. */
  readonly idleMs: number;
}

interface Pending {
  readonly deadlineMs: number;
  resolve(answer: SmallBlockAnswer): void;
  reject(error: DfsError): void;
}

const MAX_REQUEST_ID = 2 ** 32;

export class SmallBlockConnections {
  readonly #options: SmallBlockConnectionsOptions;
  readonly #open = new Map<string, SmallBlockConnection>();
  #closed = false;

  constructor(options: SmallBlockConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Sends a block to the DataNode at this address; resolves with what all nodes of its pipeline answer.
   * @throws DfsError `ConnectionLost`, `Timeout`, and what the DataNode refuses with: whether it has the block is not known then.
   */
  async write(host: string, port: number, smallBlock: SmallBlock, timeoutMs: number): Promise<SmallBlockAnswer> {
    if (this.#closed) throw new DfsError('Cancelled', 'the connections to DataNodes are closed');
    const address = `${host}:${port}`;
    let connection = this.#open.get(address);
    if (connection === undefined) {
      const opened = new SmallBlockConnection(this.#options, host, port, () => {
        if (this.#open.get(address) === opened) this.#open.delete(address);
      });
      connection = opened;
      this.#open.set(address, opened);
    }
    return await connection.write(smallBlock, timeoutMs);
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#open.values()])
      connection.end(new DfsError('Cancelled', 'the connections to DataNodes are closed'));
  }
}

class SmallBlockConnection {
  readonly #options: SmallBlockConnectionsOptions;
  readonly #onEnd: () => void;
  readonly #address: string;
  readonly #pending = new Map<number, Pending>();
  readonly #deadline: LazyTimer;
  readonly #idle: LazyTimer;
  readonly #stopping = new AbortController();
  /** What is to be sent once the connection is there. */
  #early: Uint8Array[] = [];
  #channel: Channel | undefined;
  #queue: WriteQueue | undefined;
  #lastId = 0;
  #failure: DfsError | undefined;

  constructor(options: SmallBlockConnectionsOptions, host: string, port: number, onEnd: () => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#address = `${host}:${port}`;
    this.#deadline = new LazyTimer(options.clock, () => this.#onDeadline());
    this.#idle = new LazyTimer(options.clock, () => this.#onIdle());
    this.#run(host, port).catch((error: unknown) => this.end(toDfsError(error)));
  }

  write(smallBlock: SmallBlock, timeoutMs: number): Promise<SmallBlockAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const requestId = this.#newId();
    const buffers = encodeSmallBlock(requestId, smallBlock);
    this.#idle.disarm();
    if (this.#pending.size === 0) this.#deadline.arm(timeoutMs);
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    return new Promise((resolve, reject) => {
      this.#pending.set(requestId, { deadlineMs, resolve, reject });
      if (this.#queue === undefined) this.#early.push(...buffers);
      else this.#queue.add(buffers);
    });
  }

  /** Nothing more is sent; whoever waits for an answer gets the error. */
  end(error: DfsError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopping.abort(error);
    this.#channel?.destroy();
    this.#deadline.cancel();
    this.#idle.cancel();
    this.#onEnd();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  async #run(host: string, port: number): Promise<void> {
    const { network, poolId, connectTimeoutMs, writeTimeoutMs } = this.#options;
    const { signal } = this.#stopping;
    const channel = await network.connect(host, port, { timeoutMs: connectTimeoutMs, signal });
    if (signal.aborted) {
      channel.destroy();
      return;
    }
    this.#channel = channel;
    const queue = new WriteQueue(channel, writeTimeoutMs, (error) => this.end(toDfsError(error)));
    queue.add([encodeOperation({ op: 'writeSmallBlocks', poolId: poolId() }), ...this.#early]);
    this.#early = [];
    this.#queue = queue;
    const reader = new ByteReader(channel);
    const { status, message } = await readBlockOpResponse(reader, 0);
    if (status !== Status.SUCCESS)
      throw new DfsError('Unsupported', `${this.#address} takes no small blocks: ${message}`);
    for (;;) {
      const answer = await readSmallBlockAnswer(reader, 0);
      if (answer === null) throw new DfsError('ConnectionLost', `${this.#address} closed the connection`);
      this.#answered(answer);
    }
  }

  #answered(answer: SmallBlockAnswer): void {
    const pending = this.#pending.get(answer.requestId);
    if (pending === undefined)
      throw new DfsError('ProtocolViolation', `${this.#address} answered to a request that nobody made`);
    this.#pending.delete(answer.requestId);
    pending.resolve(answer);
    if (this.#pending.size > 0) return;
    this.#deadline.disarm();
    this.#idle.arm(this.#options.idleMs);
  }

  /** Requests may have different times; the connection is of no use once one of them is over. */
  #onDeadline(): void {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#pending.values()) earliestMs = Math.min(earliestMs, deadlineMs);
    const remainingMs = earliestMs - this.#options.clock.monotonicMs();
    if (remainingMs <= 0) this.end(new DfsError('Timeout', `${this.#address} did not answer in time`));
    else if (earliestMs < Number.POSITIVE_INFINITY) this.#deadline.arm(remainingMs);
  }

  #onIdle(): void {
    if (this.#pending.size === 0)
      this.end(new DfsError('ConnectionLost', `the connection to ${this.#address} was idle`));
  }

  #newId(): number {
    do this.#lastId = (this.#lastId + 1) % MAX_REQUEST_ID;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}
