/** The cluster of a chaos run: processes on hosts of their own, some of their directories on disks that can fail, all restarted when they end. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../common/clock.js';
import { FAST_SETTINGS, type NodeName } from '../cluster/harness.js';
import { DiskImage } from '../cluster/support/disk-image.js';
import { Machines } from '../cluster/support/machines.js';
import type { Hosts } from '../cluster/support/private-network.js';

export const DATANODES = 4;

/** Faults may last longer than any of the timeouts that these give (the first DataNode of a pipeline waits longest: 3 s and 5 s for each behind it). */
export const LONGER_THAN_TIMEOUTS_MS = 22_000;

/** Timeouts that faults outlast, and scans that find within seconds what nobody reads. */
export const SETTINGS: Readonly<Record<string, string>> = {
  ...FAST_SETTINGS,
  'dfs.namenode.safemode.extension': '0',
  'dfs.client.socket-timeout': '3s',
  'dfs.client.retry.max.total': '20s',
  'dfs.datanode.scan.period.hours': '2s',
  'dfs.block.scanner.volume.bytes.per.second': '64m',
  'dfs.datanode.directoryscan.interval': '3s',
  'dfs.datanode.failed.volumes.tolerated': '1',
  'dfs.datanode.isolated.interval': '5s',
  'dfs.namenode.resource.du.reserved': '8m',
  'dfs.namenode.resource.check.interval': '500ms',
};

const VOLUMES = 2;
const DATANODE_DISK = '64m';
const NAMENODE_DISK = '96m';
/** As a service manager waits before it starts a process again. */
const RESTART_DELAY_MS = 500;

export interface ChaosClusterOptions {
  readonly directory: string;
  readonly hosts: Hosts;
  /** Whether disks can be made; else all directories are on the same one. */
  readonly images: boolean;
  readonly log: (line: string) => void;
  readonly onViolation: (what: string) => void;
}

export class ChaosCluster {
  readonly machines: Machines;
  /** The disk of the NameNode, and that of the last volume of each DataNode. Empty without disk images. */
  readonly disks = new Map<NodeName, DiskImage>();
  /** Nodes that may end by themselves: the NameNode while its disk is full. */
  readonly mayEnd = new Set<NodeName>();
  readonly #options: ChaosClusterOptions;
  /** For how many faults a node has to stay down. */
  readonly #holds = new Map<NodeName, number>();
  #ended = false;

  private constructor(options: ChaosClusterOptions) {
    this.#options = options;
    const { directory, hosts } = options;
    this.machines = new Machines({
      directory,
      hosts,
      datanodes: DATANODES,
      settings: SETTINGS,
      volumes: VOLUMES,
      onEnd: (node, how) => void this.#startAgain(node, how),
    });
  }

  static async start(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const cluster = new ChaosCluster(options);
    if (options.images) await cluster.#makeDisks();
    await cluster.machines.startAll();
    return cluster;
  }

  /** Kills a process, which is not started again before it has been released as often as it was held. */
  async hold(node: NodeName): Promise<void> {
    this.#holds.set(node, (this.#holds.get(node) ?? 0) + 1);
    await this.machines.kill9(node);
  }

  release(node: NodeName): void {
    this.#holds.set(node, (this.#holds.get(node) ?? 0) - 1);
    this.#startIfAllowed(node);
  }

  /** Nothing is started any more. */
  end(): void {
    this.#ended = true;
  }

  async #makeDisks(): Promise<void> {
    const images = join(this.machines.directory, 'images');
    mkdirSync(images);
    for (const node of this.machines.nodes) {
      const directory = this.machines.dataDirectories(node).at(-1) ?? '';
      const size = node === 'namenode' ? NAMENODE_DISK : DATANODE_DISK;
      this.disks.set(node, await DiskImage.make(join(images, `${node}.ext4`), directory, size));
    }
  }

  async #startAgain(node: NodeName, how: string): Promise<void> {
    if (this.#ended) return;
    const { log, onViolation } = this.#options;
    const what = `${nameOf(node)} has ended by itself (${how})`;
    if (this.mayEnd.has(node)) log(what);
    else onViolation(what);
    await sleep(systemClock, RESTART_DELAY_MS);
    this.#startIfAllowed(node);
  }

  #startIfAllowed(node: NodeName): void {
    if (this.#ended || (this.#holds.get(node) ?? 0) > 0 || this.machines.isRunning(node)) return;
    this.machines.start(node);
  }
}

export function nameOf(node: NodeName): string {
  return node === 'namenode' ? 'the NameNode' : `DataNode ${node}`;
}

export function roleOf(node: NodeName): string {
  return node === 'namenode' ? 'NameNode' : 'DataNode';
}
