/** A NameNode: its parts put together, started and stopped in order. */
import { userInfo } from 'node:os';
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import type { Disk } from '../common/disk.js';
import type { DfsError } from '../common/errors.js';
import { startHttp } from '../common/http/http-server.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { GrpcServer } from '../common/rpc/grpc-server.js';
import type { DatanodeProtocolHandlers } from '../common/rpc/services.js';
import { VERSION } from '../common/version.js';
import { BlockManagement } from './block-management.js';
import { blockSettings } from './block-settings.js';
import { LeaseManager } from './lease-manager.js';
import { LeaseMonitor } from './lease-monitor.js';
import { NamenodeMetrics } from './metrics.js';
import type { Namesystem } from './namesystem.js';
import { namesystemSettings } from './namesystem-settings.js';
import { repeat } from './periodic.js';
import { Reaper } from './reaper.js';
import { ResourceChecker } from './resource-checker.js';
import type { CallerSettings } from './rpc/callers.js';
import { clientProtocol } from './rpc/client-protocol.js';
import { clusterHandlers } from './rpc/cluster-handlers.js';
import { datanodeProtocol } from './rpc/datanode-protocol.js';
import { Checkpointer } from './storage/checkpoint.js';
import { GroupCommitJournal } from './storage/group-commit.js';
import { GroupFiles } from './storage/group-files.js';
import { type NameDirectory, openNameDirectory } from './storage/name-directory.js';
import { WalFolder } from './storage/wal-folder.js';

const EDITS_SEGMENT_BYTES = 64 * 2 ** 20;
const WAL_BYTES_MAX = 64 * 2 ** 20;
const CHECKPOINT_TICK_MS = 1_000;
const LEASE_TICK_MS = 2_000;
const REAPER_TICK_MS = 1_000;
const GROUPS_RELOAD_MS = 300_000;
/** How long calls that are running at a stop may take to end. */
const STOP_GRACE_MS = 5_000;

export interface NamenodeOptions {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly logger: Logger;
  /** The NameNode cannot go on: end the process. */
  readonly onFatal: (error: DfsError) => void;
}

export interface RunningNamenode {
  readonly clusterId: string;
  /** The ports that were really taken. */
  readonly rpcPort: number;
  readonly httpPort: number;
  /** Takes no more calls, makes everything durable, lets the directory go. */
  stop(): Promise<void>;
}

/**
 * @throws DfsError `InvalidConfiguration` (not formatted, a bad setting), `DirectoryLocked`, `DamagedMetadata`, `PortInUse`.
 */
export async function startNamenode(options: NamenodeOptions): Promise<RunningNamenode> {
  const { configuration, disk, logger } = options;
  const groups = new GroupFiles(disk, configuration.get('hadoop.user.group.static.mapping.overrides'));
  await groups.load(logger);
  const directory = await openNameDirectory({
    disk,
    directory: configuration.get('dfs.namenode.name.dir'),
    segmentBytesMax: EDITS_SEGMENT_BYTES,
    logger,
  });
  const namenode = new Namenode(options, directory, groups);
  try {
    await namenode.listen();
  } catch (error) {
    await namenode.stop();
    throw error;
  }
  namenode.start();
  return namenode;
}

/** The user who runs this process; by number where the machine has no name for it. */
export function superuserName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

class Namenode implements RunningNamenode {
  rpcPort = 0;
  httpPort = 0;
  readonly #options: NamenodeOptions;
  readonly #directory: NameDirectory;
  readonly #groups: GroupFiles;
  readonly #metrics = new NamenodeMetrics();
  readonly #journal: GroupCommitJournal;
  readonly #blocks: BlockManagement;
  readonly #ns: Namesystem;
  readonly #reaper: Reaper;
  readonly #resources: ResourceChecker;
  readonly #folder: WalFolder;
  readonly #checkpointer: Checkpointer;
  readonly #rpc: GrpcServer;
  readonly #stopped = new AbortController();
  /** Ends what was started, in this order. */
  readonly #running: (() => Promise<unknown>)[] = [];

  constructor(options: NamenodeOptions, directory: NameDirectory, groups: GroupFiles) {
    const { configuration, clock, random, network, logger, disk } = options;
    this.#options = options;
    this.#directory = directory;
    this.#groups = groups;
    this.#journal = this.#openJournal();
    this.#blocks = new BlockManagement({
      journal: this.#journal,
      clusterId: directory.clusterId,
      settings: blockSettings(configuration),
      clock,
      random,
      network,
      logger,
    });
    this.#resources = new ResourceChecker({
      disk,
      directory: directory.currentPath,
      reservedBytes: configuration.get('dfs.namenode.resource.du.reserved'),
      onResult: (reason) => this.#blocks.safeMode.setLowResources(reason),
    });
    this.#ns = {
      journal: this.#journal,
      blocks: this.#blocks.blocks,
      leases: new LeaseManager({
        softLimitMs: configuration.get('dfs.namenode.lease-soft-limit-sec'),
        hardLimitMs: configuration.get('dfs.namenode.lease-hard-limit-sec'),
      }),
      clock,
      logger,
      settings: namesystemSettings(configuration),
      onDeleted: () => this.#reaper.wake(),
    };
    this.#reaper = new Reaper(this.#ns);
    this.#folder = new WalFolder(directory.databasePath);
    this.#checkpointer = this.#newCheckpointer();
    this.#rpc = new GrpcServer({ logger, maxMessageBytes: configuration.get('ipc.maximum.data.length') });
  }

  get clusterId(): string {
    return this.#directory.clusterId;
  }

  async listen(): Promise<void> {
    const { configuration, logger } = this.#options;
    this.#metrics.observe({
      journal: this.#journal,
      isInSafeMode: () => this.#blocks.safeMode.isOn,
      liveDatanodes: () => [...this.#blocks.datanodes.nodes].filter(({ state }) => state === 'live').length,
    });
    this.#addServices();
    const rpc = configuration.get('dfs.namenode.rpc-address');
    this.rpcPort = await this.#rpc.listen(rpc.host, rpc.port);
    this.#running.push(() => this.#rpc.stop(STOP_GRACE_MS));
    const address = configuration.get('dfs.namenode.http-address');
    const http = await startHttp({
      ...address,
      registry: this.#metrics.registry,
      health: () => ({ healthy: true, details: this.#facts() }),
      logger,
    });
    this.httpPort = http.port;
    this.#running.push(() => http.close());
    const addresses = { rpc: `${rpc.host}:${this.rpcPort}`, http: `${address.host}:${this.httpPort}` };
    logger.info({ ...addresses, ...this.#facts() }, 'NameNode ready');
  }

  /** Begins the work that nobody asks for. */
  start(): void {
    const { configuration, clock, logger } = this.#options;
    const leases = new LeaseMonitor(this.#ns);
    const periodic = { clock, logger, signal: this.#stopped.signal };
    const checkMs = configuration.get('dfs.namenode.resource.check.interval');
    const rounds = Promise.all([
      repeat(periodic, 'looking at the free space', checkMs, () => this.#resources.check()),
      repeat(periodic, 'the checkpoint', CHECKPOINT_TICK_MS, () => this.#checkpointer.tick()),
      repeat(periodic, 'looking for silent writers', LEASE_TICK_MS, () => leases.tick()),
      repeat(periodic, 'removing deleted files', REAPER_TICK_MS, () => this.#reaper.wake()),
      repeat(periodic, 'reading the groups', GROUPS_RELOAD_MS, () => this.#groups.load(logger)),
    ]);
    this.#blocks.start();
    this.#running.push(
      () => this.#blocks.stop(),
      () => this.#reaper.stop(),
      () => rounds,
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const end of this.#running.splice(0)) await end();
    await this.#journal.close();
    await this.#folder.close();
    await this.#directory.close();
  }

  #openJournal(): GroupCommitJournal {
    const { clock, logger, onFatal } = this.#options;
    const { connections, log } = this.#directory;
    return new GroupCommitJournal({
      db: connections.writing,
      committed: connections.reading,
      log,
      clock,
      logger,
      observer: {
        batch: (_operations, records, syncMs) => this.#metrics.batch(records, syncMs),
        batchFailed: (error) => {
          this.#metrics.batchFailed();
          this.#resources.failed(error);
        },
        fatal: onFatal,
      },
    });
  }

  #newCheckpointer(): Checkpointer {
    const { configuration, disk, clock, logger } = this.#options;
    return new Checkpointer({
      journal: this.#journal,
      log: this.#directory.log,
      folder: this.#folder,
      disk,
      databasePath: this.#directory.databasePath,
      clock,
      logger,
      periodMs: configuration.get('dfs.namenode.checkpoint.period'),
      transactionsMax: configuration.get('dfs.namenode.checkpoint.txns'),
      walBytesMax: WAL_BYTES_MAX,
      retainedTransactions: configuration.get('dfs.namenode.num.extra.edits.retained'),
    });
  }

  #addServices(): void {
    const callers = this.#callers();
    const client = clientProtocol({
      ns: this.#ns,
      callers,
      clusterId: this.clusterId,
      cluster: clusterHandlers(this.#ns, this.#blocks, callers),
      saveNamespace: () => this.#checkpointer.saveNamespace(),
    });
    this.#rpc.addService('ClientProtocol', this.#metrics.timed(client));
    this.#rpc.addService('DatanodeProtocol', this.#metrics.timed(this.#datanodeProtocol()));
  }

  #datanodeProtocol(): DatanodeProtocolHandlers {
    const { heartbeatIntervalMs, blockReportIntervalMs } = blockSettings(this.#options.configuration);
    const { clusterId } = this;
    return datanodeProtocol({ service: this.#blocks.service, clusterId, heartbeatIntervalMs, blockReportIntervalMs });
  }

  #callers(): CallerSettings {
    const { configuration } = this.#options;
    return {
      superuser: superuserName(),
      supergroup: configuration.get('dfs.permissions.superusergroup'),
      permissionsEnabled: configuration.get('dfs.permissions.enabled'),
      groups: () => this.#groups.groups,
    };
  }

  #facts(): Record<string, unknown> {
    const { counters, lastTxid } = this.#journal;
    const { files, directories, blocks } = counters;
    const safeMode = this.#blocks.safeMode.isOn;
    return { clusterId: this.clusterId, version: VERSION, lastTxid, files, directories, blocks, safeMode };
  }
}
