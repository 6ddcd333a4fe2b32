/** Answers as messages of ClientProtocol. */
import type { Block as BlockMessage } from '../../proto/generated/minihdfs/Block.js';
import type { DirectoryQuota } from '../../proto/generated/minihdfs/DirectoryQuota.js';
import type { FileStatus } from '../../proto/generated/minihdfs/FileStatus.js';
import type { LocatedBlock as LocatedBlockMessage } from '../../proto/generated/minihdfs/LocatedBlock.js';
import type { ReplicaLocation } from '../../proto/generated/minihdfs/ReplicaLocation.js';
import type { Location } from '../blocks.js';
import type { LocatedBlock } from '../operations/located-blocks.js';
import type { QuotaUsage } from '../quotas.js';
import type { InodeRow } from '../storage/rows.js';
import { InodeType } from '../storage/schema.js';

const FILE_TYPES = {
  [InodeType.FILE]: 'FILE',
  [InodeType.DIRECTORY]: 'DIRECTORY',
  [InodeType.SYMLINK]: 'SYMLINK',
} as const;

export function fileStatus(inode: InodeRow): FileStatus {
  return {
    fileId: inode.id,
    name: inode.name,
    type: FILE_TYPES[inode.type as keyof typeof FILE_TYPES],
    length: inode.length,
    replication: inode.replication,
    blockSize: inode.block_size,
    mode: inode.mode,
    owner: inode.owner,
    group: inode.grp,
    modificationTimeMs: inode.mtime_ms,
    accessTimeMs: inode.atime_ms,
    children: inode.children,
    underConstruction: inode.lease_holder !== null,
    symlink: inode.symlink ?? '',
    modificationTimeNs: inode.mtime_ns,
    accessTimeNs: inode.atime_ns,
  };
}

export function optionalStatus(inode: InodeRow | undefined): FileStatus | null {
  return inode === undefined ? null : fileStatus(inode);
}

export function directoryQuota({ quota: { names, space }, used }: QuotaUsage): DirectoryQuota {
  const limits = { ...(names === undefined ? {} : { names }), ...(space === undefined ? {} : { space }) };
  return { ...limits, namesUsed: used.names, spaceUsed: used.space };
}

export function replicaLocation(location: Location): ReplicaLocation {
  const { datanodeUuid: uuid, host, dataPort, rpcPort, httpPort, rack, storageUuid } = location;
  return { datanode: { uuid, host, dataPort, rpcPort, httpPort }, rack, storageId: storageUuid };
}

export function locatedBlock({
  block,
  offset,
  locations,
  corrupt,
  underConstruction,
}: LocatedBlock): LocatedBlockMessage {
  const { blockId, generationStamp, numBytes } = block;
  const message: BlockMessage = { blockId, generationStamp, numBytes };
  return { block: message, offset, locations: locations.map(replicaLocation), corrupt, underConstruction };
}
