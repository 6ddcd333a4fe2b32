/** What every case of the bench gets: our cluster, started when first asked for, the peer, and how much to do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { FileSystem } from '../client/index.js';
import { type BenchCluster, startBenchCluster } from './cluster.js';
import { Clients } from './load/clients.js';
import type { Peer } from './peers/peer.js';
import type { Stoppable, TearDown } from './tear-down.js';

export interface BenchOptions {
  /** On the disk to measure. */
  readonly dir: string;
  readonly sizeMiB: number;
  readonly rounds: number;
  /** Files of 4 KiB and of 1 MiB, at each concurrency. */
  readonly smallFiles: number;
  readonly mediumFiles: number;
  /** Files of the archive that is unpacked in the mounts. */
  readonly archiveFiles: number;
  /** Files of the synthetic namespace. */
  readonly scaleFiles: number;
  /** How long one turn of many files may take; what was done by then counts. */
  readonly turnMs: number;
}

export type Side = 'ours' | 'peer';

const run = promisify(execFile);

export class BenchContext {
  readonly options: BenchOptions;
  readonly peer: Peer | undefined;
  readonly #tearDown: TearDown;
  #shared: Promise<{ cluster: BenchCluster; fs: FileSystem }> | undefined;

  constructor(options: BenchOptions, peer: Peer | undefined, tearDown: TearDown) {
    this.options = options;
    this.peer = peer;
    this.#tearDown = tearDown;
  }

  /** Who is measured, in the order of their turns. */
  get sides(): readonly Side[] {
    return this.peer === undefined ? ['ours'] : ['ours', 'peer'];
  }

  /** Three DataNodes with every setting's default, for all cases that need nothing else, and the SDK's client of them. */
  async shared(): Promise<{ cluster: BenchCluster; fs: FileSystem }> {
    this.#shared ??= (async () => {
      const cluster = await this.startCluster(3, {});
      return { cluster, fs: await this.connect(cluster) };
    })();
    return await this.#shared;
  }

  async startCluster(datanodes: number, settings: Record<string, string>): Promise<BenchCluster> {
    return await this.take(startBenchCluster(this.options.dir, datanodes, settings));
  }

  async connect(cluster: BenchCluster): Promise<FileSystem> {
    const fs = await FileSystem.connect({ namenode: cluster.namenode });
    await this.take(Promise.resolve({ stop: () => fs.close() }));
    return fs;
  }

  /**
   * Client processes of our shared cluster or of the peer's mount.
   * @param reading Whether they read what others have written: then the peer's second mount is used, whose caches know nothing of it.
   */
  async startClients(side: Side, count: number, reading = false): Promise<Clients> {
    if (side === 'ours') {
      const { cluster } = await this.shared();
      return await this.take(Clients.start({ namenode: cluster.namenode }, count));
    }
    const { mounted = '', mountedAgain = '' } = this.peer ?? {};
    return await this.take(Clients.start({ directory: reading ? mountedAgain : mounted }, count));
  }

  /** Has `starting` stopped at the end, whatever happens; {@link stop} does it earlier. */
  async take<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    return await this.#tearDown.take(starting);
  }

  async stop(resource: Stoppable): Promise<void> {
    await this.#tearDown.stop(resource);
  }

  /** Leaves the disk nothing to write, so that nobody pays for what the turn before has left. */
  async settle(): Promise<void> {
    await run('sync', ['--file-system', this.options.dir]);
  }

  /** Runs all `contenders` by turns, as many rounds as asked for; returns each one's figures, round by round. */
  async byTurns<K extends string>(
    contenders: Record<K, (round: number) => Promise<number>>,
    rounds = this.options.rounds,
  ): Promise<Record<K, number[]>> {
    const names = Object.keys(contenders) as K[];
    const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
    for (let round = 0; round < rounds; round++)
      for (const name of names) {
        await this.settle();
        figures[name].push(await contenders[name](round));
      }
    return figures;
  }
}
