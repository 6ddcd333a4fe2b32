/**
 * The records of the edit log. Each carries all that apply.ts needs (times, ids, chosen targets), so that applying it gives the
 * same rows today and at any replay. Stored as JSON: fields may be added, but neither renamed nor given another meaning.
 */

import type { AdminDecision } from './schema.js';

/** The JSON that a call was answered with; what of it is kept is up to the operation. */
export type StoredAnswer = null | boolean | number | string | { readonly [field: string]: StoredAnswer };

/** The call that made a record, so that a repeat of it gets the same answer (the retry cache). */
export interface AnsweredCall {
  /** Base64 of the 16 bytes of the client's id. */
  readonly clientId: string;
  readonly callId: number;
  /** When it was answered, by the retry cache's own time. Not in records that were made before there was one: there it is the time of day. */
  readonly answeredMs?: number;
  /** By the same time. */
  readonly expiresMs: number;
  readonly answer: StoredAnswer;
}

/** One replica of a pipeline: [DataNode's uuid, storage's uuid]. */
export type ExpectedReplica = readonly [datanodeUuid: string, storageUuid: string];

export interface NewDirectory {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
}

/** The final stamp and length of a block, as its writer gives them. */
export interface CommittedBlock {
  readonly id: number;
  readonly generationStamp: number;
  readonly length: number;
  /** True when it has its minimum of replicas already: it becomes COMPLETE, else COMMITTED. */
  readonly complete: boolean;
}

interface Edit {
  /** When the operation was checked and accepted; wall-clock milliseconds. */
  readonly timeMs: number;
  readonly call?: AnsweredCall;
}

export interface MkdirsEdit extends Edit {
  readonly op: 'mkdirs';
  /** Parents before their children. */
  readonly directories: readonly NewDirectory[];
}

export interface CreateEdit extends Edit {
  readonly op: 'create';
  /** Missing parents that are made with the file. */
  readonly directories: readonly NewDirectory[];
  /** The file that is overwritten. */
  readonly replaces?: number;
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly replication: number;
  readonly blockSize: number;
  readonly leaseHolder: string;
}

/** A closed file is opened for more bytes. */
export interface AppendEdit extends Edit {
  readonly op: 'append';
  readonly inode: number;
  readonly leaseHolder: string;
  /** Its last block, when that has room: it is under construction again, by the replicas it has. */
  readonly reopened?: { readonly id: number; readonly expected: readonly ExpectedReplica[] };
}

export interface AddBlockEdit extends Edit {
  readonly op: 'addBlock';
  readonly inode: number;
  readonly previous?: CommittedBlock;
  readonly id: number;
  readonly generationStamp: number;
  /** Position in the file, from 0. */
  readonly index: number;
  readonly expected: readonly ExpectedReplica[];
}

/** The last block of a file is given back unwritten. */
export interface AbandonBlockEdit extends Edit {
  readonly op: 'abandonBlock';
  readonly inode: number;
  readonly block: number;
}

/** A generation stamp is given out, to be used by a pipeline that is being set up again. */
export interface TakeStampEdit extends Edit {
  readonly op: 'takeStamp';
  readonly generationStamp: number;
}

/** A block that is being written continues under a new stamp, on these replicas. */
export interface UpdatePipelineEdit extends Edit {
  readonly op: 'updatePipeline';
  readonly inode: number;
  readonly block: number;
  readonly generationStamp: number;
  readonly length: number;
  readonly expected: readonly ExpectedReplica[];
}

/** The length of a block that is being written becomes known. */
export interface FsyncEdit extends Edit {
  readonly op: 'fsync';
  readonly inode: number;
  readonly block: number;
  readonly length: number;
}

/** The writer has finished a block that lacks its minimum of replicas. */
export interface CommitBlockEdit extends Edit {
  readonly op: 'commitBlock';
  readonly inode: number;
  readonly block: CommittedBlock;
}

/** COMMITTED blocks have reached their minimum of replicas. Logged by the block manager. */
export interface CompleteBlocksEdit extends Edit {
  readonly op: 'completeBlocks';
  readonly blocks: readonly number[];
}

/** The file is complete; its lease ends. */
export interface CloseEdit extends Edit {
  readonly op: 'close';
  readonly inode: number;
  readonly last?: CommittedBlock;
  /** The last block, of which no DataNode has anything. */
  readonly removed?: number;
}

/** The last block of a file whose writer has vanished is to be recovered; until then the NameNode has the file. */
export interface RecoverBlockEdit extends Edit {
  readonly op: 'recoverBlock';
  readonly inode: number;
  readonly block: number;
  readonly recoveryId: number;
  readonly leaseHolder: string;
}

/** A block was recovered; with its minimum of replicas its file is closed. */
export interface FinishRecoveryEdit extends Edit {
  readonly op: 'finishRecovery';
  readonly inode: number;
  readonly block: CommittedBlock;
  readonly expected: readonly ExpectedReplica[];
}

export interface TruncateEdit extends Edit {
  readonly op: 'truncate';
  readonly inode: number;
  readonly newLength: number;
  /** Blocks beyond the new end. */
  readonly removed: readonly number[];
  /** The block that the new end is in. */
  readonly cut?: {
    readonly block: number;
    readonly length: number;
    readonly recoveryId: number;
    readonly expected: readonly ExpectedReplica[];
    readonly leaseHolder: string;
  };
}

/** The blocks of the sources go to the end of the target, in this order; the sources are removed. */
export interface ConcatEdit extends Edit {
  readonly op: 'concat';
  readonly target: number;
  readonly sources: readonly number[];
}

export interface RenameEdit extends Edit {
  readonly op: 'rename';
  readonly id: number;
  readonly toParent: number;
  readonly toName: string;
  /** The file or empty directory at the destination. */
  readonly replaces?: number;
  /** Where that goes instead of being deleted. */
  readonly keptAs?: { readonly parent: number; readonly name: string };
}

export interface SymlinkEdit extends Edit {
  readonly op: 'symlink';
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly owner: string;
  readonly group: string;
  readonly target: string;
}

/** The target holds these blocks from now on, some of them the source's; the source goes, with those that nobody wants. */
export interface ReplaceContentsEdit extends Edit {
  readonly op: 'replaceContents';
  readonly target: number;
  readonly source: number;
  readonly blocks: readonly number[];
}

export interface SetXattrEdit extends Edit {
  readonly op: 'setXattr';
  readonly id: number;
  readonly name: string;
  /** Base64; not set: the attribute is removed. */
  readonly value?: string;
}

/** Takes a file or a tree out of the namespace, in one step; it is taken apart later, by `reap`. */
export interface DeleteEdit extends Edit {
  readonly op: 'delete';
  readonly id: number;
}

/** A slice of what was deleted goes away for good. An inode is listed once nothing belongs to it any more. */
export interface ReapEdit extends Edit {
  readonly op: 'reap';
  readonly blocks: readonly number[];
  readonly inodes: readonly number[];
}

export interface SetReplicationEdit extends Edit {
  readonly op: 'setReplication';
  readonly id: number;
  readonly replication: number;
}

export interface SetPermissionEdit extends Edit {
  readonly op: 'setPermission';
  readonly id: number;
  readonly mode: number;
}

export interface SetOwnerEdit extends Edit {
  readonly op: 'setOwner';
  readonly id: number;
  readonly owner: string;
  readonly group: string;
}

export interface SetTimesEdit extends Edit {
  readonly op: 'setTimes';
  readonly id: number;
  readonly modificationTimeMs: number;
  readonly accessTimeMs: number;
  /** Nanoseconds within the millisecond; not set: 0. */
  readonly modificationTimeNs?: number;
  readonly accessTimeNs?: number;
}

/** All of them, those included that stay as they were. */
export interface SetAttributesEdit extends Edit {
  readonly op: 'setAttributes';
  readonly id: number;
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly modificationTimeMs: number;
  readonly accessTimeMs: number;
  readonly modificationTimeNs: number;
  readonly accessTimeNs: number;
}

/** An administrator's decision about DataNodes. */
export interface SetDatanodeAdminEdit extends Edit {
  readonly op: 'setDatanodeAdmin';
  /** UUIDs. */
  readonly datanodes: readonly string[];
  readonly decision: AdminDecision;
  /** Of maintenance: when it ends by itself; 0: never. */
  readonly expiresMs: number;
}

/** Both quotas of a directory; not set: none. */
export interface SetQuotaEdit extends Edit {
  readonly op: 'setQuota';
  readonly id: number;
  readonly names?: number;
  readonly space?: number;
}

/** After the first quota: what the inodes up to this id are and hold is added to the directories that they are in. */
export interface CountUsageEdit extends Edit {
  readonly op: 'countUsage';
  readonly upTo: number;
}

/** After the last quota: so many rows of the table usage go, of the lowest ids. */
export interface ForgetUsageEdit extends Edit {
  readonly op: 'forgetUsage';
  readonly rows: number;
}

/** A record before it is logged. */
export type Planned<Edit extends EditRecord> = Edit extends EditRecord ? Omit<Edit, 'timeMs' | 'call'> : never;

export type EditRecord =
  | MkdirsEdit
  | CreateEdit
  | AppendEdit
  | AddBlockEdit
  | AbandonBlockEdit
  | TakeStampEdit
  | UpdatePipelineEdit
  | FsyncEdit
  | CommitBlockEdit
  | CompleteBlocksEdit
  | CloseEdit
  | RecoverBlockEdit
  | FinishRecoveryEdit
  | TruncateEdit
  | ConcatEdit
  | RenameEdit
  | SymlinkEdit
  | ReplaceContentsEdit
  | SetXattrEdit
  | DeleteEdit
  | ReapEdit
  | SetReplicationEdit
  | SetPermissionEdit
  | SetOwnerEdit
  | SetTimesEdit
  | SetAttributesEdit
  | SetDatanodeAdminEdit
  | SetQuotaEdit
  | CountUsageEdit
  | ForgetUsageEdit;
