/** A machine with a real DataNode on simulated disks. */
import { loadConfiguration } from '../../common/config/configuration.js';
import { Datanode } from '../../datanode/datanode.js';
import { datanodeSettings } from '../../datanode/datanode-settings.js';
import type { CrashKind, SimulatedDisk } from './disk.js';
import { Machine, type Surroundings } from './machine.js';
import { mounted } from './mounts.js';
import type { ClockError } from './process-clock.js';
import type { World } from './world.js';

export const DATA_PORT = 9866;
const RPC_PORT = 9867;
const RPC_TIMEOUT_MS = 10_000;

export interface DatanodeMachineOptions {
  readonly world: World;
  readonly host: string;
  readonly rack: string;
  readonly clockError: ClockError;
  /** One volume each. */
  readonly disks: readonly SimulatedDisk[];
  /** `host:port` */
  readonly namenode: string;
  readonly settings: Readonly<Record<string, string>>;
}

export class DatanodeMachine extends Machine {
  /** From its next start on. */
  rack: string;
  readonly #options: DatanodeMachineOptions;
  readonly #roots: readonly string[];
  #datanode: Datanode | undefined;
  /** Called when it begins to look at its disks, */
  onLoad: () => void = () => {};
  /** and when it knows what is on them, before anybody can tell it to change something. */
  onLoaded: () => void = () => {};

  constructor(options: DatanodeMachineOptions) {
    super(options.world, options.host, options.clockError);
    this.#options = options;
    this.rack = options.rack;
    this.#roots = options.disks.map((_, index) => `/volume${index}`);
    for (const [index, disk] of options.disks.entries()) disk.makeMountPoint(`/volume${index}`);
  }

  get disks(): readonly SimulatedDisk[] {
    return this.#options.disks;
  }

  /** Undefined while it is not up. */
  get datanode(): Datanode | undefined {
    return this.#datanode;
  }

  protected async boot({ life, clock, random }: Surroundings): Promise<void> {
    const { rack } = this;
    const { world, host, disks, namenode, settings } = this.#options;
    const roots = this.#roots;
    const tree = mounted(Object.fromEntries(disks.map((disk, index) => [`/volume${index}`, disk.attach(life)])));
    const configuration = loadConfiguration({
      overrides: {
        ...settings,
        'dfs.datanode.data.dir': roots.map((root) => `${root}/data`).join(','),
        'dfs.datanode.address': `${host}:${DATA_PORT}`,
        'dfs.datanode.hostname': host,
        'dfs.datanode.rack': rack,
      },
    });
    this.onLoad();
    const datanode = await Datanode.open(
      {
        clock,
        random,
        disk: tree,
        network: world.network.attach(life, host, clock),
        namenode: world.rpc.connect({ life, host, clock }, 'DatanodeProtocol', namenode, RPC_TIMEOUT_MS),
        connectPeer: (peer, port) => ({
          client: world.rpc.connect({ life, host, clock }, 'InterDatanodeProtocol', `${peer}:${port}`, RPC_TIMEOUT_MS),
          close: () => {},
        }),
        lockDirectory: async () => ({ release: () => {} }),
        logger: world.logger(life.name),
        onFatal: (error) => this.failed(life, error),
      },
      datanodeSettings(configuration),
    );
    this.#datanode = datanode;
    this.onLoaded();
    world.rpc.serve(life, `${host}:${RPC_PORT}`, 'InterDatanodeProtocol', datanode.interDatanode);
    await datanode.listen();
    await datanode.join({ rpcPort: RPC_PORT, httpPort: 9864 }, new AbortController().signal);
  }

  protected async shutDown(): Promise<void> {
    await this.#datanode?.stop();
  }

  protected override afterCrash(_kind: CrashKind): void {
    this.#datanode = undefined;
  }
}
