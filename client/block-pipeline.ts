/**
 * The pipeline of one block over its whole life: allocated or taken over for append, set up, rebuilt without the DataNodes that
 * fail. What a failure leads to is decided in pipeline-recovery.ts; this carries it out.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { ChecksumSpec } from '../common/checksum.js';
import type { BlockConstructionStage } from '../common/data-transfer.js';
import { DfsError, isDfsError } from '../common/errors.js';
import type { ClientContext } from './context.js';
import { comesBack, isWorthWaitingFor } from './datanode-restart.js';
import type { BlockProgress } from './pipeline-recovery.js';
import { PipelineFault, planRecovery } from './pipeline-recovery.js';
import { findReplacement } from './pipeline-replacement.js';
import { wantsReplacement } from './replace-datanode.js';
import type { FileBeingWritten } from './rpc/additional-datanode.js';
import type { PlacedBlock } from './rpc/messages.js';
import { dataAddress } from './rpc/messages.js';
import type { WriterCalls } from './rpc/writer-calls.js';
import type { SuspectNodes } from './suspect-nodes.js';
import type { Pipeline } from './tcp/pipeline.js';
import { openPipeline } from './tcp/pipeline.js';
import type { FileStatus, ReplicaLocation } from './types.js';

/** The file whose block it is. */
export interface FileToWrite extends FileBeingWritten, Pick<FileStatus, 'blockSize' | 'replication'> {}

export interface BlockPipelineOptions {
  readonly context: ClientContext;
  readonly calls: WriterCalls;
  /** The file that the block belongs to. */
  readonly file: FileToWrite;
  readonly checksum: ChecksumSpec;
  readonly suspects: SuspectNodes;
  readonly signal: AbortSignal;
}

export class BlockPipeline {
  readonly #options: BlockPipelineOptions;
  #placed: PlacedBlock | undefined;
  /** Every failure so far, for the message when there is no way on. */
  readonly #failures: string[] = [];
  /** How often a block was asked for. */
  #allocations = 0;

  constructor(options: BlockPipelineOptions) {
    this.#options = options;
  }

  /** The block under its present stamp; undefined as long as there is none. Its length is that at the last set-up. */
  get block(): Block | undefined {
    return this.#placed?.block;
  }

  /**
   * Gets a new block and its pipeline. A block whose pipeline cannot be set up is given back, and another one asked for without
   * the DataNode to blame, as often as `dfs.client.block.write.retries` allows in the block's whole life.
   * @throws DfsError `PipelineFailed`, `NoTargets`, `NotReplicatedYet`, `LeaseExpired`.
   */
  async create(previous: Block | undefined): Promise<Pipeline> {
    const { file } = this.#options;
    while (this.#mayAllocate) {
      this.#allocations++;
      const placed = await this.#allocate(previous);
      if (placed === undefined) continue;
      this.#placed = placed;
      try {
        const expected = { ...placed, block: { ...placed.block, numBytes: file.blockSize } };
        return await this.#open('PIPELINE_SETUP_CREATE', expected, placed.block.generationStamp, 0, 0);
      } catch (error) {
        this.#note(this.#faultIn(error));
        await this.#giveBack();
      }
    }
    throw this.#failed('a new block', 'it could not be written to any DataNodes that the NameNode chose');
  }

  /** Takes over the last block of a file, to write on at its end. @throws DfsError `PipelineFailed`, `LeaseExpired`. */
  async append(placed: PlacedBlock): Promise<Pipeline> {
    const length = placed.block.numBytes;
    this.#placed = placed;
    try {
      const nodes = await this.#completed(placed.nodes, length, true);
      return await this.#rebuild('PIPELINE_SETUP_APPEND', nodes, length, length);
    } catch (error) {
      const about = { appending: true, fresh: false, reliedOn: true };
      const progress = { ...about, ackedBytes: length, unacked: [], recoveries: 0 };
      const pipeline = await this.recover(this.#faultIn(error), progress, undefined);
      if (pipeline === undefined) throw new Error('an append without a packet was closed');
      return pipeline;
    }
  }

  /**
   * Rebuilds the pipeline without the DataNode to blame, under a new stamp, as often as it takes; with another block after `previous` when
   * there is no way on with this one, and nobody knows of it. Undefined: the block is closed, there is nothing left to send.
   * @throws DfsError `PipelineFailed`, naming every DataNode that failed and why; `LeaseExpired`.
   */
  async recover(
    fault: PipelineFault,
    progress: Omit<BlockProgress, 'nodes'>,
    previous: Block | undefined,
  ): Promise<Pipeline | undefined> {
    let current = fault;
    for (let recoveries = progress.recoveries; ; recoveries++) {
      const isBack = await this.#isBack(current);
      if (!isBack) this.#note(current);
      const faultyIndex = isBack ? undefined : current.nodeIndex;
      const plan = planRecovery({ ...progress, nodes: this.#required().nodes, recoveries }, faultyIndex);
      if (plan.kind === 'giveUp') throw this.#failed(blockName(this.#required().block), plan.reason);
      // Where nothing needs to be kept, a block with all its DataNodes costs less than a copy to one of them.
      const isBetterAnew =
        progress.fresh && this.#mayAllocate && plan.kind === 'rebuild' && this.#lacksNodes(plan.nodes, false);
      if (plan.kind === 'startOver' || isBetterAnew) {
        await this.#giveBack();
        return await this.create(previous);
      }
      this.#placed = { block: this.#required().block, nodes: plan.nodes };
      try {
        // A block that is being closed is left to the NameNode, as in HDFS: it will have it copied.
        const isClosing = plan.stage === 'PIPELINE_CLOSE_RECOVERY';
        const nodes = isClosing ? plan.nodes : await this.#completed(plan.nodes, plan.maxBytesRcvd, progress.reliedOn);
        const pipeline = await this.#rebuild(plan.stage, nodes, plan.minBytesRcvd, plan.maxBytesRcvd);
        if (plan.stage !== 'PIPELINE_CLOSE_RECOVERY') return pipeline;
        pipeline.destroy();
        return undefined;
      } catch (error) {
        current = this.#faultIn(error);
      }
    }
  }

  get #mayAllocate(): boolean {
    return this.#allocations <= this.#options.context.settings.blockWriteRetries;
  }

  async #giveBack(): Promise<void> {
    const { block } = this.#required();
    this.#placed = undefined;
    await this.#options.calls.abandonBlock(block);
  }

  #lacksNodes({ length: nodesLeft }: readonly ReplicaLocation[], reliedOn: boolean): boolean {
    const { context, file } = this.#options;
    return wantsReplacement(context.settings.replacement, { replication: file.replication, nodesLeft, reliedOn });
  }

  /** `nodes`, and one more that has their part of the block, about `bytes`, if the rule asks for it. */
  async #completed(
    nodes: readonly ReplicaLocation[],
    bytes: number,
    reliedOn: boolean,
  ): Promise<readonly ReplicaLocation[]> {
    const rule = this.#options.context.settings.replacement;
    if (!this.#lacksNodes(nodes, reliedOn)) return nodes;
    const { block } = this.#required();
    const replacement = await findReplacement(this.#options, { block, nodes }, bytes);
    if ('found' in replacement) return [...nodes, replacement.found];
    this.#failures.push(...replacement.failures);
    if (rule.bestEffort) return nodes;
    const current = nodes.map(({ datanode }) => dataAddress(datanode)).join(', ');
    throw this.#failed(
      blockName(block),
      'Failed to replace a bad datanode on the existing pipeline due to no more good datanodes being available to try ' +
        `(current=[${current}]). The current failed datanode replacement policy is ${rule.policy}, and a client may ` +
        "configure this via 'dfs.client.block.write.replace-datanode-on-failure.policy' in its configuration.",
    );
  }

  /** Undefined: try again, with no DataNode left out. */
  async #allocate(previous: Block | undefined): Promise<PlacedBlock | undefined> {
    const { calls, suspects } = this.#options;
    const excluded = suspects.list();
    try {
      return await calls.addBlock(previous, excluded);
    } catch (error) {
      if (!isDfsError(error, 'NoTargets')) throw error;
      if (excluded.length === 0)
        throw new DfsError('NoTargets', `${error.message}${this.#history()}`, { cause: error });
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

  /** Waits for a DataNode that restarts, if HDFS would. */
  async #isBack({ restarting, nodeIndex }: PipelineFault): Promise<boolean> {
    const { context, signal } = this.#options;
    const { nodes } = this.#required();
    const node = nodes[nodeIndex]?.datanode;
    if (!restarting || node === undefined || !isWorthWaitingFor(node, nodes, context)) return false;
    return await comesBack(node, context, signal);
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
    return new DfsError(
      'PipelineFailed',
      `cannot write ${what} of ${this.#options.calls.path}: ${reason}${this.#history()}`,
    );
  }

  #history(): string {
    return this.#failures.length === 0 ? '' : ` (${this.#failures.join('; ')})`;
  }
}
