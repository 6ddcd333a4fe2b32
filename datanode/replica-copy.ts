/** Sends a replica to other DataNodes, as the client of a pipeline of theirs. */
import type { Network } from '../common/channel.js';
import type { ChecksumSpec } from '../common/checksum.js';
import { computeChecksums } from '../common/checksum.js';
import type {
  BlockConstructionStage,
  ExtendedBlock,
  PipelineNode,
  WriteBlockOperation,
} from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import type { Packet } from '../common/packet.js';
import { READ_PACKET_BYTES } from './block-sender.js';
import type { Pace } from './pace.js';
import { chunkRange, PacketSource, sendAllPackets } from './packet-source.js';
import { PipelineClient } from './pipeline-client.js';
import { addressOf } from './pipeline-node.js';
import type { ReadableReplica } from './replica-store.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

export interface TransferTarget {
  readonly node: PipelineNode;
  readonly storageId: string;
}

export interface CopyServices {
  readonly network: Network;
  readonly timeouts: TransferTimeouts;
  /** Undefined: as fast as it goes. */
  readonly pace?: Pace | undefined;
}

/** What the targets are told. */
export interface CopyHeader {
  readonly block: ExtendedBlock;
  /** '' when the NameNode has ordered the copy. */
  readonly clientName: string;
  readonly stage: BlockConstructionStage;
}

/**
 * Copies what readers may see of the replica to a pipeline of all targets.
 * @throws DfsError `PipelineFailed`, naming the DataNode; `Corrupt` when the replica is damaged.
 */
export async function copyReplica(
  { network, timeouts, pace }: CopyServices,
  replica: ReadableReplica,
  header: CopyHeader,
  targets: readonly TransferTarget[],
  signal: AbortSignal,
): Promise<void> {
  const [first] = targets;
  if (first === undefined) throw new DfsError('InvalidArgument', 'A copy was ordered without a target');
  const operation = operationFor(header, targets, replica.files.checksum);
  const options = { timeoutMs: timeouts.readTimeoutMs, signal };
  const channel = await network.connect(first.node.host, first.node.dataPort, options);
  const onAbort = (): void => channel.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    const nodes = targets.map(({ node }) => addressOf(node));
    const client = await PipelineClient.open({ channel, operation, nodes, timeouts });
    await send(replica, client, (bytes) => pace?.rest(bytes, signal));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function operationFor(
  header: CopyHeader,
  targets: readonly TransferTarget[],
  checksum: ChecksumSpec,
): WriteBlockOperation {
  const [storageId = '', ...targetStorageIds] = targets.map((target) => target.storageId);
  return {
    ...header,
    op: 'writeBlock',
    targets: targets.slice(1).map(({ node }) => node),
    pipelineSize: targets.length,
    minBytesRcvd: 0,
    maxBytesRcvd: 0,
    latestGenerationStamp: header.block.generationStamp,
    checksum,
    storageId,
    targetStorageIds,
  };
}

/** Called with the bytes of each packet that has been sent; the next one waits for it. */
type Rest = (bytes: number) => Promise<void> | undefined;

async function send(replica: ReadableReplica, client: PipelineClient, rest: Rest): Promise<void> {
  try {
    await sendPackets(replica, client, rest);
    await client.finish();
  } catch (error) {
    await client.abort();
    throw error;
  }
}

async function sendPackets(replica: ReadableReplica, client: PipelineClient, rest: Rest): Promise<void> {
  const { visibleBytes, files } = replica;
  // Verified here too: otherwise the target would be blamed for what is wrong on this disk.
  const options = { packetBytes: READ_PACKET_BYTES, withChecksums: true, verify: true };
  const source = new PacketSource(replica, chunkRange(replica, 0, visibleBytes), options);
  await sendAllPackets(source, async (packet) => {
    await client.send(upTo(visibleBytes, files.checksum, packet));
    await rest(packet.dataLength);
  });
}

/** The packet without what lies beyond `end`. Only a replica that is being written has such bytes, in the chunk that `end` is in. */
function upTo(end: number, checksum: ChecksumSpec, packet: Packet): Packet {
  const excess = packet.offsetInBlock + packet.dataLength - end;
  if (excess <= 0) return packet;
  if (packet.last) return { ...packet, offsetInBlock: end };
  const dataLength = packet.dataLength - excess;
  const data = [Buffer.concat(packet.data).subarray(0, dataLength)];
  return { ...packet, data, dataLength, checksums: computeChecksums(checksum, data) };
}
