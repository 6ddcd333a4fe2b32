/**
 * Takes whole small blocks from one connection (common/small-block.ts), many at a time: each goes to the next DataNode and to the own journal side by
 * side, and is answered when both have it. What fails is only answered: nobody waits for such a block to be rebuilt, the client writes another one in
 * the ordinary way, and the NameNode has what was taken in of this one deleted.
 */
import { blockName } from '../common/block.js';
import { verifyChecksums } from '../common/checksum.js';
import { encodeBlockOpResponse, Status } from '../common/data-transfer.js';
import { DfsError, isDfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import {
  encodeSmallBlockAnswer,
  readSmallBlock,
  type SmallBlock,
  type SmallBlockAnswer,
  type SmallBlockRequest,
} from '../common/small-block.js';
import type { SmallBlockConnections } from '../common/small-block-connection.js';
import { WriteQueue } from '../common/write-queue.js';
import type { Connection } from './block-receiver.js';
import { statusOfError } from './operation-status.js';
import type { ReplicaStore } from './replica-store.js';
import { downstreamTimeoutMs, type TransferTimeouts } from './transfer-timeouts.js';

export interface SmallBlockServices {
  readonly store: ReplicaStore;
  readonly logger: Logger;
  readonly timeouts: TransferTimeouts;
  /** To the DataNodes behind this one. */
  readonly smallBlocks: SmallBlockConnections;
  /** Throws when this DataNode should take no new blocks. */
  readonly requireNamenode: () => void;
}

/** Of one connection; beyond it nothing more is read. */
const MAX_UNDER_WAY = 1024;
const MAX_BYTES_UNDER_WAY = 4 * 1024 * 1024;

type Outcome = Omit<SmallBlockAnswer, 'requestId'>;

export class SmallBlockReceiver {
  readonly #services: SmallBlockServices;
  readonly #connection: Connection;
  readonly #onBusy: (change: 1 | -1) => void;
  readonly #answers: WriteQueue;
  readonly #underWay = new Set<Promise<void>>();
  #bytesUnderWay = 0;
  #wakeRoom: (() => void) | undefined;

  /** `onBusy` is called with 1 when there is something under way, and with -1 when there is nothing any more. */
  constructor(services: SmallBlockServices, connection: Connection, onBusy: (change: 1 | -1) => void) {
    const { channel } = connection;
    this.#services = services;
    this.#connection = connection;
    this.#onBusy = onBusy;
    this.#answers = new WriteQueue(channel, services.timeouts.writeTimeoutMs, () => channel.destroy());
  }

  /** Resolves when the other side sends no more and everything is answered. @throws what broke the connection; nothing is under way then either. */
  async run(): Promise<void> {
    this.#answers.add([encodeBlockOpResponse({ status: Status.SUCCESS })]);
    try {
      for (let request = await this.#next(); request !== null; request = await this.#next()) {
        this.#begin(request);
        await this.#room();
      }
    } finally {
      await Promise.all(this.#underWay);
    }
  }

  /** Null when none comes any more. */
  async #next(): Promise<SmallBlockRequest | null> {
    const { reader } = this.#connection;
    for (;;) {
      try {
        return await readSmallBlock(reader, this.#services.timeouts.readTimeoutMs);
      } catch (error) {
        if (!isDfsError(error, 'Timeout') || reader.available > 0) throw error;
        if (this.#underWay.size === 0) return null;
      }
    }
  }

  #begin({ requestId, smallBlock }: SmallBlockRequest): void {
    const { numBytes } = smallBlock.block;
    if (this.#underWay.size === 0) this.#onBusy(1);
    this.#bytesUnderWay += numBytes;
    const work = this.#take(smallBlock).then((outcome) => {
      this.#answers.add([encodeSmallBlockAnswer({ requestId, ...outcome })]);
      this.#underWay.delete(work);
      this.#bytesUnderWay -= numBytes;
      if (this.#underWay.size === 0) this.#onBusy(-1);
      this.#wakeRoom?.();
    });
    this.#underWay.add(work);
  }

  async #room(): Promise<void> {
    while (this.#underWay.size >= MAX_UNDER_WAY || this.#bytesUnderWay >= MAX_BYTES_UNDER_WAY) {
      await new Promise<void>((resolve) => {
        this.#wakeRoom = resolve;
      });
    }
  }

  /** Does not reject. */
  async #take(smallBlock: SmallBlock): Promise<Outcome> {
    try {
      this.#services.requireNamenode();
      this.#requireGood(smallBlock);
    } catch (error) {
      return this.#refusal(smallBlock, error);
    }
    const [own, behind] = await Promise.all([this.#keep(smallBlock), this.#forward(smallBlock)]);
    if (behind === undefined) return own;
    return { statuses: [...own.statuses, ...behind.statuses], message: own.message || behind.message };
  }

  #requireGood({ block, checksum, checksums, data }: SmallBlock): void {
    if (verifyChecksums(checksum, data, checksums) < 0) return;
    throw new DfsError('Corrupt', `The bytes of ${blockName(block)} do not have their checksums`);
  }

  async #keep(smallBlock: SmallBlock): Promise<Outcome> {
    try {
      await this.#services.store.takeIn(smallBlock, smallBlock.storageId);
      return { statuses: [Status.SUCCESS], message: '' };
    } catch (error) {
      return this.#refusal(smallBlock, error);
    }
  }

  #refusal({ block }: SmallBlock, error: unknown): Outcome {
    const message = messageOf(error);
    const { peer } = this.#connection.channel;
    this.#services.logger.warn({ block: blockName(block), peer, reason: message }, 'a small block was refused');
    return { statuses: [statusOfError(error)], message };
  }

  /** Undefined when this is the pipeline's last node. */
  async #forward(smallBlock: SmallBlock): Promise<Outcome | undefined> {
    const { smallBlocks, timeouts } = this.#services;
    const [next, ...targets] = smallBlock.targets;
    if (next === undefined) return undefined;
    try {
      const forwarded = { ...smallBlock, storageId: next.storageId, targets };
      const timeoutMs = downstreamTimeoutMs(timeouts, smallBlock.targets.length);
      return await smallBlocks.write(next.host, next.dataPort, forwarded, timeoutMs);
    } catch (error) {
      return { statuses: [Status.ERROR], message: messageOf(error) };
    }
  }
}
