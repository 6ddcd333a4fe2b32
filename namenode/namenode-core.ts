/** A NameNode without its servers: everything behind the calls. Reached over gRPC in a process (namenode.ts), directly in a simulation. */
import { userInfo } from 'node:os';
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import type { Disk } from '../common/disk.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import type { ClientProtocolHandlers, DatanodeProtocolHandlers } from '../common/rpc/services.js';
import { VERSION } from '../common/version.js';
import { BlockManagement } from './block-management.js';
import { blockSettings } from './block-settings.js';
import type { Journal } from './journal.js';
import { LeaseManager } from './lease-manager.js';
import { LeaseMonitor } from './lease-monitor.js';
import type { Namesystem } from './namesystem.js';
import { namesystemSettings } from './namesystem-settings.js';
import { commitBlockSynchronization } from './operations/block-recovery.js';
import { repeat } from './periodic.js';
import { countForQuotas } from './quota-counting.js';
import { Reaper } from './reaper.js';
import { ResourceChecker } from './resource-checker.js';
import { RetryTime } from './retry-time.js';
import type { CallerSettings } from './rpc/callers.js';
import { clientProtocol } from './rpc/client-protocol.js';
import { clusterHandlers } from './rpc/cluster-handlers.js';
import { datanodeProtocol } from './rpc/datanode-protocol.js';
import { Checkpointer } from './storage/checkpoint.js';
import { GroupCommitJournal, type JournalObserver } from './storage/group-commit.js';
import type { GroupFiles } from './storage/group-files.js';
import type { NameDirectory } from './storage/name-directory.js';
import type { WalFolder } from './storage/wal-folder.js';

const WAL_BYTES_MAX = 64 * 2 ** 20;
/** Of a file's way to three disks it is a small part, and batches have twice as many operations (docs/performance.md). */
const BATCH_INTERVAL_MS = 4;
const CHECKPOINT_TICK_MS = 1_000;
const LEASE_TICK_MS = 2_000;
const LEFTOVERS_TICK_MS = 1_000;
const GROUPS_RELOAD_MS = 300_000;

export interface NamenodeCoreOptions {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly logger: Logger;
  /** Opened; belongs to the core from now on. */
  readonly directory: NameDirectory;
  readonly groups: GroupFiles;
  /** Of the directory's database; belongs to the core from now on. */
  readonly folder: Pick<WalFolder, 'fold' | 'close'>;
  readonly observer: JournalObserver;
}

/** The user who runs this process; by number where the machine has no name for it. */
export function superuserName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

export class NamenodeCore {
  readonly clientProtocol: ClientProtocolHandlers;
  readonly datanodeProtocol: DatanodeProtocolHandlers;
  readonly blocks: BlockManagement;
  readonly #options: NamenodeCoreOptions;
  readonly #journal: GroupCommitJournal;
  readonly #ns: Namesystem;
  readonly #reaper: Reaper;
  readonly #resources: ResourceChecker;
  readonly #checkpointer: Checkpointer;
  readonly #stopped = new AbortController();
  #rounds: Promise<unknown> = Promise.resolve();

  constructor(options: NamenodeCoreOptions) {
    const { configuration, clock, random, network, logger, disk, directory } = options;
    this.#options = options;
    this.#journal = this.#openJournal();
    this.blocks = new BlockManagement({
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
      onResult: (reason) => this.blocks.safeMode.setLowResources(reason),
    });
    this.#ns = {
      journal: this.#journal,
      blocks: this.blocks.blocks,
      leases: new LeaseManager({
        softLimitMs: configuration.get('dfs.namenode.lease-soft-limit-sec'),
        hardLimitMs: configuration.get('dfs.namenode.lease-hard-limit-sec'),
      }),
      clock,
      retryTime: new RetryTime(clock),
      logger,
      settings: namesystemSettings(configuration),
      onDeleted: () => this.#reaper.wake(),
    };
    this.#reaper = new Reaper(this.#ns);
    this.#checkpointer = this.#newCheckpointer();
    this.clientProtocol = this.#newClientProtocol();
    this.datanodeProtocol = this.#newDatanodeProtocol();
  }

  get clusterId(): string {
    return this.#options.directory.clusterId;
  }

  get journal(): Journal {
    return this.#journal;
  }

  /** Begins the work that nobody asks for. */
  start(): void {
    const { configuration, clock, logger, groups } = this.#options;
    const leases = new LeaseMonitor(this.#ns);
    const periodic = { clock, logger, signal: this.#stopped.signal };
    const checkMs = configuration.get('dfs.namenode.resource.check.interval');
    this.#rounds = Promise.all([
      repeat(periodic, 'looking at the free space', checkMs, () => this.#resources.check()),
      repeat(periodic, 'the checkpoint', CHECKPOINT_TICK_MS, () => this.#checkpointer.tick()),
      repeat(periodic, 'looking for silent writers', LEASE_TICK_MS, () => leases.tick()),
      repeat(periodic, 'removing deleted files, or counting for quotas', LEFTOVERS_TICK_MS, async () => {
        this.#reaper.wake();
        await countForQuotas(this.#ns, this.#stopped.signal);
      }),
      repeat(periodic, 'reading the groups', GROUPS_RELOAD_MS, () => groups.load(logger)),
    ]);
    this.blocks.start();
  }

  /** Once no more calls come: makes everything durable, and lets the directory go. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.blocks.stop();
    await this.#reaper.stop();
    await this.#rounds;
    await this.#journal.close();
    await this.#options.folder.close();
    await this.#options.directory.close();
  }

  /** For people and probes. */
  facts(): Record<string, unknown> {
    const { counters, lastTxid } = this.#journal;
    const { files, directories, blocks } = counters;
    const safeMode = this.blocks.safeMode.isOn;
    return { clusterId: this.clusterId, version: VERSION, lastTxid, files, directories, blocks, safeMode };
  }

  #openJournal(): GroupCommitJournal {
    const { clock, logger, observer, directory } = this.#options;
    const { connections, log } = directory;
    return new GroupCommitJournal({
      db: connections.writing,
      committed: connections.reading,
      log,
      clock,
      logger,
      batchIntervalMs: BATCH_INTERVAL_MS,
      observer: {
        batch: (records, syncMs) => observer.batch(records, syncMs),
        batchFailed: (error) => {
          observer.batchFailed(error);
          this.#resources.failed(error);
        },
        fatal: (error) => observer.fatal(error),
      },
    });
  }

  #newCheckpointer(): Checkpointer {
    const { configuration, disk, clock, logger, directory, folder } = this.#options;
    return new Checkpointer({
      journal: this.#journal,
      log: directory.log,
      folder,
      disk,
      databasePath: directory.databasePath,
      clock,
      logger,
      periodMs: configuration.get('dfs.namenode.checkpoint.period'),
      transactionsMax: configuration.get('dfs.namenode.checkpoint.txns'),
      walBytesMax: WAL_BYTES_MAX,
      retainedTransactions: configuration.get('dfs.namenode.num.extra.edits.retained'),
    });
  }

  #newClientProtocol(): ClientProtocolHandlers {
    const callers = this.#callers();
    return clientProtocol({
      ns: this.#ns,
      callers,
      clusterId: this.clusterId,
      cluster: clusterHandlers(this.#ns, this.blocks, callers),
      saveNamespace: () => this.#checkpointer.saveNamespace(),
    });
  }

  #newDatanodeProtocol(): DatanodeProtocolHandlers {
    const { heartbeatIntervalMs, blockReportIntervalMs } = blockSettings(this.#options.configuration);
    const { clusterId } = this;
    return datanodeProtocol({
      service: this.blocks.service,
      clusterId,
      commitSynchronization: (result) => commitBlockSynchronization(this.#ns, result),
      heartbeatIntervalMs,
      blockReportIntervalMs,
    });
  }

  #callers(): CallerSettings {
    const { configuration, groups } = this.#options;
    return {
      superuser: superuserName(),
      supergroup: configuration.get('dfs.permissions.superusergroup'),
      permissionsEnabled: configuration.get('dfs.permissions.enabled'),
      groups: () => groups.groups,
    };
  }
}
