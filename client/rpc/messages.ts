/** Between the messages of the wire and the values of the SDK. Every field that a caller relies on is checked here, once. */
import type { Block } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import type { Block__Output } from '../../proto/generated/minihdfs/Block.js';
import type { DatanodeAdminState__Output } from '../../proto/generated/minihdfs/DatanodeAdminState.js';
import type { DatanodeId__Output } from '../../proto/generated/minihdfs/DatanodeId.js';
import type { DatanodeReport__Output } from '../../proto/generated/minihdfs/DatanodeReport.js';
import type { FileStatus__Output } from '../../proto/generated/minihdfs/FileStatus.js';
import type { FsckFile__Output } from '../../proto/generated/minihdfs/FsckFile.js';
import type { LeavingProgress__Output } from '../../proto/generated/minihdfs/LeavingProgress.js';
import type { LocatedBlock__Output } from '../../proto/generated/minihdfs/LocatedBlock.js';
import type { ReplicaLocation__Output } from '../../proto/generated/minihdfs/ReplicaLocation.js';
import type {
  BlockLocation,
  DatanodeAddress,
  DatanodeAdminState,
  DatanodeReport,
  DatanodeState,
  FileStatus,
  FileType,
  FsckFile,
  LeavingProgress,
  ReplicaLocation,
} from '../types.js';

/** `value`, which the NameNode has to set in this answer. */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) {
    throw new DfsError(
      'ProtocolViolation',
      `the NameNode's answer lacks ${what}; do client and NameNode have the same version?`,
    );
  }
  return value;
}

function oneOf<const T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined)
    throw new DfsError('ProtocolViolation', `the NameNode's answer has an unknown ${what}, ${value}`);
  return found;
}

const FILE_TYPES: readonly FileType[] = ['FILE', 'DIRECTORY', 'SYMLINK'];

export function toFileStatus(path: string, wire: FileStatus__Output): FileStatus {
  return {
    path,
    name: wire.name,
    fileId: wire.fileId,
    type: oneOf(wire.type, FILE_TYPES, 'file type'),
    length: wire.length,
    replication: wire.replication,
    blockSize: wire.blockSize,
    mode: wire.mode,
    owner: wire.owner,
    group: wire.group,
    modificationTimeMs: wire.modificationTimeMs,
    accessTimeMs: wire.accessTimeMs,
    modificationTimeNs: wire.modificationTimeNs,
    accessTimeNs: wire.accessTimeNs,
    children: wire.children,
    underConstruction: wire.underConstruction,
    symlink: wire.symlink,
  };
}

export function toBlock(wire: Block__Output | null): Block {
  const { blockId, generationStamp, numBytes } = required(wire, 'a block');
  return { blockId, generationStamp, numBytes };
}

function toDatanodeAddress(wire: DatanodeId__Output | null): DatanodeAddress {
  const { uuid, host, dataPort, rpcPort, httpPort } = required(wire, 'a DataNode');
  return { uuid, host, dataPort, rpcPort, httpPort };
}

export function toReplicaLocation(wire: ReplicaLocation__Output): ReplicaLocation {
  return { datanode: toDatanodeAddress(wire.datanode), rack: wire.rack, storageId: wire.storageId };
}

/** `host:port` of a DataNode's data plane: how people name a DataNode. */
export function dataAddress(datanode: DatanodeAddress): string {
  return `${datanode.host}:${datanode.dataPort}`;
}

/** A block that is written, with the DataNodes of its pipeline in order. */
export interface PlacedBlock {
  readonly block: Block;
  readonly nodes: readonly ReplicaLocation[];
}

export function toPlacedBlock(wire: LocatedBlock__Output): PlacedBlock {
  return { block: toBlock(wire.block), nodes: wire.locations.map(toReplicaLocation) };
}

/** A block that was just allocated for a file. */
export function toNewBlock(path: string, wire: LocatedBlock__Output): PlacedBlock {
  const block = toPlacedBlock(wire);
  if (block.nodes.length === 0)
    throw new DfsError('ProtocolViolation', `the NameNode gave a block of ${path} no DataNode`);
  return block;
}

export function toBlockLocation(wire: LocatedBlock__Output): BlockLocation {
  const block = toBlock(wire.block);
  const locations = wire.locations.map(toReplicaLocation);
  return {
    offset: wire.offset,
    length: block.numBytes,
    block,
    hosts: locations.map(({ datanode }) => dataAddress(datanode)),
    racks: locations.map(({ rack }) => rack),
    locations,
    corrupt: wire.corrupt,
    underConstruction: wire.underConstruction,
  };
}

const DATANODE_STATES: Readonly<Record<string, DatanodeState>> = {
  LIVE: 'live',
  STALE: 'stale',
  DEAD: 'dead',
};

const ADMIN_STATES: Readonly<Record<DatanodeAdminState__Output, DatanodeAdminState>> = {
  NORMAL: 'normal',
  DECOMMISSION_INPROGRESS: 'decommission-in-progress',
  DECOMMISSIONED: 'decommissioned',
  ENTERING_MAINTENANCE: 'entering-maintenance',
  IN_MAINTENANCE: 'in-maintenance',
};

function toLeavingProgress(wire: LeavingProgress__Output): LeavingProgress {
  const { blocksLeft, bytesLeft, blocksWithoutLive, blocksInOpenFiles, timeLeftMs } = wire;
  return { blocksLeft, bytesLeft, blocksWithoutLive, blocksInOpenFiles, timeLeftMs };
}

export function toDatanodeReport(wire: DatanodeReport__Output): DatanodeReport {
  return {
    datanode: toDatanodeAddress(wire.id),
    rack: wire.rack,
    state: required(DATANODE_STATES[wire.state], `a known state of a DataNode (it says ${wire.state})`),
    capacityBytes: wire.capacityBytes,
    usedBytes: wire.usedBytes,
    remainingBytes: wire.remainingBytes,
    blocks: wire.blocks,
    activeTransfers: wire.activeTransfers,
    lastContactMs: wire.lastContactMs,
    failedVolumes: wire.failedVolumes,
    version: wire.version,
    adminState: required(
      ADMIN_STATES[wire.adminState],
      `a known admin state of a DataNode (it says ${wire.adminState})`,
    ),
    maintenanceExpiresMs: wire.maintenanceExpiresMs,
    leaving: wire.leaving === null ? undefined : toLeavingProgress(wire.leaving),
  };
}

export function toFsckFile(wire: FsckFile__Output): FsckFile {
  return {
    path: wire.path,
    length: wire.length,
    replication: wire.replication,
    underConstruction: wire.underConstruction,
    blocks: wire.blocks.map((one) => ({
      block: toBlock(one.block),
      replicas: one.replicas.map(({ datanode, rack, state }) => ({
        datanode: toDatanodeAddress(datanode),
        rack,
        state,
      })),
      underConstruction: one.underConstruction,
      live: one.live,
      misReplicated: one.misReplicated,
    })),
  };
}
