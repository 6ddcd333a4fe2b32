/** Answers READ_BLOCK: sends a range of a replica as packets, with the checksums it was written with. The reader verifies them. */
import { blockName } from '../common/block.js';
import type { ReadBlockOperation } from '../common/data-transfer.js';
import { encodeBlockOpResponse, readClientReadStatus, Status, statusName } from '../common/data-transfer.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { encodePacket } from '../common/packet.js';
import type { Connection } from './block-receiver.js';
import { statusOfError } from './operation-status.js';
import type { ChunkRange } from './packet-source.js';
import { chunkRange, PacketSource, sendAllPackets } from './packet-source.js';
import type { ReadableReplica, ReplicaStore } from './replica-store.js';
import type { TransferTimeouts } from './transfer-timeouts.js';

export interface SenderServices {
  readonly store: ReplicaStore;
  readonly logger: Logger;
  readonly timeouts: TransferTimeouts;
}

/** Larger packets cost less per byte; two of them are in memory for each reader. */
export const READ_PACKET_BYTES = 512 * 1024;

/**
 * Carries out one read. True when the connection may be used for another operation.
 * @throws DfsError when the connection broke, or the replica turned out to be damaged after the answer was given.
 */
export async function sendBlock(
  services: SenderServices,
  operation: ReadBlockOperation,
  connection: Connection,
): Promise<boolean> {
  const { store, timeouts } = services;
  let replica: ReadableReplica | undefined;
  try {
    let range: ChunkRange;
    try {
      replica = await store.openForRead(operation.block);
      range = chunkRange(replica, operation.offset, operation.length);
    } catch (error) {
      await refuse(services, operation, connection, error);
      return true;
    }
    await sendRange(services, operation, connection, replica, range);
  } catch (error) {
    if (replica !== undefined) store.readFailed(replica, error);
    throw error;
  } finally {
    replica?.files.closeLater();
  }
  const status = await readClientReadStatus(connection.reader, timeouts.readTimeoutMs);
  if (status === Status.ERROR_CHECKSUM) {
    services.logger.warn(
      { block: blockName(operation.block), peer: connection.channel.peer },
      'a reader found a checksum error',
    );
    store.onSuspect(operation.block.blockId);
  }
  return status !== null;
}

async function sendRange(
  { timeouts }: SenderServices,
  { sendChecksums }: ReadBlockOperation,
  { channel }: Connection,
  replica: ReadableReplica,
  range: ChunkRange,
): Promise<void> {
  const { checksum } = replica.files;
  const response = encodeBlockOpResponse({
    status: Status.SUCCESS,
    readOpChecksumInfo: {
      checksum: sendChecksums ? checksum : { ...checksum, type: 'NULL' },
      chunkOffset: range.startOffset,
    },
  });
  await channel.write([response], timeouts.writeTimeoutMs);
  const options = { packetBytes: READ_PACKET_BYTES, withChecksums: sendChecksums, verify: false };
  const source = new PacketSource(replica, range, options);
  await sendAllPackets(source, (packet) => channel.write(encodePacket(packet), timeouts.writeTimeoutMs));
}

async function refuse(
  { timeouts, logger }: SenderServices,
  { block }: ReadBlockOperation,
  { channel }: Connection,
  error: unknown,
): Promise<void> {
  const status = statusOfError(error);
  const message = messageOf(error);
  logger.warn(
    { block: blockName(block), peer: channel.peer, status: statusName(status), reason: message },
    'a read was refused',
  );
  await channel.write([encodeBlockOpResponse({ status, message })], timeouts.writeTimeoutMs);
}
