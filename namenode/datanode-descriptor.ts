/** What the NameNode knows of each DataNode and its storages, in memory. */
import type { Location } from './blocks.js';
import { ScheduledWrites } from './scheduled-writes.js';
import type { StorageReport } from './storage-report.js';

/** `stale`: its heartbeats are late. `dead`: they have been missing for so long that its replicas are given up. */
export type DatanodeState = 'live' | 'stale' | 'dead';

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

  location(storageUuid: string): Location {
    return { datanodeUuid: this.uuid, storageUuid, ...this.address };
  }
}
