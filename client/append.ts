/** What a writer must know of a file's last block before it can append to it. */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { ChecksumSpec } from '../common/checksum.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { ClientContext } from './context.js';
import type { LastBlock } from './file-writer.js';
import type { FileBeingWritten } from './rpc/additional-datanode.js';
import type { PlacedBlock } from './rpc/messages.js';
import { dataAddress } from './rpc/messages.js';
import { WriterCalls } from './rpc/writer-calls.js';
import { BlockReader } from './tcp/block-reader.js';
import type { DatanodeAddress } from './types.js';

/**
 * Reads what is needed to go on at the end of `placed`, the last block of a file that has just been opened for append. When that
 * fails the file is closed again as it was.
 * @throws DfsError `BlockMissing` when no DataNode can be asked, `Cancelled`.
 */
export async function prepareAppend(
  context: ClientContext,
  file: FileBeingWritten,
  placed: PlacedBlock,
  signal: AbortSignal | undefined,
): Promise<LastBlock> {
  try {
    return await readLastChunk(context, file.path, placed, signal);
  } catch (error) {
    await new WriterCalls({ context, file }).complete(placed.block).catch(() => {});
    throw error;
  }
}

/**
 * Packets begin at a chunk's start and carry the checksums of whole chunks, so that the first one repeats the bytes that the last
 * chunk has already. The chunk's size is that of the replica, whatever this client uses for new blocks.
 */
async function readLastChunk(
  context: ClientContext,
  path: string,
  placed: PlacedBlock,
  signal: AbortSignal | undefined,
): Promise<LastBlock> {
  const { block, nodes } = placed;
  const reasons: string[] = [];
  for (const { datanode } of nodes) {
    try {
      const { checksum } = await readRange(context, datanode, block, block.numBytes - 1, signal);
      const tailLength = block.numBytes % checksum.bytesPerChecksum;
      if (tailLength === 0) return { block, nodes, checksum, tail: Buffer.alloc(0) };
      const { bytes } = await readRange(context, datanode, block, block.numBytes - tailLength, signal);
      return { block, nodes, checksum, tail: bytes };
    } catch (error) {
      if (signal?.aborted) throw cancellation(signal, `appending to ${path}`);
      reasons.push(`${dataAddress(datanode)}: ${messageOf(error)}`);
    }
  }
  const why = reasons.length === 0 ? 'no live DataNode holds it' : reasons.join('; ');
  throw new DfsError('BlockMissing', `cannot append to ${path}: the end of ${blockName(block)} cannot be read: ${why}`);
}

/** The bytes from `offset` to the end of the block, and how the replica is checksummed. */
async function readRange(
  context: ClientContext,
  datanode: DatanodeAddress,
  block: Block,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<{ checksum: ChecksumSpec; bytes: Buffer }> {
  const { connections, poolId, namenode, settings } = context;
  const range = { poolId, block, offset, length: block.numBytes - offset };
  const options = { clientName: namenode.clientName, timeoutMs: settings.socketTimeoutMs, signal };
  const reader = await BlockReader.open(connections, datanode, range, options);
  try {
    const found: Buffer[] = [];
    for (let bytes = await reader.next(); bytes !== null; bytes = await reader.next()) found.push(...bytes.pieces);
    return { checksum: reader.info.checksum, bytes: Buffer.concat(found) };
  } finally {
    reader.close();
  }
}
