import type { Block } from '../../../common/block.js';
import { createLogger } from '../../../common/logging.js';
import { seededRandom } from '../../../common/random.js';
import { ReplicaDigest } from '../../../common/replica-digest.js';
import type { DatanodeDescriptor, StorageDescriptor } from '../../../namenode/datanode-descriptor.js';
import { DatanodeManager, type Registered } from '../../../namenode/datanode-manager.js';
import { changeReplicas, type ReplicaRow } from '../../../namenode/storage/replica-rows.js';
import { BlockState, ReplicaRowState } from '../../../namenode/storage/schema.js';
import type { StorageReport } from '../../../namenode/storage-report.js';
import { FakeClock } from '../../support/fake-clock.js';
import { type JournalFixture, openJournalFixture } from './journal-fixture.js';

export const SILENT = createLogger({ name: 'test', level: 'silent' });
export const STAMP = 1001;
export const LENGTH = 100;

export interface NodeOptions {
  readonly rack?: string;
  readonly host?: string;
  readonly uuid?: string;
  readonly clusterId?: string;
  readonly storages?: readonly StorageReport[];
}

export interface BlockOptions {
  readonly state?: number;
  readonly replication?: number;
  readonly generationStamp?: number;
  readonly length?: number;
  readonly inode?: number;
  readonly expected?: readonly (readonly [string, string])[];
}

/** Tables with blocks and replicas as a test wants them, and a registry of DataNodes. */
export class BlockFixture {
  readonly clock = new FakeClock();
  readonly fixture: JournalFixture = openJournalFixture({ clock: this.clock });
  datanodes = this.#open();

  #open(): DatanodeManager {
    return new DatanodeManager({
      journal: this.fixture.journal,
      clusterId: 'CID-test',
      minMaintenanceReplication: 1,
      clock: this.clock,
      random: seededRandom(1),
      logger: SILENT,
    });
  }

  get journal() {
    return this.fixture.journal;
  }

  get committed() {
    return this.fixture.journal.committed;
  }

  /** As after a restart of the NameNode: what is in the tables is all that is known. */
  reopen(): void {
    this.datanodes = this.#open();
  }

  /** A DataNode `dn-<index>` with the storage `ds-<index>`, which holds what the rows say. */
  async register(index: number, options: NodeOptions = {}): Promise<Registered> {
    const { rack = '/a', host = `host-${index}`, uuid = `dn-${index}`, clusterId = '', storages } = options;
    return await this.datanodes.register({
      uuid,
      address: { host, dataPort: 9866, rpcPort: 9867, httpPort: 9864, rack },
      version: '1',
      clusterId,
      storages: storages ?? [this.report(`ds-${index}`)],
    });
  }

  async node(index: number, options: NodeOptions = {}): Promise<DatanodeDescriptor> {
    return (await this.register(index, options)).node;
  }

  storage(index: number): StorageDescriptor {
    const storage = this.datanodes.node(`dn-${index}`)?.storages.get(`ds-${index}`);
    if (storage === undefined) throw new Error(`there is no storage ds-${index}`);
    return storage;
  }

  /** What a DataNode reports of a storage that holds just what the rows say. */
  report(uuid: string, over: Partial<StorageReport> = {}): StorageReport {
    const sql = 'SELECT replicas, digest FROM storages WHERE uuid = ?';
    const row = this.committed.prepare<[string], { replicas: number; digest: Buffer }>(sql).get(uuid);
    const { replicas, digest } = row ?? { replicas: 0, digest: new ReplicaDigest().toBytes() };
    return { uuid, capacityBytes: 1000, usedBytes: 0, remainingBytes: 1000, failed: false, replicas, digest, ...over };
  }

  async block(id: number, options: BlockOptions = {}): Promise<void> {
    const {
      state = BlockState.COMPLETE,
      replication = 3,
      generationStamp = STAMP,
      length = LENGTH,
      inode = id,
      expected,
    } = options;
    await this.journal.mutate(({ db }) => {
      const sql =
        'INSERT INTO blocks (id, inode, idx, generation_stamp, length, state, replication, expected) VALUES (?, ?, 0, ?, ?, ?, ?, ?)';
      db.prepare(sql).run(
        id,
        inode,
        generationStamp,
        length,
        state,
        replication,
        expected === undefined ? null : JSON.stringify(expected),
      );
    });
  }

  /** A row for a replica of the block in the storage `ds-<index>`. */
  async replica(
    index: number,
    block: number,
    state: number = ReplicaRowState.LIVE,
    over: Partial<Block> = {},
  ): Promise<void> {
    const replica = { blockId: block, generationStamp: STAMP, numBytes: LENGTH, ...over };
    await this.journal.mutate(({ db }) =>
      changeReplicas(db, (changes) => changes.put(this.storage(index).id, replica, state)),
    );
  }

  rows(block: number): ReplicaRow[] {
    return this.committed
      .prepare<[number], ReplicaRow>('SELECT * FROM replicas WHERE block = ? ORDER BY storage')
      .all(block);
  }

  /** State of the replica in `ds-<index>`; undefined when there is no row. */
  state(index: number, block: number): number | undefined {
    return this.rows(block).find(({ storage }) => storage === this.storage(index).id)?.state;
  }

  checks(): number[] {
    return this.committed.prepare('SELECT block FROM redundancy_check ORDER BY block').pluck().all() as number[];
  }

  queue(): Record<number, number> {
    const rows = this.committed.prepare<[], { block: number; priority: number }>('SELECT * FROM low_redundancy').all();
    return Object.fromEntries(rows.map(({ block, priority }) => [block, priority]));
  }

  /** Rows changed so far. */
  rowsChanged(): number {
    return this.fixture.connections.writing.prepare('SELECT total_changes()').pluck().get() as number;
  }

  close(): Promise<void> {
    return this.fixture.close();
  }
}

export const blockOf = (blockId: number, over: Partial<Block> = {}): Block => ({
  blockId,
  generationStamp: STAMP,
  numBytes: LENGTH,
  ...over,
});
