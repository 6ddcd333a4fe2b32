/** A machine with a client: a file system object of the SDK, and workers that use it. */
import { FileSystem } from '../../client/index.js';
import { sleep } from '../../common/clock.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import { DfsError } from '../../common/errors.js';
import { superuserName } from '../../namenode/namenode-core.js';
import type { CrashKind } from './disk.js';
import { Machine, type Surroundings } from './machine.js';
import { NAMENODE_ADDRESS } from './namenode-machine.js';
import type { ClockError } from './process-clock.js';
import type { Worker } from './worker.js';
import type { World } from './world.js';

const RPC_TIMEOUT_MS = 10_000;
const CONNECT_PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 2_000;

export interface ClientMachineOptions {
  readonly world: World;
  readonly host: string;
  readonly clockError: ClockError;
  /** Where the client says that it runs, for the choice of DataNodes; '' for nowhere. */
  readonly clientHost: string;
  readonly settings: Readonly<Record<string, string>>;
  /** What its file systems are used for. */
  readonly workers: readonly Worker[];
}

export class ClientMachine extends Machine {
  readonly #options: ClientMachineOptions;
  #fs: FileSystem | undefined;
  #isOver = false;
  #idleWorkers = 0;

  constructor(options: ClientMachineOptions) {
    super(options.world, options.host, options.clockError);
    this.#options = options;
  }

  get disks(): readonly [] {
    return [];
  }

  get workers(): readonly Worker[] {
    return this.#options.workers;
  }

  /** No new operations from now on. */
  finish(): void {
    this.#isOver = true;
  }

  /** All workers have come to the end of their last operation. */
  get isIdle(): boolean {
    return this.#idleWorkers === this.workers.length;
  }

  /** Connected; undefined while it is not. */
  get fs(): FileSystem | undefined {
    return this.#fs;
  }

  protected async boot(surroundings: Surroundings): Promise<void> {
    this.#idleWorkers = 0;
    const { clock, random } = surroundings;
    const fs = await this.#connect(surroundings);
    this.#fs = fs;
    for (const worker of this.workers) {
      const pause = async (): Promise<void> => await sleep(clock, random.fraction() * PAUSE_MAX_MS);
      const work = async (): Promise<void> => {
        await worker.work(fs, () => this.#isOver, pause);
        this.#idleWorkers++;
      };
      work().catch((error: unknown) => this.failed(surroundings.life, error));
    }
  }

  /** As often as it takes. */
  async #connect({ life, clock, random }: Surroundings): Promise<FileSystem> {
    const { world, host, clientHost, settings } = this.#options;
    for (;;) {
      try {
        return await FileSystem.connect({
          namenode: NAMENODE_ADDRESS,
          user: superuserName(),
          // Its disk is not the DataNodes'.
          configuration: loadConfiguration({ overrides: { ...settings, 'dfs.client.read.shortcircuit': 'false' } }),
          clientHost,
          clock,
          random,
          network: world.network.attach(life, host, clock),
          rpc: world.rpc.connect({ life, host, clock }, 'ClientProtocol', NAMENODE_ADDRESS, RPC_TIMEOUT_MS),
        });
      } catch (error) {
        if (!(error instanceof DfsError)) throw error;
        await sleep(clock, CONNECT_PAUSE_MS);
      }
    }
  }

  protected async shutDown(): Promise<void> {
    await this.#fs?.close();
    this.#fs = undefined;
  }

  protected override afterCrash(_kind: CrashKind): void {
    this.#fs = undefined;
    for (const worker of this.workers) worker.clientDied();
  }
}
