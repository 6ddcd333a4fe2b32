/** What the file system object takes and gives: plain values, without anything of the wire. */
import type { Block } from '../common/block.js';

export type FileType = 'FILE' | 'DIRECTORY' | 'SYMLINK';

/** One file or directory. */
export interface FileStatus {
  /** Absolute path. */
  readonly path: string;
  /** Last component of the path; empty for `/`. */
  readonly name: string;
  readonly fileId: number;
  readonly type: FileType;
  /** Bytes; 0 for a directory. Of a file that is being written: as far as the NameNode knows. */
  readonly length: number;
  /** Replicas wanted of each block; 0 for a directory. */
  readonly replication: number;
  /** Bytes; 0 for a directory. */
  readonly blockSize: number;
  /** Permission bits; 0o1000 is the sticky bit, 0o2000 setgid, 0o4000 setuid. */
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  /** Milliseconds since 1970. */
  readonly modificationTimeMs: number;
  /** Milliseconds since 1970; 0 when never recorded. */
  readonly accessTimeMs: number;
  /** Nanoseconds within the millisecond of the two times, 0 to 999999. */
  readonly modificationTimeNs: number;
  readonly accessTimeNs: number;
  /** Number of entries of a directory; 0 for a file. */
  readonly children: number;
  /** True while a writer has the file open. */
  readonly underConstruction: boolean;
  /** Target of a symbolic link, else empty. */
  readonly symlink: string;
}

/** How to reach one DataNode. */
export interface DatanodeAddress {
  readonly uuid: string;
  readonly host: string;
  readonly dataPort: number;
  readonly rpcPort: number;
  readonly httpPort: number;
}

/** Where one replica is, or is to be. */
export interface ReplicaLocation {
  readonly datanode: DatanodeAddress;
  readonly rack: string;
  readonly storageId: string;
}

/** A block of a file and who holds it, nearest to this client first. */
export interface BlockLocation {
  /** Offset of the block's first byte in the file. */
  readonly offset: number;
  /** Bytes of the file in this block. */
  readonly length: number;
  readonly block: Block;
  /** `host:port` of the data plane of each DataNode that holds it. */
  readonly hosts: readonly string[];
  /** The rack of each of `hosts`. */
  readonly racks: readonly string[];
  readonly locations: readonly ReplicaLocation[];
  /** True when every known replica is corrupt. */
  readonly corrupt: boolean;
  /** True when the block is still being written; `length` is what the NameNode knows of it. */
  readonly underConstruction: boolean;
}

export interface ContentSummary {
  readonly length: number;
  readonly fileCount: number;
  readonly directoryCount: number;
  /** Length times replication, summed over all files. */
  readonly spaceConsumed: number;
  /** Of a directory that has one. */
  readonly quota: DirectoryQuota | undefined;
}

/** Limits of a directory, undefined where there is none, and how much of them is used up. */
export interface DirectoryQuota {
  /** Files, directories and links, the directory itself included. */
  readonly names: number | undefined;
  /** Bytes of all replicas. */
  readonly space: number | undefined;
  readonly namesUsed: number;
  /** A block that is being written takes the block size of its file, times its replication. */
  readonly spaceUsed: number;
}

/** Null clears a quota; one that is not given stays. */
export interface QuotaChange {
  /** At least 1, which is the directory itself. */
  readonly names?: number | null | undefined;
  readonly space?: number | null | undefined;
}

export interface FileChecksum {
  /** `MD5-of-<crcs per block>MD5-of-<bytes per crc>CRC32C`, or `COMPOSITE-CRC32C`. */
  readonly algorithm: string;
  /** As HDFS encodes it: 28 bytes (bytes per CRC, CRCs per block, MD5), or the 4 bytes of a composite CRC. */
  readonly bytes: Buffer;
}

export interface ServerDefaults {
  readonly blockSize: number;
  readonly replication: number;
  readonly bytesPerChecksum: number;
  readonly writePacketSize: number;
  readonly clusterId: string;
  readonly version: string;
  readonly listingLimit: number;
}

export interface FsStats {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  readonly files: number;
  readonly directories: number;
  readonly blocks: number;
  readonly underReplicatedBlocks: number;
  /** Blocks with at least one corrupt replica. */
  readonly corruptReplicaBlocks: number;
  readonly missingBlocks: number;
  readonly pendingReconstructionBlocks: number;
  readonly pendingDeletionReplicas: number;
  readonly safeMode: boolean;
  readonly safeModeMessage: string;
  readonly lastTxid: number;
}

/** `stale`: its heartbeats are late. */
export type DatanodeState = 'live' | 'stale' | 'dead';

/** What an administrator wants of a DataNode, and how far that is. */
export type DatanodeAdminState =
  | 'normal'
  | 'decommission-in-progress'
  | 'decommissioned'
  | 'entering-maintenance'
  | 'in-maintenance';

/** How far a DataNode is that is being decommissioned, or enters maintenance. */
export interface LeavingProgress {
  /** Blocks without enough replicas elsewhere, and their bytes. */
  readonly blocksLeft: number;
  readonly bytesLeft: number;
  /** Those of them without a replica on a DataNode that stays. */
  readonly blocksWithoutLive: number;
  /** Blocks that are being written, and would have too few replicas without it. */
  readonly blocksInOpenFiles: number;
  /** As it went so far; undefined while nobody can say. */
  readonly timeLeftMs: number | undefined;
}

/** `forget` is for dead ones: they are not mentioned any more. `reportBlocks`: they send full block reports with their next heartbeats. */
export type DatanodeAdminAction = 'decommission' | 'recommission' | 'maintenance' | 'forget' | 'reportBlocks';

export interface AdministeredDatanodes {
  /** Those that were meant, as they are now; forgotten ones are not among them. */
  readonly datanodes: readonly DatanodeReport[];
  /** In words: what may keep it from being finished. */
  readonly warnings: readonly string[];
}

export interface DatanodeReport {
  readonly datanode: DatanodeAddress;
  readonly rack: string;
  readonly state: DatanodeState;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly remainingBytes: number;
  readonly blocks: number;
  /** Connections of the data plane that are being served. */
  readonly activeTransfers: number;
  /** Milliseconds since its last heartbeat. */
  readonly lastContactMs: number;
  readonly failedVolumes: number;
  readonly version: string;
  readonly adminState: DatanodeAdminState;
  /** When maintenance ends by itself, in milliseconds since 1970; 0: never. */
  readonly maintenanceExpiresMs: number;
  /** Undefined when it is not on its way out, or has not been looked at. */
  readonly leaving: LeavingProgress | undefined;
}

export type SafeModeAction = 'get' | 'enter' | 'leave' | 'forceExit';

export interface SafeModeState {
  /** Whether safe mode is on after the call. */
  readonly on: boolean;
  /** In words: why, and what it waits for. */
  readonly message: string;
}

export type BalancerAction = 'status' | 'start' | 'stop';

export interface BalancerStatus {
  readonly running: boolean;
  /** From 0 on. */
  readonly iteration: number;
  readonly bytesMoved: number;
  readonly blocksMoved: number;
  readonly bytesLeft: number;
  /** What this iteration shall move. */
  readonly bytesBeingMoved: number;
  /** How the last run has ended: `balanced`, `no-move-block`, `no-move-progress`, `stopped`; `none` when it has not. */
  readonly result: string;
}

export interface FsckReplica {
  readonly datanode: DatanodeAddress;
  readonly rack: string;
  /** LIVE, STALE, DECOMMISSIONING, DECOMMISSIONED, ENTERING_MAINTENANCE, IN_MAINTENANCE, CORRUPT, EXCESS. */
  readonly state: string;
}

export interface FsckBlock {
  readonly block: Block;
  readonly replicas: readonly FsckReplica[];
  readonly underConstruction: boolean;
  /** Live replicas, without corrupt and surplus ones. */
  readonly live: number;
  readonly misReplicated: boolean;
}

export interface FsckFile {
  readonly path: string;
  readonly length: number;
  readonly replication: number;
  readonly underConstruction: boolean;
  readonly blocks: readonly FsckBlock[];
}

export interface FsckSummary {
  readonly totalFiles: number;
  readonly totalDirectories: number;
  readonly totalBytes: number;
  readonly totalBlocks: number;
  readonly underReplicated: number;
  readonly overReplicated: number;
  readonly misReplicated: number;
  /** Blocks all of whose replicas are corrupt. */
  readonly corrupt: number;
  /** Blocks without any replica on a live DataNode. */
  readonly missing: number;
  readonly datanodes: number;
  readonly racks: number;
}

/** One step of a check: files as they are found, the summary at the very end. */
export type FsckStep =
  | { readonly kind: 'file'; readonly file: FsckFile }
  | { readonly kind: 'summary'; readonly summary: FsckSummary };

/** A part of a file, as Node's `fs.createReadStream` takes it: `end` is the last byte that is read. */
export interface ReadRange {
  /** Default: 0. */
  readonly start?: number | undefined;
  /** Default: the last byte of the file. */
  readonly end?: number | undefined;
}

export interface OpenOptions {
  /** Aborts every wait on the network that the reader or writer makes. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReaderOptions extends OpenOptions {
  /** Learn the file's status as well, which makes the answer longer. Default: false. */
  readonly withStatus?: boolean | undefined;
}

/** Whom something new shall belong to. For superusers who act for somebody else; default: the caller, and the directory's group. */
export interface Ownership {
  readonly owner?: string | undefined;
  /** A directory with the setgid bit gives its own group in any case. */
  readonly group?: string | undefined;
}

/** For those who keep what they know of directories for a while. */
export interface DirectoryOptions {
  /** Is given each directory in which a name was made or has gone, as it is afterwards. Makes the answer longer. */
  readonly onDirectory?: ((status: FileStatus) => void) | undefined;
}

/** A change of the times of a file; a time that is not given stays. */
export interface TimesChange {
  /** Milliseconds since 1970. */
  readonly modificationTimeMs?: number | undefined;
  readonly accessTimeMs?: number | undefined;
  /** Nanoseconds within the millisecond, for a time that is given. Default: 0. */
  readonly modificationTimeNs?: number | undefined;
  readonly accessTimeNs?: number | undefined;
}

export interface CreateOptions extends OpenOptions, Ownership, DirectoryOptions {
  /** Replace a file that exists. Default: false. */
  readonly overwrite?: boolean | undefined;
  /** Default: `dfs.replication`. */
  readonly replication?: number | undefined;
  /** Bytes. Default: `dfs.blocksize`. */
  readonly blockSize?: number | undefined;
  /** Permission bits, before the umask is taken off. Default: 0o666. */
  readonly mode?: number | undefined;
  /** Make missing parent directories. Default: true. */
  readonly createParent?: boolean | undefined;
}

export interface AppendOptions extends OpenOptions {
  /** Start a new block instead of filling up the last one. Default: false. */
  readonly newBlock?: boolean | undefined;
}

export interface MkdirOptions extends Ownership {
  /** Permission bits, before the umask is taken off. Default: 0o777. */
  readonly mode?: number | undefined;
  /** Make missing parents too. Default: true. */
  readonly parents?: boolean | undefined;
  /** Fail when the directory exists. Default: false. */
  readonly exclusive?: boolean | undefined;
}

/** What is not given stays. */
export interface AttributesChange extends Ownership {
  /** Permission bits. */
  readonly mode?: number | undefined;
  readonly times?: TimesChange | undefined;
}

export interface RenameOptions extends DirectoryOptions {
  /** Replace a file, or an empty directory, at the destination. Default: false. */
  readonly overwrite?: boolean | undefined;
  /** Take the destination as it stands; otherwise a source is moved into a destination that is a directory. Default: false. */
  readonly exact?: boolean | undefined;
  /** Path that what is replaced gets, instead of being deleted; nothing may be there. */
  readonly keepReplacedAs?: string | undefined;
}

export interface DeleteOptions extends DirectoryOptions {
  /** Remove a directory with all that is in it. Default: false. */
  readonly recursive?: boolean | undefined;
}
