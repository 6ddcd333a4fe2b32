/** A whole simulated cluster: its machines, and the course of a run from the first start to the last checks. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '../../client/index.js';
import { ClientMachine } from './client-machine.js';
import { DatanodeMachine } from './datanode-machine.js';
import { healthyDisk, SimulatedDisk } from './disk.js';
import { Life } from './life.js';
import type { Machine } from './machine.js';
import type { ModelDirectory } from './model-directory.js';
import { ModelFile } from './model-file.js';
import { NAMENODE_ADDRESS, NamenodeMachine } from './namenode-machine.js';
import type { SimulationOptions } from './options.js';
import type { ClockError } from './process-clock.js';
import { NO_CALL_FAULTS } from './rpc.js';
import { Worker, type Workplace } from './worker.js';
import { newWorld, type World } from './world.js';

const DISK_BYTES = 64 * 2 ** 20;
const SHARED_FILES = 3;
/** First id of the names and tags that workers use. */
const FIRST_ID = 100;

/** In memory where there is such a place: SQLite syncs its files, and nothing here needs to outlive the run. */
function scratch(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

export interface ClusterOptions extends SimulationOptions {
  readonly keepTrace?: boolean;
  readonly onLog?: ((line: string) => void) | undefined;
}

export class Cluster {
  readonly options: SimulationOptions;
  readonly world: World;
  readonly namenode: NamenodeMachine;
  readonly datanodes: readonly DatanodeMachine[];
  readonly clients: readonly ClientMachine[];
  /** Looks at the result in the end. */
  readonly observer: ClientMachine;
  readonly workplace: Workplace;
  readonly diskCapacityBytes = DISK_BYTES;
  /** Real files of this run. */
  readonly directory: string;

  constructor(options: ClusterOptions) {
    const { seed, link, callFaults } = options;
    this.options = options;
    this.directory = mkdtempSync(join(scratch(), 'mini-hdfs-sim-'));
    process.once('exit', this.#removeDirectory);
    const world = newWorld({ ...options, seed, link, callFaults });
    this.world = world;
    this.namenode = new NamenodeMachine({
      world,
      clockError: this.#newClockError(),
      disk: this.#newDisk(),
      settings: options.settings,
      directory: this.directory,
    });
    this.datanodes = Array.from({ length: options.datanodes }, (_, index) => this.#newDatanode(index));
    this.workplace = this.#newWorkplace();
    this.clients = Array.from({ length: options.clients }, (_, index) => this.#newClient(`client${index}`, index));
    this.observer = this.#newClient('observer', undefined);
  }

  get hosts(): string[] {
    return this.#machines().map(({ host }) => host);
  }

  /** The first start, before anything can go wrong. */
  async start(): Promise<void> {
    const life = new Life('format');
    await this.drive(this.namenode.format(life), 60_000);
    life.end();
    this.namenode.start();
    for (const datanode of this.datanodes) datanode.start();
    const isUp = (): boolean => this.datanodes.every(({ datanode }) => datanode?.status().registered === true);
    if (!(await this.world.scheduler.run(this.world.scheduler.nowMs + 60_000, isUp)))
      throw new Error('the cluster did not start');
    for (const { disks } of this.#machines()) for (const disk of disks) disk.settle();
    for (const client of this.clients) client.start();
  }

  /** Everything works from now on, and everything runs. */
  heal(): void {
    const { links, callFaults, trace } = this.world;
    trace.note('heal');
    Object.assign(callFaults, NO_CALL_FAULTS);
    links.heal();
    for (const machine of this.#machines()) {
      for (const disk of machine.disks) Object.assign(disk.condition, healthyDisk(DISK_BYTES));
      if (machine !== this.observer) machine.start();
    }
  }

  /** Lets virtual time pass until `promise` is settled. @throws Error when that takes more than `limitMs`. */
  async drive<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let isSettled = false;
    const done = promise.finally(() => {
      isSettled = true;
    });
    done.catch(() => {});
    const { scheduler } = this.world;
    if (!(await scheduler.run(scheduler.nowMs + limitMs, () => isSettled)))
      throw new Error(`it took more than ${limitMs / 1000} virtual seconds`);
    return await done;
  }

  /** The observer's file system, connected. */
  async observe(): Promise<FileSystem> {
    this.observer.start();
    const { scheduler } = this.world;
    await scheduler.run(scheduler.nowMs + 600_000, () => this.observer.fs !== undefined);
    if (this.observer.fs === undefined) throw new Error('the NameNode cannot be reached');
    return this.observer.fs;
  }

  /** Removes the real files. */
  dispose(): void {
    for (const machine of this.#machines()) machine.crash('kill');
    process.off('exit', this.#removeDirectory);
    this.#removeDirectory();
  }

  /** Also when the run is broken off: it may lie in memory. */
  readonly #removeDirectory = (): void => rmSync(this.directory, { recursive: true, force: true });

  #machines(): Machine[] {
    return [this.namenode, ...this.datanodes, ...this.clients, this.observer];
  }

  #newDisk(): SimulatedDisk {
    return new SimulatedDisk({ ...this.world, random: this.world.fork(), condition: healthyDisk(DISK_BYTES) });
  }

  #newClockError(): ClockError {
    const { clockSkewMaxMs, clockDriftMax } = this.options;
    const random = this.world.fork();
    const within = (most: number): number => (2 * random.fraction() - 1) * most;
    return { skewMs: within(clockSkewMaxMs), drift: within(clockDriftMax) };
  }

  #newDatanode(index: number): DatanodeMachine {
    const { racks, volumesPerDatanode, settings } = this.options;
    return new DatanodeMachine({
      world: this.world,
      host: `dn${index}`,
      rack: `/rack${index % racks}`,
      clockError: this.#newClockError(),
      disks: Array.from({ length: volumesPerDatanode }, () => this.#newDisk()),
      namenode: NAMENODE_ADDRESS,
      settings,
    });
  }

  #newWorkplace(): Workplace {
    let lastId = FIRST_ID;
    const shared = Array.from(
      { length: SHARED_FILES },
      (_, index) => [`/shared/s${index}`, new ModelFile(index + 1, 3)] as const,
    );
    return {
      world: this.world,
      directories: new Map<string, ModelDirectory>(),
      sharedFiles: new Map(shared),
      tenures: [],
      lives: () => this.datanodes.map(({ lives }) => lives),
      flushing: new Set(),
      onFlush: [],
      crashes: () => this.datanodes.reduce((sum, { crashes }) => sum + crashes, 0),
      newId: () => ++lastId,
      blockSize: this.options.blockSize,
      maxReplication: 3,
    };
  }

  #newClient(host: string, index: number | undefined): ClientMachine {
    const { workersPerClient, settings, datanodes } = this.options;
    const names = index === undefined ? [] : Array.from({ length: workersPerClient }, (_, i) => `/w${index}-${i}`);
    return new ClientMachine({
      world: this.world,
      host,
      // As if some clients ran beside a DataNode.
      clientHost: index !== undefined && index < datanodes / 2 ? `dn${index}` : '',
      clockError: this.#newClockError(),
      settings,
      workers: names.map((root) => new Worker(this.workplace, this.world.fork(), root)),
    });
  }
}
