/**
 * The registry of DataNodes: who they are, where they are reached, which storages they have. The rows behind it survive a restart of the
 * NameNode, so that replica rows keep their owners; whether a DataNode is there is only known once it has registered.
 */
import type { Database } from 'better-sqlite3';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { type Random, uuid } from '../common/random.js';
import type { Target } from './blocks.js';
import { type Address, DatanodeDescriptor, StorageDescriptor, type StorageTrust } from './datanode-descriptor.js';
import type { Journal } from './journal.js';
import * as rows from './storage/datanode-rows.js';
import { AdminDecision } from './storage/schema.js';
import { compareDigest, type StorageReport } from './storage-report.js';

export interface Registration {
  readonly uuid: string;
  readonly address: Address;
  readonly version: string;
  /** Empty: the DataNode has no cluster yet. */
  readonly clusterId: string;
  readonly storages: readonly StorageReport[];
}

export interface Registered {
  readonly node: DatanodeDescriptor;
  readonly registrationId: string;
  /** Storages whose replicas count now, or count on another rack, and did not before: their blocks have to be looked at. */
  readonly changed: readonly StorageDescriptor[];
  /** DataNodes that are gone, because this one stands at their address. */
  readonly replaced: readonly DatanodeDescriptor[];
}

export interface DatanodeManagerOptions {
  readonly journal: Journal;
  readonly clusterId: string;
  /** dfs.namenode.maintenance.replication.min */
  readonly minMaintenanceReplication: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class DatanodeManager {
  readonly #options: DatanodeManagerOptions;
  readonly #nodes = new Map<string, DatanodeDescriptor>();
  readonly #storages = new Map<number, StorageDescriptor>();

  constructor(options: DatanodeManagerOptions) {
    this.#options = options;
    this.#load(options.journal.committed);
  }

  #load(db: Database): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const row of rows.allDatanodes(db)) {
      const { host, data_port: dataPort, rpc_port: rpcPort, http_port: httpPort, rack } = row;
      const node = new DatanodeDescriptor(row.uuid, { host, dataPort, rpcPort, httpPort, rack }, nowMs);
      if (row.dead === 1) node.state = 'dead';
      decideFrom(rows.adminRow(db, row.uuid), node);
      this.#nodes.set(row.uuid, node);
    }
    for (const row of rows.allStorages(db)) {
      const node = this.#nodes.get(row.datanode);
      if (node !== undefined) this.#addStorage(row.id, row.uuid, node);
    }
  }

  /** Live replicas that a block keeps however many of its replicas are in maintenance; no more than its file asks for. */
  get minMaintenanceReplication(): number {
    return this.#options.minMaintenanceReplication;
  }

  get nodes(): Iterable<DatanodeDescriptor> {
    return this.#nodes.values();
  }

  get storages(): Iterable<StorageDescriptor> {
    return this.#storages.values();
  }

  node(uuidOfNode: string): DatanodeDescriptor | undefined {
    return this.#nodes.get(uuidOfNode);
  }

  storage(id: number): StorageDescriptor | undefined {
    return this.#storages.get(id);
  }

  /** The storage of a target, while it belongs to that DataNode. */
  storageOf({ datanodeUuid, storageUuid }: Target): StorageDescriptor | undefined {
    return this.#nodes.get(datanodeUuid)?.storages.get(storageUuid);
  }

  /** The DataNode of a message, if it was sent under the DataNode's current registration. */
  registered(uuidOfNode: string, registrationId: string): DatanodeDescriptor | undefined {
    const node = this.#nodes.get(uuidOfNode);
    return node !== undefined && node.registrationId === registrationId ? node : undefined;
  }

  /** Number of racks with a DataNode that takes blocks. */
  get rackCount(): number {
    const racks = new Set<string>();
    for (const node of this.#nodes.values()) if (node.takesBlocks) racks.add(node.address.rack);
    return racks.size;
  }

  /**
   * Takes in a DataNode. An earlier registration of it ends; another DataNode that was at its address is gone for good.
   * @throws DfsError `WrongCluster`.
   */
  async register(registration: Registration): Promise<Registered> {
    this.#requireSameCluster(registration);
    const { replaced, storages, admin } = await this.#options.journal.mutate(({ db }) =>
      saveRegistration(db, registration),
    );
    const gone = replaced.map((id) => this.#forget(id)).filter((node) => node !== undefined);
    const { node, changed } = this.#remember(registration, storages);
    decideFrom(admin, node);
    return { node, registrationId: node.registrationId as string, changed, replaced: gone };
  }

  /**
   * The DataNodes that a person means by `host:port`, a host or a UUID.
   * @throws DfsError `InvalidArgument` when there is none.
   */
  named(name: string): DatanodeDescriptor[] {
    const found = [...this.#nodes.values()].filter(
      ({ uuid: id, name: address, address: { host } }) => name === id || name === address || name === host,
    );
    if (found.length > 0) return found;
    throw new DfsError(
      'InvalidArgument',
      `No DataNode is known as ${name}. The names are those in dfs report: host:port, or host`,
    );
  }

  /** Lets go of a DataNode whose row has been removed. */
  forget(node: DatanodeDescriptor): void {
    this.#forget(node.uuid);
  }

  /** Remembers beyond a restart that a DataNode is dead, so that the next start does not wait for it. */
  saveDead(node: DatanodeDescriptor): Promise<void> {
    return this.#options.journal.mutate(({ db }) => {
      if (node.state === 'dead') rows.setDead(db, node.uuid);
    });
  }

  #requireSameCluster({ uuid: id, address, clusterId }: Registration): void {
    const own = this.#options.clusterId;
    if (clusterId === '' || clusterId === own) return;
    throw new DfsError(
      'WrongCluster',
      `DataNode ${id} at ${address.host}:${address.dataPort} belongs to cluster ${clusterId}, this NameNode to cluster ${own}: ` +
        'point the DataNode to its own NameNode, or give it empty directories',
    );
  }

  #forget(id: string): DatanodeDescriptor | undefined {
    const node = this.#nodes.get(id);
    if (node === undefined) return undefined;
    node.state = 'dead';
    node.registrationId = undefined;
    for (const storage of node.storages.values()) this.#storages.delete(storage.id);
    this.#nodes.delete(id);
    return node;
  }

  #remember(registration: Registration, claimed: readonly Claimed[]): Pick<Registered, 'node' | 'changed'> {
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    let node = this.#nodes.get(registration.uuid);
    if (node === undefined) {
      node = new DatanodeDescriptor(registration.uuid, registration.address, nowMs);
      this.#nodes.set(registration.uuid, node);
    }
    const countedBefore = new Set([...node.storages.values()].filter((storage) => storage.counts));
    const moved = node.address.rack !== registration.address.rack;
    node.address = registration.address;
    node.version = registration.version;
    node.registrationId = uuid(random);
    node.state = 'live';
    node.lastContactMs = nowMs;
    node.lastReportNumber = 0;
    for (const storage of node.storages.values()) storage.gone(); // those that it still has are set right below
    for (const { row, report, trust } of claimed) updateStorage(this.#claim(row, node), report, trust);
    // One that is `unknown` now is looked at once its report has been processed.
    const changed = [...node.storages.values()].filter((storage) =>
      storage.counts ? moved || !countedBefore.has(storage) : storage.failed && countedBefore.has(storage),
    );
    return { node, changed };
  }

  #claim(row: rows.StorageRow, node: DatanodeDescriptor): StorageDescriptor {
    const known = this.#storages.get(row.id);
    if (known === undefined) return this.#addStorage(row.id, row.uuid, node);
    if (known.datanode !== node) {
      known.datanode.storages.delete(known.uuid);
      known.datanode = node;
      node.storages.set(known.uuid, known);
    }
    return known;
  }

  #addStorage(id: number, uuidOfStorage: string, node: DatanodeDescriptor): StorageDescriptor {
    const storage = new StorageDescriptor(id, uuidOfStorage, node);
    this.#storages.set(id, storage);
    node.storages.set(uuidOfStorage, storage);
    return storage;
  }
}

/** The row of a storage, and whether what it says is what the DataNode reported. */
interface Claimed {
  readonly row: rows.StorageRow;
  readonly report: StorageReport;
  readonly trust: StorageTrust;
}

interface Saved {
  readonly replaced: string[];
  readonly storages: Claimed[];
  readonly admin: rows.DatanodeAdminRow | undefined;
}

function saveRegistration(db: Database, registration: Registration): Saved {
  const { uuid: id, address } = registration;
  const replaced = rows.removeOthersAt(db, address.host, address.dataPort, id);
  const { host, dataPort, rpcPort, httpPort, rack } = address;
  rows.putDatanode(db, { uuid: id, host, data_port: dataPort, rpc_port: rpcPort, http_port: httpPort, rack, dead: 0 });
  const storages = registration.storages.map((report) => {
    const row = rows.claimStorage(db, report.uuid, id);
    return { row, report, trust: compareDigest(row, report) === 'equal' ? 'verified' : 'unknown' } as const;
  });
  return { replaced, storages, admin: rows.adminRow(db, id) };
}

/** What an administrator has decided about a DataNode is what this row says. */
export function decideFrom(row: rows.DatanodeAdminRow | undefined, node: DatanodeDescriptor): void {
  node.decide(row?.decision ?? AdminDecision.NORMAL, row?.expires_ms ?? 0);
}

function updateStorage(storage: StorageDescriptor, report: StorageReport, trust: StorageTrust): void {
  storage.update(report);
  if (!report.failed) storage.trust = trust;
  storage.mismatches = 0;
}
