/**
 * The short way for a block that is small and known as a whole: one message to the first DataNode, which passes it on, and one answer. (HDFS has only
 * the pipeline.) Anything that goes wrong ends it: the block is given back, and its bytes go through a pipeline, as another block. So none of the
 * rules of pipeline-recovery.ts are needed here: nobody has been told of anything yet.
 */
import type { Block } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { ChecksumSpec } from '../common/checksum.js';
import type { Clock } from '../common/clock.js';
import { DfsError, isDfsError } from '../common/errors.js';
import { firstFailed, type SmallBlock } from '../common/small-block.js';
import type { SmallBlockConnections } from '../common/small-block-connection.js';
import { onAbort } from './on-abort.js';
import type { OutgoingPacket } from './packet-builder.js';
import type { PlacedBlock } from './rpc/messages.js';
import type { WriterCalls } from './rpc/writer-calls.js';
import { pipelineTimeoutMs } from './tcp/pipeline.js';

export interface SmallBlocksOptions {
  readonly connections: SmallBlockConnections;
  readonly clock: Clock;
  /** `dfs.client.write.small-block.size` */
  readonly maxBytes: number;
  /** As for pipelines. */
  readonly socketTimeoutMs: number;
}

/** What a block is written for. */
export interface SmallBlockWrite {
  readonly calls: WriterCalls;
  readonly checksum: ChecksumSpec;
  readonly signal: AbortSignal;
}

/** After a failure all blocks go through pipelines for so long: they find out which DataNode it is, and get by without it. */
const PAUSE_MS = 5_000;

export class SmallBlocks {
  readonly #options: SmallBlocksOptions;
  #pausedUntilMs = 0;

  constructor(options: SmallBlocksOptions) {
    this.#options = options;
  }

  /** Whether a block that has nothing but this packet may take the short way now. */
  takes({ offsetInBlock, dataLength }: OutgoingPacket, checksum: ChecksumSpec): boolean {
    const { clock, maxBytes } = this.#options;
    const isSmall = offsetInBlock === 0 && dataLength > 0 && dataLength <= maxBytes;
    return isSmall && checksum.type !== 'NULL' && clock.monotonicMs() >= this.#pausedUntilMs;
  }

  /**
   * Allocates the block after `previous` and writes it. Undefined: it could not be written in this way, and has been given back.
   * @throws DfsError `LeaseExpired`, `NotReplicatedYet`, `Cancelled`.
   */
  async write(write: SmallBlockWrite, packet: OutgoingPacket, previous: Block | undefined): Promise<Block | undefined> {
    const { calls, signal } = write;
    let placed: PlacedBlock;
    try {
      placed = await calls.addBlock(previous, []);
    } catch (error) {
      if (!isDfsError(error, 'NoTargets')) throw error;
      return undefined; // the pipeline asks again, and says more about it
    }
    try {
      return await this.#send(write, placed, packet);
    } catch (error) {
      if (signal.aborted) throw cancellation(signal, `writing ${calls.path}`);
      if (!(error instanceof DfsError)) throw error;
      this.#pausedUntilMs = this.#options.clock.monotonicMs() + PAUSE_MS;
      await calls.abandonBlock(placed.block);
      return undefined;
    }
  }

  close(): void {
    this.#options.connections.close();
  }

  async #send(
    { checksum, signal }: SmallBlockWrite,
    { block, nodes }: PlacedBlock,
    { checksums, data, dataLength }: OutgoingPacket,
  ): Promise<Block> {
    const [first, ...others] = nodes;
    if (first === undefined) throw new DfsError('NoTargets', 'there is no DataNode');
    const written = { ...block, numBytes: dataLength };
    const targets = others.map(({ datanode, storageId }) => ({ ...datanode, storageId }));
    const smallBlock: SmallBlock = { block: written, checksum, checksums, data, storageId: first.storageId, targets };
    const { connections, socketTimeoutMs } = this.#options;
    const timeoutMs = pipelineTimeoutMs(socketTimeoutMs, nodes.length);
    const { host, dataPort } = first.datanode;
    let ignoreAbort = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      ignoreAbort = onAbort(signal, () => reject(cancellation(signal, 'a small block')));
    });
    try {
      const answer = await Promise.race([connections.write(host, dataPort, smallBlock, timeoutMs), aborted]);
      if (firstFailed(answer, nodes.length) === undefined) return written;
      throw new DfsError('PipelineFailed', answer.message);
    } finally {
      ignoreAbort();
    }
  }
}
