/** A real NameNode and real DataNodes in this process: TCP, gRPC and files, on free ports and in a directory of their own. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSystem } from '../../../client/index.js';
import type { Channel, Network } from '../../../common/channel.js';
import { systemClock } from '../../../common/clock.js';
import { loadConfiguration } from '../../../common/config/configuration.js';
import type { Disk } from '../../../common/disk.js';
import type { DfsError } from '../../../common/errors.js';
import { lockDirectory } from '../../../common/lock-file.js';
import { createLogger } from '../../../common/logging.js';
import { nodeDisk } from '../../../common/node-disk.js';
import { systemRandom } from '../../../common/random.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import { tcpNetwork } from '../../../common/tcp-channel.js';
import { Datanode } from '../../../datanode/datanode.js';
import { datanodeSettings } from '../../../datanode/datanode-settings.js';
import type { RunningNamenode } from '../../../namenode/namenode.js';
import { startNamenode } from '../../../namenode/namenode.js';
import { superuserName } from '../../../namenode/namenode-core.js';
import { formatNameDirectory } from '../../../namenode/storage/name-directory.js';

const SETTINGS: Readonly<Record<string, string>> = {
  'dfs.namenode.rpc-address': '127.0.0.1:0',
  'dfs.namenode.http-address': '127.0.0.1:0',
  'dfs.datanode.address': '127.0.0.1:0',
  'dfs.namenode.fs-limits.min-block-size': '1024',
  'dfs.namenode.safemode.extension': '0',
  'dfs.heartbeat.interval': '200ms',
  'dfs.blocksize': '64k',
};

const logger = createLogger({ name: 'test', level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

/** One DataNode, which can be cut off from everybody as if its machine had died. */
export class LiveDatanode {
  readonly directory: string;
  readonly datanode: Datanode;
  readonly port: number;
  readonly #disconnect: () => Promise<void>;
  readonly #channels: Set<Channel>;
  #isStopped = false;

  constructor(
    directory: string,
    datanode: Datanode,
    port: number,
    channels: Set<Channel>,
    disconnect: () => Promise<void>,
  ) {
    this.directory = directory;
    this.datanode = datanode;
    this.port = port;
    this.#channels = channels;
    this.#disconnect = disconnect;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The data file of a replica. */
  async fileOf(blockId: number): Promise<string> {
    for (const volume of this.datanode.volumes.all) await volume.settle(blockId);
    const names = await readdir(this.directory, { recursive: true });
    const name = names.find((path) => path.endsWith(`/blk_${blockId}`));
    if (name === undefined) throw new Error(`no replica of ${blockId} in ${this.directory}`);
    return join(this.directory, name);
  }

  /** Cuts all its connections in the middle of whatever they carry. */
  async kill(): Promise<void> {
    for (const channel of this.#channels) channel.destroy();
    await this.stop();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.datanode.stop();
    await this.#disconnect();
  }
}

export class LiveCluster {
  readonly datanodes: LiveDatanode[] = [];
  readonly #root: string;
  readonly #settings: Record<string, string>;
  readonly #clients: FileSystem[] = [];
  #namenode: RunningNamenode | undefined;
  #rpcPort = 0;

  private constructor(root: string, settings: Record<string, string>) {
    this.#root = root;
    this.#settings = settings;
  }

  static async start(datanodes = 3, settings: Record<string, string> = {}): Promise<LiveCluster> {
    const root = await mkdtemp(join(tmpdir(), 'mini-hdfs-client-'));
    const cluster = new LiveCluster(root, { ...SETTINGS, ...settings });
    const directory = join(root, 'name');
    const common = { disk: nodeDisk, directory, owner: superuserName(), group: 'supergroup' };
    await formatNameDirectory({ ...common, clusterId: 'CID-test', timeMs: Date.now(), force: false });
    await cluster.startNamenode();
    for (let i = 0; i < datanodes; i++) await cluster.addDatanode();
    return cluster;
  }

  /**
   * A client with settings of its own, which reads over the network unless they say something else, as most tests are about that. It is
   * closed with the cluster.
   */
  async connect(settings: Record<string, string> = {}, disk: Disk = nodeDisk): Promise<FileSystem> {
    const overrides = {
      'dfs.client.read.shortcircuit': 'false',
      // Blocks are small here; most shall go through pipelines all the same.
      'dfs.client.write.small-block.size': '4k',
      ...settings,
    };
    const configuration = loadConfiguration({ overrides });
    const fs = await FileSystem.connect({ namenode: `127.0.0.1:${this.#rpcPort}`, configuration, disk });
    this.#clients.push(fs);
    return fs;
  }

  datanode(index: number): LiveDatanode {
    const found = this.datanodes[index];
    if (found === undefined) throw new Error(`no DataNode ${index}`);
    return found;
  }

  datanodeAt(address: string): LiveDatanode {
    const found = this.datanodes.find((node) => node.address === address);
    if (found === undefined) throw new Error(`no DataNode at ${address}`);
    return found;
  }

  /** On the port that it had before, if it has been started before. */
  async startNamenode(): Promise<void> {
    const overrides = {
      ...this.#settings,
      'dfs.namenode.name.dir': join(this.#root, 'name'),
      'dfs.namenode.rpc-address': `127.0.0.1:${this.#rpcPort}`,
    };
    this.#namenode = await startNamenode({
      configuration: loadConfiguration({ overrides }),
      clock: systemClock,
      random: systemRandom,
      disk: nodeDisk,
      network: tcpNetwork,
      logger,
      onFatal: (error: DfsError) => logger.fatal({ err: error }, 'the NameNode cannot go on'),
    });
    this.#rpcPort = this.#namenode.rpcPort;
  }

  async stopNamenode(): Promise<void> {
    await this.#namenode?.stop();
    this.#namenode = undefined;
  }

  async addDatanode(): Promise<LiveDatanode> {
    const index = this.datanodes.length;
    const directory = join(this.#root, `data-${index}`);
    const overrides = {
      ...this.#settings,
      'dfs.datanode.data.dir': directory,
      'dfs.datanode.rack': `/rack-${index % 2}`,
    };
    const channels = new Set<Channel>();
    const namenode = connectService('DatanodeProtocol', `127.0.0.1:${this.#rpcPort}`, { defaultTimeoutMs: 10_000 });
    const datanode = await Datanode.open(
      {
        clock: systemClock,
        random: systemRandom,
        disk: nodeDisk,
        network: recording(tcpNetwork, channels),
        namenode: namenode.client,
        connectPeer: (host, port) =>
          connectService('InterDatanodeProtocol', `${host}:${port}`, { defaultTimeoutMs: 10_000 }),
        lockDirectory,
        logger,
        onFatal: (error) => logger.fatal({ err: error }, 'the DataNode cannot go on'),
      },
      datanodeSettings(loadConfiguration({ overrides })),
    );
    const { dataPort } = await datanode.listen();
    const grpc = new GrpcServer({ logger, maxMessageBytes: 2 ** 20 });
    grpc.addService('InterDatanodeProtocol', datanode.interDatanode);
    const rpcPort = await grpc.listen('127.0.0.1', 0);
    await datanode.join({ rpcPort, httpPort: 1 }, new AbortController().signal);
    const disconnect = async (): Promise<void> => {
      namenode.close();
      await grpc.stop(0);
    };
    const live = new LiveDatanode(directory, datanode, dataPort, channels, disconnect);
    this.datanodes.push(live);
    return live;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((fs) => fs.close()));
    await Promise.all(this.datanodes.map((datanode) => datanode.stop()));
    await this.stopNamenode();
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** The same network, which notes all channels in `channels`. */
function recording(network: Network, channels: Set<Channel>): Network {
  const note = (channel: Channel): Channel => {
    channels.add(channel);
    return channel;
  };
  return {
    connect: async (host, port, options) => note(await network.connect(host, port, options)),
    listen: (host, port, onChannel) => network.listen(host, port, (channel) => onChannel(note(channel))),
  };
}

/** Waits until `condition` holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
