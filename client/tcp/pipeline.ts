/**
 * The connection over which one block is written: to the first DataNode, which passes everything on to the next one, and so on;
 * acknowledgements come back the same way. Every failure is a {@link PipelineFault} that names the DataNode to blame.
 */
import type { Block } from '../../common/block.js';
import { ByteReader } from '../../common/byte-reader.js';
import type { Channel, Network } from '../../common/channel.js';
import type { ChecksumSpec } from '../../common/checksum.js';
import type { BlockConstructionStage, PipelineNode, WriteBlockOperation } from '../../common/data-transfer.js';
import { encodeOperation } from '../../common/data-transfer.js';
import { readBlockOpResponse } from '../../common/data-transfer-response.js';
import { messageOf } from '../../common/errors.js';
import type { Packet } from '../../common/packet.js';
import { encodePacket, HEARTBEAT_SEQNO, readAck } from '../../common/packet.js';
import { Status } from '../../common/status.js';
import { onAbort } from '../on-abort.js';
import { blamedByAck, blamedBySetUp, describeStatus, PipelineFault } from '../pipeline-recovery.js';
import { SlowNodes } from '../slow-nodes.js';
import type { ReplicaLocation } from '../types.js';

export interface PipelineSetUp {
  readonly poolId: string;
  readonly clientName: string;
  readonly block: Block;
  /** At least one, in pipeline order. */
  readonly nodes: readonly ReplicaLocation[];
  readonly stage: BlockConstructionStage;
  readonly minBytesRcvd: number;
  readonly maxBytesRcvd: number;
  /** The stamp under which the pipeline writes: a new one, except at the block's creation. */
  readonly latestGenerationStamp: number;
  readonly checksum: ChecksumSpec;
}

export interface PipelineLimits {
  readonly connectTimeoutMs: number;
  readonly socketTimeoutMs: number;
  /** See {@link SlowNodes}. */
  readonly slowNodeThreshold: number;
}

/**
 * Each DataNode waits this much longer for the one behind it than that one waits itself, so that the one next to the
 * silence notices it first and can say who it is. HDFS: READ_TIMEOUT_EXTENSION.
 */
const TIMEOUT_EXTENSION_MS = 5_000;

/** How long a writer waits for the answer of so many DataNodes, one behind the other. */
export function pipelineTimeoutMs(socketTimeoutMs: number, nodes: number): number {
  return socketTimeoutMs + TIMEOUT_EXTENSION_MS * nodes;
}

const HEARTBEAT: Packet = {
  offsetInBlock: 0,
  seqno: HEARTBEAT_SEQNO,
  last: false,
  sync: false,
  checksums: Buffer.alloc(0),
  data: [],
  dataLength: 0,
};

export class Pipeline {
  readonly #channel: Channel;
  readonly #reader: ByteReader;
  readonly #size: number;
  readonly #timeoutMs: number;
  readonly #slowNodes: SlowNodes;
  /** Found with the ack before. */
  #tooSlow: number | undefined;

  /** Use {@link openPipeline}. */
  constructor(channel: Channel, size: number, timeoutMs: number, slowNodeThreshold: number) {
    this.#channel = channel;
    this.#reader = new ByteReader(channel);
    this.#size = size;
    this.#timeoutMs = timeoutMs;
    this.#slowNodes = new SlowNodes(size, slowNodeThreshold);
  }

  /** The answer of all DataNodes to the set-up. @throws PipelineFault */
  async readSetUpResponse(nodes: readonly ReplicaLocation[]): Promise<void> {
    const response = await blameFirst(readBlockOpResponse(this.#reader, this.#timeoutMs));
    if (response.status === Status.SUCCESS) return;
    const index = blamedBySetUp(response.firstBadLink ?? '', nodes);
    throw new PipelineFault(index, describeStatus(response.status, response.message ?? ''));
  }

  /** Resolves once the connection takes more. @throws PipelineFault */
  async send(packet: Packet): Promise<void> {
    await blameFirst(this.#channel.write(encodePacket(packet), this.#timeoutMs));
  }

  /** Tells the DataNodes that the writer lives, and has them tell the same. */
  async sendHeartbeat(): Promise<void> {
    await this.send(HEARTBEAT);
  }

  /** The number of the next packet that all DataNodes have. @throws PipelineFault */
  async readAck(): Promise<number> {
    // Only now, so that the packet whose ack told it is not sent again.
    if (this.#tooSlow !== undefined) throw new PipelineFault(this.#tooSlow, 'it is much slower than the others');
    for (;;) {
      const ack = await blameFirst(readAck(this.#reader, this.#timeoutMs));
      if (ack === null) throw new PipelineFault(0, 'it closed the connection');
      const blamed = blamedByAck(ack.reply, this.#size);
      if (blamed !== undefined) {
        const { index, status } = blamed;
        throw new PipelineFault(index, describeStatus(status, ''), status === Status.OOB_RESTART);
      }
      if (ack.seqno < 0) continue;
      this.#tooSlow = this.#slowNodes.count(ack.slow);
      return ack.seqno;
    }
  }

  destroy(): void {
    this.#channel.destroy();
  }
}

/** Whatever fails on the connection itself is the first DataNode's fault: nobody else is on it. */
async function blameFirst<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new PipelineFault(0, messageOf(error));
  }
}

/** Connects, and has the DataNodes connect to each other. @throws PipelineFault */
export async function openPipeline(
  network: Network,
  setUp: PipelineSetUp,
  limits: PipelineLimits,
  signal: AbortSignal,
): Promise<Pipeline> {
  const [first] = setUp.nodes;
  if (first === undefined) throw new Error('a pipeline needs a DataNode');
  const timeoutMs = pipelineTimeoutMs(limits.socketTimeoutMs, setUp.nodes.length);
  const { host, dataPort } = first.datanode;
  const channel = await blameFirst(network.connect(host, dataPort, { timeoutMs: limits.connectTimeoutMs, signal }));
  const ignoreAbort = onAbort(signal, () => channel.destroy());
  try {
    await blameFirst(channel.write([encodeOperation(writeOperation(setUp))], timeoutMs));
    const pipeline = new Pipeline(channel, setUp.nodes.length, timeoutMs, limits.slowNodeThreshold);
    await pipeline.readSetUpResponse(setUp.nodes);
    return pipeline;
  } catch (error) {
    channel.destroy();
    throw error;
  } finally {
    ignoreAbort();
  }
}

function writeOperation(setUp: PipelineSetUp): WriteBlockOperation {
  const [first, ...targets] = setUp.nodes;
  return {
    op: 'writeBlock',
    block: { ...setUp.block, poolId: setUp.poolId },
    clientName: setUp.clientName,
    targets: targets.map(toPipelineNode),
    stage: setUp.stage,
    pipelineSize: setUp.nodes.length,
    minBytesRcvd: setUp.minBytesRcvd,
    maxBytesRcvd: setUp.maxBytesRcvd,
    latestGenerationStamp: setUp.latestGenerationStamp,
    checksum: setUp.checksum,
    storageId: first?.storageId ?? '',
    targetStorageIds: targets.map(({ storageId }) => storageId),
  };
}

export function toPipelineNode({ datanode, rack }: ReplicaLocation): PipelineNode {
  return { ...datanode, rack };
}
