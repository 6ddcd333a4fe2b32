/**
 * The checksum of a whole file, computed from checksums that the DataNodes have, as HDFS does it: the MD5 of the blocks' MD5s of
 * their chunks' CRCs. Two files with the same content, block size and chunk size have the same one.
 */
import { createHash } from 'node:crypto';
import { blockName } from '../common/block.js';
import { encodeOperation } from '../common/data-transfer.js';
import type { BlockChecksum } from '../common/data-transfer-response.js';
import { readBlockOpResponse } from '../common/data-transfer-response.js';
import { DfsError, messageOf } from '../common/errors.js';
import { Status, statusName } from '../common/status.js';
import type { ClientContext } from './context.js';
import { dataAddress } from './rpc/messages.js';
import { blockLocations } from './rpc/namespace.js';
import type { BlockLocation, DatanodeAddress, FileChecksum } from './types.js';

/** What HDFS answers for an empty file: the MD5 of 32 zero bytes. */
const EMPTY_FILE_MD5 = createHash('md5').update(Buffer.alloc(32)).digest();

/** @throws DfsError `FileNotFound`, `BlockMissing`. */
export async function fileChecksum(context: ClientContext, path: string): Promise<FileChecksum> {
  const blocks = await blockLocations(context.namenode, context.clientHost, path, 0, Number.MAX_SAFE_INTEGER);
  const md5OfMd5s = createHash('md5');
  let first: BlockChecksum | undefined;
  for (const block of blocks) {
    const checksum = await blockChecksum(context, path, block);
    first ??= checksum;
    requireSameChunks(path, first, checksum);
    md5OfMd5s.update(checksum.md5);
  }
  if (first === undefined) return { algorithm: 'MD5-of-0MD5-of-0CRC32', bytes: encode(0, 0, EMPTY_FILE_MD5) };
  const { type, bytesPerChecksum } = first.checksum;
  // Chunks per block say something only when there is more than one block; HDFS gives 0 otherwise.
  const crcPerBlock = blocks.length > 1 ? first.crcPerBlock : 0;
  return {
    algorithm: `MD5-of-${crcPerBlock}MD5-of-${bytesPerChecksum}${type}`,
    bytes: encode(bytesPerChecksum, crcPerBlock, md5OfMd5s.digest()),
  };
}

function requireSameChunks(path: string, first: BlockChecksum, other: BlockChecksum): void {
  const isSame =
    first.checksum.type === other.checksum.type && first.checksum.bytesPerChecksum === other.checksum.bytesPerChecksum;
  if (isSame) return;
  throw new DfsError(
    'Unsupported',
    `${path} has no checksum: its blocks were written with different dfs.bytes-per-checksum or dfs.checksum.type`,
  );
}

/** Asks one DataNode after the other. */
async function blockChecksum(context: ClientContext, path: string, located: BlockLocation): Promise<BlockChecksum> {
  const reasons: string[] = [];
  for (const { datanode } of located.locations) {
    try {
      return await askForChecksum(context, located, datanode);
    } catch (error) {
      reasons.push(`${dataAddress(datanode)}: ${messageOf(error)}`);
    }
  }
  const why = reasons.length === 0 ? 'no live DataNode holds it' : reasons.join('; ');
  throw new DfsError('BlockMissing', `Fail to get block MD5 for ${blockName(located.block)} of ${path}: ${why}`);
}

async function askForChecksum(
  { connections, poolId, settings }: ClientContext,
  { block }: BlockLocation,
  datanode: DatanodeAddress,
): Promise<BlockChecksum> {
  const { channel, reader } = await connections.connect(datanode);
  try {
    const operation = encodeOperation({ op: 'blockChecksum', block: { ...block, poolId } });
    await channel.write([operation], settings.socketTimeoutMs);
    const { status, message, checksumResponse } = await readBlockOpResponse(reader, settings.socketTimeoutMs);
    if (status !== Status.SUCCESS) throw new DfsError('ReplicaNotFound', message || statusName(status));
    if (checksumResponse === undefined) throw new DfsError('ProtocolViolation', 'it answered without a checksum');
    return checksumResponse;
  } finally {
    channel.destroy();
  }
}

/** bytesPerCRC (4 bytes), crcPerBlock (8 bytes), MD5 (16 bytes). */
function encode(bytesPerCrc: number, crcPerBlock: number, md5: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32BE(bytesPerCrc, 0);
  head.writeBigUInt64BE(BigInt(crcPerBlock), 4);
  return Buffer.concat([head, md5]);
}
