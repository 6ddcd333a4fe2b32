import type { Network } from '../../../common/channel.js';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { type Random, seededRandom } from '../../../common/random.js';
import type { DatanodeProtocolHandlers } from '../../../common/rpc/services.js';
import { BlockManagement } from '../../../namenode/block-management.js';
import type { BlockSettings } from '../../../namenode/block-settings.js';
import { type CheckedBlock, type FsckSummary, fsck } from '../../../namenode/fsck.js';
import { LeaseManager } from '../../../namenode/lease-manager.js';
import type { Namesystem } from '../../../namenode/namesystem.js';
import { addBlock } from '../../../namenode/operations/add-block.js';
import { complete } from '../../../namenode/operations/complete.js';
import { create } from '../../../namenode/operations/create.js';
import { parsePath } from '../../../namenode/paths.js';
import { RetryTime } from '../../../namenode/retry-time.js';
import { datanodeProtocol } from '../../../namenode/rpc/datanode-protocol.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../../../namenode/storage/rows.js';
import { ROOT_INODE_ID } from '../../../namenode/storage/schema.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeDatanode } from './fake-datanode.js';
import { type JournalFixture, openJournalFixture } from './journal-fixture.js';
import { ROOT, SETTINGS } from './namesystem-fixture.js';

export const BLOCK_SETTINGS: BlockSettings = {
  heartbeatIntervalMs: 3_000,
  blockReportIntervalMs: 21_600_000,
  redundancyIntervalMs: 3_000,
  minReplication: 1,
  invalidateLimit: 1000,
  heartbeats: { staleAfterMs: 30_000, deadAfterMs: 630_000, unreachableAfterMs: 0, tickMs: 1_000 },
  replication: { maxStreams: 2, maxStreamsHardLimit: 4, pendingTimeoutMs: 300_000 },
  balancer: {
    continuous: false,
    thresholdPercent: 10,
    intervalMs: 300_000,
    movesPerNodeMax: 5,
    bytesPerNodeMax: 10 * 2 ** 30,
    heartbeatIntervalMs: 3_000,
  },
  admin: { intervalMs: 30_000, minReplication: 1, defaultReplication: 3 },
  minMaintenanceReplication: 1,
  safeMode: { threshold: 0.999, minDatanodes: 0, extensionMs: 30_000, minReplication: 1 },
};

export const BLOCK_BYTES = SETTINGS.blockSizeBytes;
const SILENT = createLogger({ name: 'test', level: 'silent' });

export interface FakeClusterOptions {
  /** One DataNode for each, on that rack. */
  readonly racks: readonly string[];
  readonly seed?: number;
  readonly settings?: Partial<BlockSettings>;
  /** Makes answers get lost, and deletions and reports take their time. */
  readonly trouble?: Random;
  readonly onDeletionOrdered?: (datanode: FakeDatanode, blockId: number) => void;
}

/** What a file was written with. */
export interface WriteOptions {
  readonly replication?: number;
  readonly blocks?: number;
  readonly writerHost?: string;
  readonly bytesPerBlock?: number;
}

/** A NameNode's namespace and block management with fake DataNodes, in virtual time. */
export class FakeCluster {
  readonly clock = new FakeClock();
  readonly datanodes: FakeDatanode[] = [];
  readonly fixture: JournalFixture;
  readonly #options: FakeClusterOptions;
  readonly #settings: BlockSettings;
  #seed: number;
  #management: BlockManagement;
  #protocol: DatanodeProtocolHandlers | undefined;

  private constructor(options: FakeClusterOptions) {
    const { seed = 1, settings = {} } = options;
    this.#options = options;
    this.#seed = seed;
    this.#settings = { ...BLOCK_SETTINGS, ...settings };
    this.fixture = openJournalFixture({ clock: this.clock });
    this.#management = this.#startNamenode();
  }

  /** With all DataNodes registered and safe mode over. */
  static async start(options: FakeClusterOptions): Promise<FakeCluster> {
    const cluster = new FakeCluster(options);
    for (const rack of options.racks) cluster.addDatanode(rack).start();
    await cluster.advance(5_000);
    return cluster;
  }

  addDatanode(rack: string, storageCount = 1): FakeDatanode {
    const world = {
      clock: this.clock,
      trouble: this.#options.trouble,
      onDeletionOrdered: (datanode: FakeDatanode, blockId: number) =>
        this.#options.onDeletionOrdered?.(datanode, blockId),
      protocol: () => this.#protocol,
      peer: (uuid: string) => this.datanodes.find((datanode) => datanode.uuid === uuid),
    };
    const datanode = new FakeDatanode(world, this.datanodes.length, rack, storageCount);
    this.datanodes.push(datanode);
    return datanode;
  }

  get management(): BlockManagement {
    return this.#management;
  }

  get protocol(): DatanodeProtocolHandlers {
    if (this.#protocol === undefined) throw new Error('the NameNode is down');
    return this.#protocol;
  }

  get ns(): Namesystem {
    return {
      journal: this.fixture.journal,
      blocks: this.#management.blocks,
      clock: this.clock,
      retryTime: new RetryTime(this.clock),
      logger: SILENT,
      leases: new LeaseManager({ softLimitMs: 60_000, hardLimitMs: 1_200_000 }),
      settings: SETTINGS,
      onDeleted: () => {},
    };
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Lets time pass until `condition` holds, and returns how much it took; fails after `withinMs`. */
  async waitFor(what: string, condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<number> {
    for (let passedMs = 0; passedMs <= withinMs; passedMs += 1_000) {
      if (await condition()) return passedMs;
      await this.advance(1_000);
    }
    throw new Error(`not within ${withinMs} ms: ${what}`);
  }

  /** Writes a file as a client does: every DataNode of each pipeline takes the block. */
  async write(path: string, options: WriteOptions = {}): Promise<BlockRow[]> {
    const { replication = 3, blocks = 1, writerHost = '', bytesPerBlock = BLOCK_BYTES } = options;
    const { ns } = this;
    const request = { path: parsePath(path), clientName: `client-of-${path}` };
    const { inode } = await create(ns, ROOT, {
      ...request,
      mode: 0o644,
      overwrite: false,
      createParent: true,
      replication,
      blockSizeBytes: BLOCK_BYTES,
    });
    const writer = { ...request, fileId: inode.id };
    let previous: { blockId: number; generationStamp: number; numBytes: number } | undefined;
    for (let i = 0; i < blocks; i++) {
      const located = await addBlock(ns, ROOT, { ...writer, previous, excludeDatanodes: [], writerHost });
      previous = { ...located.block, numBytes: bytesPerBlock };
      for (const { datanodeUuid, storageUuid } of located.locations) {
        const datanode = this.datanodes.find(({ uuid }) => uuid === datanodeUuid);
        datanode?.begin(located.block, storageUuid);
        datanode?.finalize(previous, storageUuid);
      }
      await this.advance(0);
    }
    if (!(await complete(ns, ROOT, { ...writer, lastBlock: previous }))) throw new Error(`${path} was not closed`);
    return this.blocksOf(inode);
  }

  blocksOf(inode: InodeRow): BlockRow[] {
    return this.fixture.journal.committed
      .prepare<[number], BlockRow>('SELECT * FROM blocks WHERE inode = ? ORDER BY idx')
      .all(inode.id);
  }

  /** The whole namespace, as fsck sees it. */
  async check(): Promise<{ summary: FsckSummary; blocks: CheckedBlock[] }> {
    const root = inodeById(this.fixture.journal.committed, ROOT_INODE_ID) as InodeRow;
    const { signal } = new AbortController();
    const { committed } = this.fixture.journal;
    const batches = fsck({ committed, datanodes: this.#management.datanodes, clock: this.clock, signal }, root, '/');
    const blocks: CheckedBlock[] = [];
    for (;;) {
      const next = batches.next();
      await this.advance(0);
      const { done, value } = await next;
      if (done) return { summary: value, blocks };
      for (const file of value) blocks.push(...file.blocks);
    }
  }

  /** DataNodes that hold a replica, whatever the NameNode believes. */
  holders(blockId: number): FakeDatanode[] {
    return this.datanodes.filter((datanode) => datanode.alive && datanode.blocks.includes(blockId));
  }

  /** Ends the NameNode's process and starts it again over the same rows. */
  async restartNamenode(): Promise<void> {
    await this.stopNamenode();
    this.#management = this.#startNamenode();
  }

  async stopNamenode(): Promise<void> {
    this.#protocol = undefined;
    const stopped = this.#management.stop();
    await this.advance(0);
    await stopped;
  }

  async close(): Promise<void> {
    for (const datanode of this.datanodes) datanode.kill();
    await this.stopNamenode();
    await this.fixture.close();
  }

  #startNamenode(): BlockManagement {
    const management = new BlockManagement({
      journal: this.fixture.journal,
      clusterId: 'CID-test',
      settings: this.#settings,
      clock: this.clock,
      random: seededRandom(this.#seed++),
      network: this.#network(),
      logger: SILENT,
    });
    const { heartbeatIntervalMs, blockReportIntervalMs } = this.#settings;
    this.#protocol = datanodeProtocol({
      commitSynchronization: async () => {},
      service: management.service,
      clusterId: 'CID-test',
      heartbeatIntervalMs,
      blockReportIntervalMs,
    });
    management.start();
    return management;
  }

  /** Ports answer as long as the process lives. */
  #network(): Network {
    const reachable = (host: string): boolean =>
      this.datanodes.some((datanode) => datanode.host === host && datanode.alive);
    return {
      async connect(host) {
        if (!reachable(host)) throw new DfsError('ConnectionLost', `nobody answers at ${host}`);
        return { destroy() {} } as never;
      },
      listen() {
        throw new Error('not needed');
      },
    };
  }
}
