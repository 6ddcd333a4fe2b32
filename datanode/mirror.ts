/** The way to the next DataNode of a pipeline ("mirror" is HDFS's word for it). */
import { ByteReader } from '../common/byte-reader.js';
import type { Channel, Network } from '../common/channel.js';
import type { PipelineNode, WriteBlockOperation } from '../common/data-transfer.js';
import { encodeOperation, readBlockOpResponse, Status } from '../common/data-transfer.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { ReceivedPacket } from '../common/packet.js';
import type { AckSource } from './packet-responder.js';
import type { TransferTimeouts } from './transfer-timeouts.js';
import { downstreamTimeoutMs } from './transfer-timeouts.js';

/** The pipeline behind this DataNode could not be set up. */
export class MirrorFailed extends DfsError {
  /** `host:port` of the node to blame. */
  readonly firstBadLink: string;

  constructor(firstBadLink: string, message: string, cause?: unknown) {
    super('PipelineFailed', message, { cause });
    this.firstBadLink = firstBadLink;
  }
}

export class Mirror {
  readonly acks: AckSource;
  readonly #channel: Channel;
  readonly #writeTimeoutMs: number;
  #failed = false;

  constructor(channel: Channel, reader: ByteReader, readTimeoutMs: number, writeTimeoutMs: number) {
    this.#channel = channel;
    this.#writeTimeoutMs = writeTimeoutMs;
    this.acks = { reader, timeoutMs: readTimeoutMs };
  }

  /**
   * Passes a packet on as it was received; resolves when the next node takes more. Does not reject: that the next node
   * has failed shows in its acks, and this one keeps what it has.
   */
  async forward(packet: ReceivedPacket): Promise<void> {
    if (this.#failed) return;
    try {
      await this.#channel.write(packet.wire, this.#writeTimeoutMs);
    } catch {
      this.#failed = true;
      this.#channel.destroy();
    }
  }

  destroy(): void {
    this.#channel.destroy();
  }
}

/**
 * Connects to the first of `operation.targets` and has it set up the rest of the pipeline.
 * @throws MirrorFailed
 */
export async function openMirror(
  network: Network,
  operation: WriteBlockOperation,
  next: PipelineNode,
  timeouts: TransferTimeouts,
  signal: AbortSignal,
): Promise<Mirror> {
  const address = `${next.host}:${next.dataPort}`;
  const readTimeoutMs = downstreamTimeoutMs(timeouts, operation.targets.length);
  let channel: Channel | undefined;
  const onAbort = (): void => channel?.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    channel = await network.connect(next.host, next.dataPort, { timeoutMs: readTimeoutMs, signal });
    await channel.write([encodeOperation(operationFor(operation))], timeouts.writeTimeoutMs);
    const reader = new ByteReader(channel);
    const response = await readBlockOpResponse(reader, readTimeoutMs);
    if (response.status !== Status.SUCCESS) {
      throw new MirrorFailed(response.firstBadLink || address, response.message || `${address} refused the block`);
    }
    return new Mirror(channel, reader, readTimeoutMs, timeouts.writeTimeoutMs);
  } catch (error) {
    channel?.destroy();
    throw error instanceof MirrorFailed ? error : new MirrorFailed(address, messageOf(error), error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What the next node is asked: the same, seen from there. */
function operationFor(operation: WriteBlockOperation): WriteBlockOperation {
  const [storageId = '', ...targetStorageIds] = operation.targetStorageIds;
  return { ...operation, targets: operation.targets.slice(1), storageId, targetStorageIds };
}
