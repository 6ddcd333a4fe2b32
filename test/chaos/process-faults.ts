/** What befalls processes and replicas: processes are killed or stopped, alone or together, and bits turn over on disks. */
import { once } from 'node:events';
import { rm, stat, truncate } from 'node:fs/promises';
import { sleep, systemClock } from '../../common/clock.js';
import type { Random } from '../../common/random.js';
import { shuffled } from '../../common/random.js';
import type { NodeName } from '../cluster/harness.js';
import { flipBytes } from '../cluster/support/files.js';
import { intactData, type ReplicaOnDisk, replicasOf, replicasOfBlock } from '../cluster/support/replicas.js';
import { type ChaosCluster, DATANODES, LONGER_THAN_TIMEOUTS_MS, nameOf, roleOf } from './cluster.js';
import { contentOf } from './content.js';
import type { Tally } from './tally.js';

export interface ProcessFaultsOptions {
  readonly cluster: ChaosCluster;
  readonly random: Random;
  readonly tally: Tally;
  readonly log: (line: string) => void;
  readonly nextNumber: () => number;
  /** A put to this path was killed half-way: nobody may ever see a file there. */
  readonly onKilledPut: (path: string) => void;
}

type Interruption = 'kill -9' | 'SIGSTOP';

export class ProcessFaults {
  readonly #options: ProcessFaultsOptions;
  readonly #damagedBlocks = new Set<number>();

  constructor(options: ProcessFaultsOptions) {
    this.#options = options;
  }

  /** One fault; what was killed or stopped runs again when this returns. */
  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const dice = random.int(100);
    if (dice < 25) await this.#damageReplica();
    else if (dice < 32) await this.#killPut();
    else if (dice < 52) await this.#interrupt(['namenode'], signal);
    else if (dice < 82) await this.#interrupt(this.#someDatanodes(1), signal);
    else if (dice < 90) await this.#interrupt(this.#someDatanodes(2), signal);
    else if (dice < 96) await this.#interrupt(['namenode', ...this.#someDatanodes(1)], signal);
    else await this.#interrupt(['namenode', ...this.#someDatanodes(DATANODES)], signal);
  }

  #someDatanodes(count: number): NodeName[] {
    const { cluster, random } = this.#options;
    return shuffled(cluster.machines.datanodeNumbers, random).slice(0, count);
  }

  /** Kills or stops each of the nodes; a while later all run again. The while may be longer than all timeouts. */
  async #interrupt(nodes: readonly NodeName[], signal: AbortSignal): Promise<void> {
    const { cluster, random, tally, log } = this.#options;
    const how = nodes.map((): Interruption => (random.int(3) === 0 ? 'SIGSTOP' : 'kill -9'));
    const downMs = random.int(6) === 0 ? LONGER_THAN_TIMEOUTS_MS + random.int(5_000) : random.int(5_000);
    log(`${nodes.map((node, index) => `${how[index]} of ${nameOf(node)}`).join(', ')} for ${downMs} ms`);
    await Promise.all(
      nodes.map(async (node, index) => {
        const long = downMs > LONGER_THAN_TIMEOUTS_MS ? ', longer than every timeout' : '';
        tally.count(`${how[index]}${long}`, roleOf(node));
        if (how[index] === 'kill -9') await cluster.hold(node);
        else cluster.machines.signal(node, 'SIGSTOP');
      }),
    );
    await sleep(systemClock, downMs, signal).catch(() => {});
    for (const [index, node] of nodes.entries()) {
      if (how[index] === 'kill -9') cluster.release(node);
      else cluster.machines.signal(node, 'SIGCONT');
    }
  }

  /** A replica of which two others are good is damaged, and no other of its block as long as it is. */
  async #damageReplica(): Promise<void> {
    const { cluster, random, tally, log } = this.#options;
    const replicas = await replicasOf(cluster.machines, 1 + random.int(DATANODES));
    const replica = replicas[random.int(Math.max(1, replicas.length))];
    if (replica === undefined || !(await this.#mayBeDamaged(replica))) return;
    const [what, damage] = DAMAGES[random.int(DAMAGES.length)] as (typeof DAMAGES)[number];
    try {
      await damage(replica, random);
    } catch {
      return; // it has just been deleted, or is empty
    }
    this.#damagedBlocks.add(replica.blockId);
    tally.count(what, 'replica');
    log(`${what} of block ${replica.blockId} on DataNode ${replica.datanode}`);
  }

  async #mayBeDamaged({ blockId, generationStamp, datanode }: ReplicaOnDisk): Promise<boolean> {
    const all = await replicasOfBlock(this.#options.cluster.machines, blockId);
    const bytes = await Promise.all(all.map(intactData));
    if (!bytes.includes(undefined)) this.#damagedBlocks.delete(blockId);
    if (this.#damagedBlocks.has(blockId)) return false;
    const others = all.filter(
      (other, index) =>
        other.datanode !== datanode && other.generationStamp === generationStamp && bytes[index] !== undefined,
    );
    return others.length >= 2;
  }

  /** A client that dies in the middle of a put. */
  async #killPut(): Promise<void> {
    const { cluster, random, tally, nextNumber, onKilledPut, log } = this.#options;
    const number = nextNumber();
    const path = `/killed-${number}`;
    onKilledPut(path);
    const child = cluster.machines.spawnDfs(['put', '-D', 'dfs.blocksize=64k', '-', path]);
    const ended = once(child, 'close');
    child.stdin?.write(contentOf(number, 0, 1 + random.int(400_000)));
    await sleep(systemClock, 300 + random.int(1_000));
    child.kill('SIGKILL');
    await ended;
    tally.count('kill -9', 'client');
    log(`kill -9 of the client that was putting ${path}`);
  }
}

const DAMAGES: readonly (readonly [what: string, damage: (replica: ReplicaOnDisk, random: Random) => Promise<void>])[] =
  [
    ['flipped bits in the data', async ({ data }, random) => flipBytes(data, random.int((await stat(data)).size))],
    ['flipped bits in the checksums', async ({ meta }, random) => flipBytes(meta, random.int((await stat(meta)).size))],
    ['cut-off data', async ({ data }, random) => truncate(data, random.int((await stat(data)).size))],
    ['removed data', ({ data }) => rm(data)],
    ['removed checksums', ({ meta }) => rm(meta)],
  ];
