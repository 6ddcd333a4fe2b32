/**
 * A cluster on one machine: a NameNode and DataNodes as separate processes, below one directory:
 *
 *     cluster.json   its layout          namenode/, datanode-1/, …   the data of each process
 *     logs/          a log each          run/                        a pid file each
 *
 * Every method may be called from any process: what is known of the cluster is in these files.
 */
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../common/clock.js';
import { formatHostPort } from '../../common/config/kinds.js';
import { DfsError } from '../../common/errors.js';
import { lockDirectory } from '../../common/lock-file.js';
import { nodeDisk, wrapOsError } from '../../common/node-disk.js';
import {
  type ClusterLayout,
  changedLayout,
  type DatanodeLayout,
  HOST,
  type LayoutRequest,
  newLayout,
  withDatanodes,
} from './layout.js';
import { type ClusterNode, datanodeOf, namenodeOf } from './node-command.js';
import { type Ended, NodeProcess } from './node-process.js';
import { requireFreePorts } from './ports.js';
import { waitUntilReady } from './readiness.js';
import { readLayout, writeLayout } from './state-file.js';

/** How long a process may take to stop in order. */
const DATANODE_GRACE_MS = 15_000;
const NAMENODE_GRACE_MS = 20_000;

export interface ClusterStatus {
  readonly namenode: {
    readonly pid: number | null;
    readonly rpc: string;
    readonly http: string;
    readonly alive: boolean;
  };
  readonly datanodes: readonly {
    readonly pid: number | null;
    readonly address: string;
    readonly rack: string;
    readonly dataDir: string;
    readonly alive: boolean;
  }[];
}

export interface StartedNode {
  readonly node: ClusterNode;
  readonly pid: number;
  readonly logFile: string;
  readonly ended: Promise<Ended>;
}

export interface StartResult {
  readonly started: readonly StartedNode[];
  /** Why safe mode is still on, in words; undefined when the cluster can be written to. */
  readonly safeMode: string | undefined;
}

export interface StopStep {
  readonly node: ClusterNode;
  readonly how: 'stopped' | 'killed';
}

export class LocalCluster {
  /** Absolute. */
  readonly directory: string;
  #layout: ClusterLayout;
  readonly #clock: Clock;

  private constructor(directory: string, layout: ClusterLayout, clock: Clock) {
    this.directory = directory;
    this.#layout = layout;
    this.#clock = clock;
  }

  /** @throws DfsError `FileNotFound` when there is no cluster in the directory. */
  static async open(directory: string, clock: Clock): Promise<LocalCluster> {
    const layout = await readLayout(resolve(directory));
    if (layout !== undefined) return new LocalCluster(resolve(directory), layout, clock);
    throw new DfsError(
      'FileNotFound',
      `There is no cluster in ${resolve(directory)}. Start one with \`dfs cluster start\`, or give its --dir.`,
    );
  }

  /** The cluster in the directory, as it was and as `request` changes it; a new one when there is none. Starts nothing. */
  static async prepare(directory: string, request: LayoutRequest, clock: Clock): Promise<LocalCluster> {
    const path = resolve(directory);
    await nodeDisk.makeDirectory(path).catch((error: unknown) => {
      throw wrapOsError(error, 'make the directory', path);
    });
    const existing = await readLayout(path);
    if (existing === undefined) return new LocalCluster(path, newLayout(request), clock);
    const cluster = new LocalCluster(path, existing, clock);
    await cluster.#requireNotRunning();
    const changed = changedLayout(existing, request);
    await cluster.#requireUnchangedIfRunning(changed);
    cluster.#layout = changed;
    return cluster;
  }

  get layout(): ClusterLayout {
    return this.#layout;
  }

  /** `host:port` for clients. */
  get namenodeAddress(): string {
    return formatHostPort({ host: HOST, port: this.#layout.namenode.rpcPort });
  }

  async status(): Promise<ClusterStatus> {
    const { rpcPort, httpPort } = this.#layout.namenode;
    const { pid, alive } = await pidAndLife(this.#namenode());
    return {
      namenode: { pid, rpc: `${HOST}:${rpcPort}`, http: `${HOST}:${httpPort}`, alive },
      datanodes: await Promise.all(
        this.#layout.datanodes.map(async (datanode) => {
          const process = this.#datanode(datanode);
          const { pid, alive } = await pidAndLife(process);
          const { rack, dataPort } = datanode;
          return { pid, address: `${HOST}:${dataPort}`, rack, dataDir: process.node.dataDirectory, alive };
        }),
      ),
    };
  }

  /**
   * Starts every process that is not running, and returns when the cluster can be used. When that fails, what was started is stopped.
   * @throws DfsError `PortInUse`, `InvalidConfiguration` (it runs already), or what went wrong with the end of the log.
   */
  async start(signal: AbortSignal): Promise<StartResult> {
    const lock = await lockDirectory(this.directory);
    try {
      await this.#requireNotRunning();
      const waiting = await this.#notRunning(this.#processes());
      await requireFreePorts(
        waiting.map(({ node }) => node),
        this.#clock,
      );
      await this.#formatIfNew();
      await writeLayout(this.directory, this.#layout);
      return await this.#startAndWait(waiting, signal);
    } finally {
      lock.release();
    }
  }

  /** Adds a DataNode and starts it. @param rack Default: the racks in turn. */
  async addDatanode(rack: string | undefined, signal: AbortSignal): Promise<StartResult> {
    const lock = await lockDirectory(this.directory);
    try {
      const layout = withDatanodes(this.#layout, this.#layout.datanodes.length + 1, rack);
      const added = this.#datanode(layout.datanodes.at(-1) as DatanodeLayout, layout);
      await requireFreePorts([added.node], this.#clock);
      await writeLayout(this.directory, layout);
      this.#layout = layout;
      return await this.#startAndWait([added], signal);
    } finally {
      lock.release();
    }
  }

  /** Starts a DataNode again. @throws DfsError `InvalidArgument` when it runs. */
  async startDatanode(datanode: DatanodeLayout, signal: AbortSignal): Promise<StartResult> {
    const lock = await lockDirectory(this.directory);
    try {
      const process = this.#datanode(datanode);
      const pid = await process.livePid();
      if (pid !== undefined)
        throw new DfsError('InvalidArgument', `${process.node.title} is running already (pid ${pid}).`);
      await requireFreePorts([process.node], this.#clock);
      return await this.#startAndWait([process], signal);
    } finally {
      lock.release();
    }
  }

  /** Stops one DataNode. It stays part of the cluster: `start` starts it again. */
  async stopDatanode(datanode: DatanodeLayout): Promise<'absent' | 'stopped' | 'killed'> {
    return await this.#datanode(datanode).stop(DATANODE_GRACE_MS);
  }

  /** Stops all processes, the NameNode last. `onStep` is called with each that was running. */
  async stop(onStep: (step: StopStep) => Promise<void>): Promise<void> {
    const stopOne = async (process: NodeProcess, graceMs: number): Promise<void> => {
      const how = await process.stop(graceMs);
      if (how !== 'absent') await onStep({ node: process.node, how });
    };
    await Promise.all(this.#datanodes().map((process) => stopOne(process, DATANODE_GRACE_MS)));
    await stopOne(this.#namenode(), NAMENODE_GRACE_MS);
  }

  /** Undefined when all are running. */
  async firstStoppedDatanode(): Promise<DatanodeLayout | undefined> {
    const running = await this.#running(this.#layout.datanodes);
    return this.#layout.datanodes.find((datanode) => !running.includes(datanode));
  }

  /** The DataNode of an index (`2`), a data address (`127.0.0.1:9876`) or a pid. @throws DfsError `InvalidArgument`. */
  async findDatanode(text: string): Promise<DatanodeLayout> {
    for (const datanode of this.#layout.datanodes) {
      const names = [
        String(datanode.index),
        `${HOST}:${datanode.dataPort}`,
        String(await this.#datanode(datanode).lastPid()),
      ];
      if (names.includes(text)) return datanode;
    }
    const indices = this.#layout.datanodes.map(({ index }) => index).join(', ');
    throw new DfsError(
      'InvalidArgument',
      `There is no DataNode ${text} in this cluster: use its number (${indices}), its address or its pid.`,
    );
  }

  /**
   * Makes the NameNode's directory before the first start. As long as there is no cluster.json that start was never completed, and what
   * a format that was cut off has left can be thrown away. Later, a directory that has lost something is the NameNode's to refuse.
   */
  async #formatIfNew(): Promise<void> {
    if ((await readLayout(this.directory)) !== undefined) return;
    const namenode = this.#namenode();
    await nodeDisk.makeDirectory(namenode.node.dataDirectory);
    const isFormatted =
      (await nodeDisk.fileSize(join(namenode.node.dataDirectory, 'current', 'VERSION'))) !== undefined;
    if (!isFormatted) await namenode.format();
  }

  async #requireNotRunning(): Promise<void> {
    const pid = await this.#namenode().livePid();
    if (pid === undefined) return;
    const asleep = (await this.#notRunning(this.#datanodes())).map(({ node }) => node.name.replace('datanode-', ''));
    const hint =
      asleep.length === 0
        ? 'Stop it with `dfs cluster stop`.'
        : `DataNode ${asleep.join(' and ')} is not running: start it with \`dfs cluster start-datanode ${asleep[0]}\`.`;
    throw new DfsError(
      'InvalidConfiguration',
      `The cluster in ${this.directory} is running already: NameNode at ${this.namenodeAddress} (pid ${pid}). ${hint}`,
    );
  }

  /** DataNodes that survived their NameNode go on with the ports and settings they were started with. */
  async #requireUnchangedIfRunning(changed: ClusterLayout): Promise<void> {
    const { basePort, settings } = this.#layout;
    if (changed.basePort === basePort && isDeepStrictEqual(changed.settings, settings)) return;
    if ((await this.#running(this.#layout.datanodes)).length === 0) return;
    throw new DfsError(
      'InvalidConfiguration',
      `DataNodes of the cluster in ${this.directory} are still running, with other ports or settings. Stop them first: \`dfs cluster stop\`.`,
    );
  }

  async #startAndWait(processes: readonly NodeProcess[], signal: AbortSignal): Promise<StartResult> {
    const names = new Set(processes.map(({ node }) => node.name));
    const running = await this.#running(this.#layout.datanodes);
    const expected = this.#layout.datanodes.filter(
      (datanode) => running.includes(datanode) || names.has(this.#datanode(datanode).node.name),
    );
    const addressOf = ({ dataPort }: DatanodeLayout) => formatHostPort({ host: HOST, port: dataPort });
    const starting = expected.filter((datanode) => names.has(this.#datanode(datanode).node.name));
    const sinceMs = this.#clock.monotonicMs();
    const started: StartedNode[] = [];
    try {
      for (const process of processes) {
        signal.throwIfAborted();
        started.push({ node: process.node, logFile: process.logFile, ...(await process.start()) });
      }
      const safeMode = await waitUntilReady(this.#layout, {
        datanodes: expected.map(addressOf),
        started: { datanodes: new Set(starting.map(addressOf)), sinceMs },
        requireRunning: () => requireRunning(processes),
        clock: this.#clock,
        signal,
      });
      await requireRunning(processes);
      return { started, safeMode };
    } catch (error) {
      await Promise.all(processes.map((process) => process.stop(DATANODE_GRACE_MS)));
      throw error;
    }
  }

  async #running(datanodes: readonly DatanodeLayout[]): Promise<DatanodeLayout[]> {
    const pids = await Promise.all(datanodes.map((datanode) => this.#datanode(datanode).livePid()));
    return datanodes.filter((_, i) => pids[i] !== undefined);
  }

  async #notRunning(processes: readonly NodeProcess[]): Promise<NodeProcess[]> {
    const pids = await Promise.all(processes.map((process) => process.livePid()));
    return processes.filter((_, i) => pids[i] === undefined);
  }

  #processes(): NodeProcess[] {
    return [this.#namenode(), ...this.#datanodes()];
  }

  #namenode(): NodeProcess {
    return new NodeProcess(this.directory, namenodeOf(this.directory, this.#layout), this.#clock);
  }

  #datanodes(): NodeProcess[] {
    return this.#layout.datanodes.map((datanode) => this.#datanode(datanode));
  }

  #datanode(datanode: DatanodeLayout, layout = this.#layout): NodeProcess {
    return new NodeProcess(this.directory, datanodeOf(this.directory, layout, datanode), this.#clock);
  }
}

async function pidAndLife(process: NodeProcess): Promise<{ pid: number | null; alive: boolean }> {
  const [pid, live] = await Promise.all([process.lastPid(), process.livePid()]);
  return { pid: pid ?? null, alive: live !== undefined };
}

/** @throws DfsError with the end of its log when one has ended. */
async function requireRunning(processes: readonly NodeProcess[]): Promise<void> {
  for (const process of processes) {
    if ((await process.livePid()) !== undefined) continue;
    throw new DfsError('Internal', `${process.node.title} ended while it was starting.${await process.lastWords()}`);
  }
}
