/** What the NameNode knows of each DataNode and its storages, in memory. */
import type { Location } from './blocks.js';
import { ScheduledWrites } from './scheduled-writes.js';
import { AdminDecision } from './storage/schema.js';
import type { StorageReport } from './storage-report.js';

/** `stale`: its heartbeats are late. `dead`: they have been missing for so long that its replicas are given up. */
export type DatanodeState = 'live' | 'stale' | 'dead';

/**
 * What an administrator wants of a DataNode, and how far that is (HDFS's DatanodeInfo.AdminStates).
 *
 * A `decommission…` DataNode gets no new blocks, and its replicas do not count: they are only good for reading and as sources of copies. Once
 * nothing would be lost without it, it is `decommissioned`. The replicas of one in maintenance do count, whether it is there or not, as long
 * as dfs.namenode.maintenance.replication.min others are live; once they are, it is `in-maintenance`.
 */
export type AdminState =
  | 'normal'
  | 'decommission-in-progress'
  | 'decommissioned'
  | 'entering-maintenance'
  | 'in-maintenance';

/**
 * What the rows of a storage are worth.
 * - `unknown`: nothing was heard of what it holds since its DataNode registered; its replicas do not count.
 * - `reported`: its full report has been processed, or its digest has come to differ: good enough to read from and to count.
 * - `verified`: its digest was equal when last compared: good enough to delete other replicas because of those it has.
 */
export type StorageTrust = 'unknown' | 'reported' | 'verified';

export interface Address {
  readonly host: string;
  readonly dataPort: number;
  readonly rpcPort: number;
  readonly httpPort: number;
  readonly rack: string;
}

/** One directory on one disk of a DataNode. */
export class StorageDescriptor {
  /** Row id, which replica rows refer to. */
  readonly id: number;
  readonly uuid: string;
  /** Of the DataNode that has it now; a disk can move to another one. */
  datanode: DatanodeDescriptor;
  capacityBytes = 0;
  usedBytes = 0;
  remainingBytes = 0;
  /** Out of order, or missing from its DataNode's last message. */
  failed = false;
  trust: StorageTrust = 'unknown';
  /** Heartbeats in a row with a digest that differs. */
  mismatches = 0;
  readonly scheduled = new ScheduledWrites();

  constructor(id: number, uuid: string, datanode: DatanodeDescriptor) {
    this.id = id;
    this.uuid = uuid;
    this.datanode = datanode;
  }

  update({ capacityBytes, usedBytes, remainingBytes, failed }: StorageReport): void {
    this.capacityBytes = capacityBytes;
    this.usedBytes = usedBytes;
    this.remainingBytes = remainingBytes;
    this.failed = failed;
    if (failed) this.trust = 'unknown';
  }

  /** Its DataNode does not mention it any more. */
  gone(): void {
    this.failed = true;
    this.trust = 'unknown';
  }

  /** Whether its replicas count as being there. */
  get counts(): boolean {
    return this.datanode.inService && !this.failed && this.trust !== 'unknown';
  }

  /** Whether it is away, as an administrator said that it would be: its replicas can be counted on, but not read. */
  get isAway(): boolean {
    return this.datanode.isMaintenance && !this.datanode.inService && !this.failed;
  }

  /** Whether its replicas are so sure that others may be deleted because of them. */
  get isSure(): boolean {
    return this.counts && this.datanode.state === 'live' && this.trust === 'verified';
  }
}

export class DatanodeDescriptor {
  readonly uuid: string;
  address: Address;
  version = '';
  /** Names the current registration; undefined until the first one since this process started, and once dead. */
  registrationId: string | undefined;
  state: DatanodeState = 'stale';
  adminState: AdminState = 'normal';
  /** When maintenance ends by itself, in wall-clock milliseconds; 0: never. */
  maintenanceExpiresMs = 0;
  /** Monotonic time of the last heartbeat; before the first one: when this process started. */
  lastContactMs: number;
  readonly storages = new Map<string, StorageDescriptor>();
  activeTransfers = 0;
  maxTransfers = 0;
  failedVolumes = 0;
  /** Number of the last incremental report that was processed in this registration. */
  lastReportNumber = 0;

  constructor(uuid: string, address: Address, nowMs: number) {
    this.uuid = uuid;
    this.address = address;
    this.lastContactMs = nowMs;
  }

  /** `host:port` of its data plane. */
  get name(): string {
    const { host, dataPort } = this.address;
    return host.includes(':') ? `[${host}]:${dataPort}` : `${host}:${dataPort}`;
  }

  get inService(): boolean {
    return this.registrationId !== undefined && this.state !== 'dead';
  }

  /** Whether new replicas may go there. */
  get takesBlocks(): boolean {
    return this.inService && this.adminState === 'normal';
  }

  get isDecommission(): boolean {
    return this.adminState === 'decommission-in-progress' || this.adminState === 'decommissioned';
  }

  get isMaintenance(): boolean {
    return this.adminState === 'entering-maintenance' || this.adminState === 'in-maintenance';
  }

  /** Takes in an administrator's decision. What is as decided already goes on as it is. */
  decide(decision: AdminDecision, expiresMs: number): void {
    this.maintenanceExpiresMs = decision === AdminDecision.MAINTENANCE ? expiresMs : 0;
    if (decision === AdminDecision.NORMAL) this.adminState = 'normal';
    else if (decision === AdminDecision.DECOMMISSION && !this.isDecommission)
      this.adminState = 'decommission-in-progress';
    else if (decision === AdminDecision.MAINTENANCE && !this.isMaintenance) this.adminState = 'entering-maintenance';
  }

  location(storageUuid: string): Location {
    return { datanodeUuid: this.uuid, storageUuid, ...this.address };
  }
}
