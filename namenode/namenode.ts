/** A NameNode as a process: its directory, its core, and the servers before it, started and stopped in order. */
import type { Network } from '../common/channel.js';
import type { Clock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import type { Disk } from '../common/disk.js';
import type { DfsError } from '../common/errors.js';
import { startHttp } from '../common/http/http-server.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { GrpcServer } from '../common/rpc/grpc-server.js';
import { NamenodeMetrics } from './metrics.js';
import { NamenodeCore } from './namenode-core.js';
import { fsStats } from './stats.js';
import { explainDamage } from './storage/database.js';
import { GroupFiles } from './storage/group-files.js';
import { type NameDirectory, openNameDirectory } from './storage/name-directory.js';
import { WalFolder } from './storage/wal-folder.js';

const EDITS_SEGMENT_BYTES = 64 * 2 ** 20;
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
  let namenode: Namenode | undefined;
  try {
    namenode = new Namenode(options, directory, groups);
    await namenode.listen();
    namenode.start();
    return namenode;
  } catch (error) {
    await (namenode?.stop() ?? directory.close());
    throw explainDamage(error, directory.databasePath);
  }
}

class Namenode implements RunningNamenode {
  rpcPort = 0;
  httpPort = 0;
  readonly #options: NamenodeOptions;
  readonly #metrics = new NamenodeMetrics();
  readonly #core: NamenodeCore;
  readonly #rpc: GrpcServer;
  /** Ends the servers that run, in this order. */
  readonly #servers: (() => Promise<unknown>)[] = [];

  constructor(options: NamenodeOptions, directory: NameDirectory, groups: GroupFiles) {
    const { configuration, logger, onFatal } = options;
    this.#options = options;
    this.#core = new NamenodeCore({
      ...options,
      directory,
      groups,
      folder: new WalFolder(directory.databasePath),
      observer: {
        batch: (records, syncMs) => this.#metrics.batch(records, syncMs),
        batchFailed: () => this.#metrics.batchFailed(),
        fatal: onFatal,
      },
    });
    this.#rpc = new GrpcServer({ logger, maxMessageBytes: configuration.get('ipc.maximum.data.length') });
  }

  get clusterId(): string {
    return this.#core.clusterId;
  }

  async listen(): Promise<void> {
    const { configuration, logger } = this.#options;
    const { journal, blocks, clientProtocol, datanodeProtocol } = this.#core;
    this.#metrics.observe({
      journal,
      isInSafeMode: () => blocks.safeMode.isOn,
      liveDatanodes: () => [...blocks.datanodes.nodes].filter(({ state }) => state === 'live').length,
      stats: () => fsStats(journal, blocks.datanodes),
      pendingReconstructionBlocks: () => blocks.pendingReconstructionBlocks,
    });
    const timedClientProtocol = this.#metrics.timed(clientProtocol);
    const timedDatanodeProtocol = this.#metrics.timed(datanodeProtocol);
    this.#rpc.addService('ClientProtocol', timedClientProtocol);
    this.#rpc.addSessions('ClientProtocol', timedClientProtocol);
    this.#rpc.addService('DatanodeProtocol', timedDatanodeProtocol);
    this.#rpc.addSessions('DatanodeProtocol', timedDatanodeProtocol);
    const rpc = configuration.get('dfs.namenode.rpc-address');
    this.rpcPort = await this.#rpc.listen(rpc.host, rpc.port);
    this.#servers.push(() => this.#rpc.stop(STOP_GRACE_MS));
    const address = configuration.get('dfs.namenode.http-address');
    const http = await startHttp({
      ...address,
      registry: this.#metrics.registry,
      health: () => ({ healthy: true, details: this.#core.facts() }),
      logger,
    });
    this.httpPort = http.port;
    this.#servers.push(() => http.close());
    const addresses = { rpc: `${rpc.host}:${this.rpcPort}`, http: `${address.host}:${this.httpPort}` };
    logger.info({ ...addresses, ...this.#core.facts() }, 'NameNode ready');
  }

  /** Begins the work that nobody asks for. */
  start(): void {
    this.#core.start();
  }

  async stop(): Promise<void> {
    for (const end of this.#servers.splice(0)) await end();
    await this.#core.stop();
  }
}
