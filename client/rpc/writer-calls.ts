/** The calls that the writer of one file makes. All of them outlive a restart of the NameNode, safe mode included. */
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import type { ClientContext } from '../context.js';
import { pause } from '../pause.js';
import type { ReplicaLocation } from '../types.js';
import type { FileBeingWritten } from './additional-datanode.js';
import type { PlacedBlock } from './messages.js';
import { required, toNewBlock } from './messages.js';
import type { NamenodeCallOptions } from './namenode-client.js';

export interface WriterCallsOptions {
  readonly context: ClientContext;
  readonly file: FileBeingWritten;
  /** What the first {@link WriterCalls.addBlock} gives without asking. */
  readonly firstBlock?: PlacedBlock | undefined;
  readonly signal?: AbortSignal;
  /** Limit of each call with its repeats, instead of the client's. */
  readonly timeoutMs?: number;
}

/** The first pauses are short, because DataNodes report a finished block at once; HDFS begins with 400 ms. */
const FIRST_PAUSE_MS = 4;
const LONGEST_PAUSE_MS = 1_000;

/** A NameNode that has just come back hears of its DataNodes with their next heartbeats. */
const NO_TARGETS_PATIENCE_MS = 5_000;

/** An attempt that gave nothing, with what to say if there is no further one. */
type Attempt<T> = { readonly value: T } | { readonly tryAgain: DfsError };

export class WriterCalls {
  readonly path: string;
  readonly #context: ClientContext;
  readonly #file: FileBeingWritten & { readonly clientName: string };
  readonly #callOptions: NamenodeCallOptions;
  #firstBlock: PlacedBlock | undefined;

  constructor({ context, file, firstBlock, signal, timeoutMs }: WriterCallsOptions) {
    this.path = file.path;
    this.#context = context;
    this.#firstBlock = firstBlock;
    this.#file = { ...file, clientName: context.namenode.clientName };
    this.#callOptions = { signal, throughSafeMode: true, maxTotalMs: timeoutMs, attemptTimeoutMs: timeoutMs };
  }

  /** The block that has come with the file, if nobody has taken it yet; the caller answers for it. */
  takeFirstBlock(): PlacedBlock | undefined {
    const block = this.#firstBlock;
    this.#firstBlock = undefined;
    return block;
  }

  /**
   * The next block and the DataNodes for it. Waits while the block before `previous` is not reported by any DataNode yet.
   * @throws DfsError `NotReplicatedYet`, `NoTargets`, `LeaseExpired`.
   */
  async addBlock(previous: Block | undefined, excludeDatanodes: readonly string[]): Promise<PlacedBlock> {
    const first = this.takeFirstBlock();
    if (first !== undefined) return first;
    const request = {
      ...this.#file,
      previous: previous ?? null,
      excludeDatanodes: [...excludeDatanodes],
      clientHost: this.#context.clientHost,
    };
    const { locateFollowingBlockMs } = this.#context.settings;
    const located = await this.#repeat(async (waitedMs) => {
      try {
        const { block } = await this.#context.namenode.call('AddBlock', request, this.#callOptions);
        return { value: required(block, 'the new block') };
      } catch (error) {
        const waitsForReplicas = isDfsError(error, 'NotReplicatedYet') && waitedMs < locateFollowingBlockMs;
        // With nodes excluded the caller knows better what to do.
        const waitsForTargets =
          isDfsError(error, 'NoTargets') && excludeDatanodes.length === 0 && waitedMs < NO_TARGETS_PATIENCE_MS;
        if (waitsForReplicas || waitsForTargets) return { tryAgain: error };
        throw error;
      }
    });
    return toNewBlock(this.path, located);
  }

  async abandonBlock(block: Block): Promise<void> {
    await this.#context.namenode.call('AbandonBlock', { ...this.#file, block }, this.#callOptions);
  }

  /** A new generation stamp for the block. */
  async updateBlockForPipeline(block: Block): Promise<number> {
    const answer = await this.#context.namenode.call(
      'UpdateBlockForPipeline',
      { ...this.#file, block },
      this.#callOptions,
    );
    return answer.generationStamp;
  }

  async updatePipeline(oldBlock: Block, newBlock: Block, locations: readonly ReplicaLocation[]): Promise<void> {
    const request = { ...this.#file, oldBlock, newBlock, locations: [...locations] };
    await this.#context.namenode.call('UpdatePipeline', request, this.#callOptions);
  }

  /** Makes the length of the block being written known to readers. */
  async fsync(lastBlock: Block): Promise<void> {
    await this.#context.namenode.call('Fsync', { ...this.#file, lastBlock }, this.#callOptions);
  }

  /**
   * Closes the file, and gives back the block that has come with it, if that was not needed. Waits while a block is not reported by any DataNode yet.
   * @throws DfsError `NotReplicatedYet` when that lasts too long, `LeaseExpired`.
   */
  async complete(lastBlock: Block | undefined): Promise<void> {
    const { locateFollowingBlockMs } = this.#context.settings;
    const unusedBlock = this.takeFirstBlock()?.block ?? null;
    await this.#repeat(async (waitedMs) => {
      const request = { ...this.#file, lastBlock: lastBlock ?? null, unusedBlock };
      const { complete } = await this.#context.namenode.call('Complete', request, this.#callOptions);
      if (complete) return { value: undefined };
      const what = lastBlock === undefined ? 'a block' : blockName(lastBlock);
      const error = new DfsError(
        'NotReplicatedYet',
        `Unable to close file ${this.path} because no DataNode has reported ${what} to the NameNode within ${Math.round(waitedMs)} ms. ` +
          'The file stays open until its lease is recovered.',
      );
      if (waitedMs >= locateFollowingBlockMs) throw error;
      return { tryAgain: error };
    });
  }

  /** Calls `attempt`, which decides by the time it has been repeated for, until it gives a value or throws. */
  async #repeat<T>(attempt: (waitedMs: number) => Promise<Attempt<T>>): Promise<T> {
    const { clock } = this.#context;
    const startMs = clock.monotonicMs();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const result = await attempt(clock.monotonicMs() - startMs);
      if ('value' in result) return result.value;
      const delayMs = pauseMs * (0.5 + this.#context.random.fraction() / 2);
      await pause(clock, delayMs, this.#callOptions.signal, `writing ${this.path}`);
    }
  }
}
