/**
 * Block data over gRPC, for programs that have a gRPC stub and nothing else (proto/block_stream.proto). Writing goes
 * through the same receiver as over TCP, by a connection in memory; reading uses the same source of packets as the
 * block sender.
 */
import type { ChecksumSpec } from '../../common/checksum.js';
import type { Clock } from '../../common/clock.js';
import type { WriteBlockOperation } from '../../common/data-transfer.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { channelPair } from '../../common/memory-channel.js';
import type { CallContext } from '../../common/rpc/service.js';
import type { BlockStreamHandlers } from '../../common/rpc/services.js';
import type { ReadBlockRequest__Output } from '../../proto/generated/minihdfs/ReadBlockRequest.js';
import type { ReadBlockResponse } from '../../proto/generated/minihdfs/ReadBlockResponse.js';
import type { WriteBlockHeader__Output } from '../../proto/generated/minihdfs/WriteBlockHeader.js';
import type { WriteBlockRequest__Output } from '../../proto/generated/minihdfs/WriteBlockRequest.js';
import type { WriteBlockResponse } from '../../proto/generated/minihdfs/WriteBlockResponse.js';
import type { DataXceiver } from '../data-xceiver.js';
import { chunkRange, PacketSource } from '../packet-source.js';
import { Packetizer } from '../packetizer.js';
import { PipelineClient } from '../pipeline-client.js';
import { addressOf, toBlock, toPipelineNode } from '../pipeline-node.js';
import type { ReadableReplica, ReplicaStore } from '../replica-store.js';
import type { TransferTimeouts } from '../transfer-timeouts.js';

export interface BlockStreamOptions {
  readonly store: ReplicaStore;
  readonly xceiver: DataXceiver;
  readonly clock: Clock;
  readonly timeouts: TransferTimeouts;
  readonly datanodeUuid: string;
  readonly clusterId: () => string;
  /** For blocks written here (`dfs.checksum.type`, `dfs.bytes-per-checksum`). */
  readonly checksum: ChecksumSpec;
  /** `dfs.client-write-packet-size` */
  readonly packetBytes: number;
}

/** Data in one answer. */
const READ_MESSAGE_BYTES = 512 * 1024;

export function blockStreamHandlers(options: BlockStreamOptions): BlockStreamHandlers {
  return {
    WriteBlock: (requests, context) => writeBlock(options, requests, context),
    ReadBlock: (request) => readBlock(options, request),
  };
}

async function writeBlock(
  options: BlockStreamOptions,
  requests: AsyncIterable<WriteBlockRequest__Output>,
  { peerHost, signal }: CallContext,
): Promise<WriteBlockResponse> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const header = first.done ? undefined : first.value.header;
  if (!header) throw new DfsError('InvalidArgument', 'The first message of WriteBlock must carry the header');
  const { operation, nodes } = pipelineOf(options, header);
  options.xceiver.requireRoom();
  const [ours, theirs] = channelPair({ clock: options.clock, names: ['BlockStream', `gRPC client ${peerHost}`] });
  const onAbort = (): void => ours.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  const served = options.xceiver.serve(theirs);
  try {
    const client = await PipelineClient.open({ channel: ours, operation, nodes, timeouts: options.timeouts });
    const numBytes = await sendAll(messages, client, new Packetizer(operation.checksum, options.packetBytes));
    return { block: { ...toBlock(header.block), numBytes } };
  } finally {
    signal.removeEventListener('abort', onAbort);
    ours.destroy();
    await served;
  }
}

/** Returns the length of the block. */
async function sendAll(
  messages: AsyncIterator<WriteBlockRequest__Output>,
  client: PipelineClient,
  packetizer: Packetizer,
): Promise<number> {
  try {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      const { data } = next.value;
      if (data === undefined)
        throw new DfsError('InvalidArgument', 'Every message of WriteBlock after the first must carry data');
      for (const packet of packetizer.add(data)) await client.send(packet);
    }
    for (const packet of packetizer.end()) await client.send(packet);
    await client.finish();
    return packetizer.offset;
  } catch (error) {
    await client.abort();
    throw error;
  }
}

function pipelineOf(
  { datanodeUuid, clusterId, checksum }: BlockStreamOptions,
  header: WriteBlockHeader__Output,
): { operation: WriteBlockOperation; nodes: readonly string[] } {
  const block = toBlock(header.block);
  const pipeline = header.targets.map(toPipelineNode);
  if (pipeline[0]?.uuid !== datanodeUuid) {
    throw new DfsError(
      'InvalidArgument',
      'WriteBlock must be called on the first DataNode of header.targets, and this is another one',
    );
  }
  if (header.clientName === '') throw new DfsError('InvalidArgument', 'WriteBlock needs a client_name');
  const operation: WriteBlockOperation = {
    op: 'writeBlock',
    block: { ...block, poolId: clusterId() },
    clientName: header.clientName,
    targets: pipeline.slice(1),
    stage: 'PIPELINE_SETUP_CREATE',
    pipelineSize: pipeline.length,
    minBytesRcvd: 0,
    maxBytesRcvd: 0,
    latestGenerationStamp: block.generationStamp,
    checksum,
    storageId: header.targets[0]?.storageId ?? '',
    targetStorageIds: header.targets.slice(1).map(({ storageId }) => storageId),
  };
  return { operation, nodes: pipeline.map(addressOf) };
}

async function* readBlock(
  { store }: BlockStreamOptions,
  { block, offset, length }: ReadBlockRequest__Output,
): AsyncGenerator<ReadBlockResponse> {
  const replica = await store.openForRead(toBlock(block));
  try {
    yield* rangeOf(replica, offset, length === 0 ? Math.max(0, replica.visibleBytes - offset) : length);
  } catch (error) {
    if (isDfsError(error, 'Corrupt')) store.catalog.foundCorrupt(replica.block, replica.storageId);
    throw error;
  } finally {
    replica.files.closeLater();
  }
}

/** Whole chunks are read and verified; what lies before and after the range is cut off. */
async function* rangeOf(replica: ReadableReplica, offset: number, length: number): AsyncGenerator<ReadBlockResponse> {
  const source = new PacketSource(replica, chunkRange(replica, offset, length), {
    packetBytes: READ_MESSAGE_BYTES,
    withChecksums: false,
    verify: true,
  });
  for (;;) {
    const { last, data, offsetInBlock } = await source.next();
    if (last) return;
    const piece = data[0]?.subarray(Math.max(0, offset - offsetInBlock), offset + length - offsetInBlock);
    if (piece !== undefined && piece.length > 0) yield { data: piece };
  }
}
