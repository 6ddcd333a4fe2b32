/**
 * The pipeline of one block over its whole life: allocated or taken over for append, set up, rebuilt without the DataNodes that
 * fail. What a failure leads to is decided in pipeline-recovery.ts; this carries it out.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { ChecksumSpec } from '../common/checksum.js';
import type { BlockConstructionStage } from '../common/data-transfer.js';
import { cancellation } from '../common/deadline.js';
import { DfsError, isDfsError } from '../common/errors.js';
import type { ClientContext } from './context.js';
import type { BlockProgress } from './pipeline-recovery.js';
import { PipelineFault, planRecovery } from './pipeline-recovery.js';
import type { PlacedBlock } from './rpc/messages.js';
import { dataAddress } from './rpc/messages.js';
import type { WriterCalls } from './rpc/writer-calls.js';
import type { SuspectNodes } from './suspect-nodes.js';
import type { Pipeline } from './tcp/pipeline.js';
import { openPipeline } from './tcp/pipeline.js';
import type { ReplicaLocation } from './types.js';

export interface BlockPipelineOptions {
  readonly context: ClientContext;
  readonly calls: WriterCalls;
  /** Bytes that a new block may grow to: the DataNodes set so much space aside. */
  readonly blockSize: number;
  readonly checksum: ChecksumSpec;
  readonly suspects: SuspectNodes;
  readonly signal: AbortSignal;
}

export class BlockPipeline {
  readonly #options: BlockPipelineOptions;
  #placed: PlacedBlock | undefined;
  /** Every failure so far, for the message when there is no way on. */
  readonly #failures: string[] = [];

  constructor(options: BlockPipelineOptions) {
    this.#options = options;
  }

  /** The block under its present stamp; undefined as long as there is none. Its length is that at the last set-up. */
  get block(): Block | undefined {
    return this.#placed?.block;
  }

  /**
   * Gets a new block and its pipeline. A block whose pipeline cannot be set up is given back, and another one asked for without
   * the DataNode to blame.
   * @throws DfsError `PipelineFailed`, `NoTargets`, `NotReplicatedYet`, `LeaseExpired`.
   */
  async create(previous: Block | undefined): Promise<Pipeline> {
    const { calls, context, blockSize } = this.#options;
    for (let attempt = 0; attempt <= context.settings.blockWriteRetries; attempt++) {
      const placed = await this.#allocate(previous);
      if (placed === undefined) continue;
      this.#placed = placed;
      try {
        const expected = { ...placed, block: { ...placed.block, numBytes: blockSize } };
        return await this.#open('PIPELINE_SETUP_CREATE', expected, placed.block.generationStamp, 0, 0);
      } catch (error) {
        this.#note(this.#faultIn(error));
        this.#placed = undefined;
        await calls.abandonBlock(placed.block);
      }
    }
    throw this.#failed('a new block', `its pipeline could not be set up with any DataNodes that the NameNode chose`);
  }

  /** Takes over the last block of a file, to write on at its end. @throws DfsError `PipelineFailed`, `LeaseExpired`. */
  async append(placed: PlacedBlock): Promise<Pipeline> {
    const length = placed.block.numBytes;
    this.#placed = placed;
    try {
      return await this.#rebuild('PIPELINE_SETUP_APPEND', placed.nodes, length, length);
    } catch (error) {
      const progress = { appending: true, ackedBytes: length, unacked: [], recoveries: 0 };
      const pipeline = await this.recover(this.#faultIn(error), progress);
      if (pipeline === undefined) throw new Error('an append without a packet was closed');
      return pipeline;
    }
  }

  /**
   * Rebuilds the pipeline without the DataNode to blame, under a new stamp, as often as it takes. Undefined: the block is closed, there
   * is nothing left to send.
   * @throws DfsError `PipelineFailed`, naming every DataNode that failed and why; `LeaseExpired`.
   */
  async recover(fault: PipelineFault, progress: Omit<BlockProgress, 'nodes'>): Promise<Pipeline | undefined> {
    let current = fault;
    for (let recoveries = progress.recoveries; ; recoveries++) {
      this.#note(current);
      const plan = planRecovery({ ...progress, nodes: this.#required().nodes, recoveries }, current.nodeIndex);
      if (plan.kind === 'giveUp') throw this.#failed(blockName(this.#required().block), plan.reason);
      try {
        const pipeline = await this.#rebuild(plan.stage, plan.nodes, plan.minBytesRcvd, plan.maxBytesRcvd);
        if (plan.stage !== 'PIPELINE_CLOSE_RECOVERY') return pipeline;
        pipeline.destroy();
        return undefined;
      } catch (error) {
        current = this.#faultIn(error);
      }
    }
  }

  /** Undefined: try again, with no DataNode left out. */
  async #allocate(previous: Block | undefined): Promise<PlacedBlock | undefined> {
    const { calls, suspects } = this.#options;
    const excluded = suspects.list();
    try {
      return await calls.addBlock(previous, excluded);
    } catch (error) {
      if (!isDfsError(error, 'NoTargets') || excluded.length === 0) throw error;
      this.#failures.push(error.message);
      suspects.clear();
      return undefined;
    }
  }

  async #rebuild(
    stage: BlockConstructionStage,
    nodes: readonly ReplicaLocation[],
    minBytesRcvd: number,
    maxBytesRcvd: number,
  ): Promise<Pipeline> {
    const { calls } = this.#options;
    const { block } = this.#required();
    const generationStamp = await calls.updateBlockForPipeline(block);
    const before = { block: { ...block, numBytes: minBytesRcvd }, nodes };
    this.#placed = before;
    const pipeline = await this.#open(stage, before, generationStamp, minBytesRcvd, maxBytesRcvd);
    try {
      const after = { ...before.block, generationStamp };
      await calls.updatePipeline(block, after, nodes);
      this.#placed = { block: after, nodes };
      return pipeline;
    } catch (error) {
      pipeline.destroy();
      throw error;
    }
  }

  async #open(
    stage: BlockConstructionStage,
    placed: PlacedBlock,
    latestGenerationStamp: number,
    minBytesRcvd: number,
    maxBytesRcvd: number,
  ): Promise<Pipeline> {
    const { context, checksum, signal } = this.#options;
    const identity = { poolId: context.poolId, clientName: context.namenode.clientName };
    const setUp = { ...identity, ...placed, stage, minBytesRcvd, maxBytesRcvd, latestGenerationStamp, checksum };
    return await openPipeline(context.network, setUp, context.settings, signal);
  }

  /** The fault in what was thrown; anything else is not about a DataNode and is thrown on. */
  #faultIn(error: unknown): PipelineFault {
    const { signal, calls } = this.#options;
    if (signal.aborted) throw cancellation(signal, `writing ${calls.path}`);
    if (error instanceof PipelineFault) return error;
    throw error;
  }

  #note(fault: PipelineFault): void {
    const node = this.#required().nodes[fault.nodeIndex];
    if (node === undefined) return;
    this.#failures.push(`${dataAddress(node.datanode)}: ${fault.message}`);
    this.#options.suspects.add(node.datanode.uuid);
  }

  #required(): PlacedBlock {
    if (this.#placed === undefined) throw new Error('there is no block');
    return this.#placed;
  }

  #failed(what: string, reason: string): DfsError {
    const failures = this.#failures.length === 0 ? '' : ` (${this.#failures.join('; ')})`;
    return new DfsError('PipelineFailed', `cannot write ${what} of ${this.#options.calls.path}: ${reason}${failures}`);
  }
}
