/** What an administrator does in the middle of everything: takes DataNodes out of service and back, balances, moves a DataNode to another rack. */
import { isDfsError } from '../../common/errors.js';
import type { Random } from '../../common/random.js';
import type { Cluster } from './cluster.js';
import type { DatanodeMachine } from './datanode-machine.js';
import { pick } from './options.js';

/** So many DataNodes stay in service: files have up to three replicas. */
const IN_SERVICE_MIN = 3;
const RETRY_MS = 1_000;

export class Administrator {
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Asks for it; whether that was heard, the end will show. Returns how to take it back. */
  takeOut(action: 'decommission'): () => void {
    const { host } = pick(this.#random, this.#cluster.datanodes);
    this.#ask(action, host);
    return () => this.#ask('recommission', host);
  }

  /** Maintenance of a DataNode for so long; who ends it, if not the NameNode by itself, is the one who has asked. Returns how, and the DataNode. */
  maintain(forMs: number): { readonly machine: DatanodeMachine; readonly end: () => void } {
    const machine = pick(this.#random, this.#cluster.datanodes);
    const { clock } = this.#cluster.namenode;
    const endsByItself = clock !== undefined && this.#random.int(2) === 0;
    this.#ask('maintenance', machine.host, endsByItself ? clock.now() + Math.ceil(forMs) : 0);
    return { machine, end: () => (endsByItself ? undefined : this.#ask('recommission', machine.host)) };
  }

  balance(): void {
    this.#cluster.world.faults.count('administrator: balance');
    this.#anyFileSystem()?.balancer('start').catch(ignoreRefusal);
  }

  /** The DataNode is in the rack from its next start on. */
  moveToAnotherRack(machine: DatanodeMachine): void {
    this.#cluster.world.faults.count('administrator: rack changed');
    machine.rack = `/rack${this.#random.int(this.#cluster.options.racks)}`;
  }

  /** At the end: all DataNodes are back in service, but for one at most, which is decommissioned for good. */
  async settle(): Promise<void> {
    const { datanodes, world } = this.#cluster;
    const hosts = datanodes.map(({ host }) => host);
    await this.#insist('recommission', hosts);
    if (datanodes.length <= IN_SERVICE_MIN || this.#random.int(2) === 0) return;
    const { host } = pick(this.#random, datanodes);
    world.trace.note('decommissioned for good', host);
    await this.#insist('decommission', [host]);
  }

  async #insist(action: 'decommission' | 'recommission', hosts: readonly string[]): Promise<void> {
    const { observer, world } = this.#cluster;
    for (;;) {
      try {
        await observer.fs?.administerDatanodes(action, hosts);
        return;
      } catch (error) {
        // One of them may not be known (again) yet, or safe mode not be over.
        if (!isDfsError(error)) throw error;
        await world.scheduler.sleep(RETRY_MS, 'administrator');
      }
    }
  }

  #ask(action: 'decommission' | 'maintenance' | 'recommission', host: string, expiresMs = 0): void {
    this.#cluster.world.faults.count(`administrator: ${action}`);
    this.#anyFileSystem()?.administerDatanodes(action, [host], expiresMs).catch(ignoreRefusal);
  }

  #anyFileSystem() {
    return pick(this.#random, this.#cluster.clients).fs;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isDfsError(error)) throw error;
}
