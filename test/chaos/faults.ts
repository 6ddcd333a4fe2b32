/** What befalls the cluster: processes are killed or stopped, alone or together, and bits turn over on disks. */
import { once } from 'node:events';
import { rm, stat, truncate } from 'node:fs/promises';
import { sleep, systemClock } from '../../common/clock.js';
import type { Random } from '../../common/random.js';
import { shuffled } from '../../common/random.js';
import type { NodeName, TestCluster } from '../cluster/harness.js';
import { flipBytes } from '../cluster/support/files.js';
import { intactData, type ReplicaOnDisk, replicasOf, replicasOfBlock } from '../cluster/support/replicas.js';
import { contentOf } from './content.js';

export interface FaultsOptions {
  readonly cluster: TestCluster;
  readonly datanodes: number;
  readonly random: Random;
  readonly log: (line: string) => void;
  readonly nextNumber: () => number;
  /** A put to this path was killed half-way: nobody may ever see a file there. */
  readonly onKilledPut: (path: string) => void;
}

type Interruption = 'kill -9' | 'SIGSTOP';

export class Faults {
  /** By kind. */
  readonly counts: Record<string, number> = {};
  readonly #options: FaultsOptions;
  readonly #damagedBlocks = new Set<number>();

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** One after the other until the signal aborts; then everything runs again. */
  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await this.#oneFault();
      await pause(random.int(1_500), signal);
    }
  }

  async #oneFault(): Promise<void> {
    const { random } = this.#options;
    const dice = random.int(100);
    if (dice < 25) await this.#damageReplica();
    else if (dice < 32) await this.#killPut();
    else if (dice < 52) await this.#interrupt(['namenode']);
    else if (dice < 82) await this.#interrupt(this.#someDatanodes(1));
    else if (dice < 90) await this.#interrupt(this.#someDatanodes(2));
    else if (dice < 96) await this.#interrupt(['namenode', ...this.#someDatanodes(1)]);
    else await this.#interrupt(['namenode', ...this.#someDatanodes(this.#options.datanodes)]);
  }

  #someDatanodes(count: number): NodeName[] {
    const { datanodes, random } = this.#options;
    return shuffled(
      Array.from({ length: datanodes }, (_, index) => index + 1),
      random,
    ).slice(0, count);
  }

  /** Kills or stops each of the nodes; a while later all run again. The while may be longer than all timeouts. */
  async #interrupt(nodes: readonly NodeName[]): Promise<void> {
    const { cluster, random, log } = this.#options;
    const how = nodes.map((): Interruption => (random.int(3) === 0 ? 'SIGSTOP' : 'kill -9'));
    const downMs = random.int(5_000);
    log(`${nodes.map((node, index) => `${how[index]} of ${nameOf(node)}`).join(', ')} for ${downMs} ms`);
    const stopped: number[] = [];
    await Promise.all(
      nodes.map(async (node, index) => {
        this.#count(`${how[index]} of ${node === 'namenode' ? 'the NameNode' : 'a DataNode'}`);
        if (how[index] === 'kill -9') return await cluster.kill9(node);
        const pid = await cluster.pid(node);
        process.kill(pid, 'SIGSTOP');
        stopped.push(pid);
      }),
    );
    await sleep(systemClock, downMs);
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    await this.#restartAll();
  }

  async #restartAll(): Promise<void> {
    const { cluster } = this.#options;
    const status = await cluster.status();
    if (!status.namenode.alive) await cluster.restart('namenode'); // and with it all the others
    for (const [index, { alive }] of (await cluster.status()).datanodes.entries()) {
      if (!alive) await cluster.restart(index + 1);
    }
  }

  /** A replica of which two others are good is damaged, and no other of its block as long as it is. */
  async #damageReplica(): Promise<void> {
    const { cluster, random, log, datanodes } = this.#options;
    const replicas = await replicasOf(cluster, 1 + random.int(datanodes));
    const replica = replicas[random.int(Math.max(1, replicas.length))];
    if (replica === undefined || !(await this.#mayBeDamaged(replica))) return;
    const [what, damage] = DAMAGES[random.int(DAMAGES.length)] as (typeof DAMAGES)[number];
    try {
      await damage(replica, random);
    } catch {
      return; // it has just been deleted, or is empty
    }
    this.#damagedBlocks.add(replica.blockId);
    this.#count(what);
    log(`${what} of block ${replica.blockId} on DataNode ${replica.datanode}`);
  }

  async #mayBeDamaged({ blockId, generationStamp, datanode }: ReplicaOnDisk): Promise<boolean> {
    const all = await replicasOfBlock(this.#options.cluster, blockId);
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
    const { cluster, random, nextNumber, onKilledPut, log } = this.#options;
    const number = nextNumber();
    const path = `/killed-${number}`;
    onKilledPut(path);
    const child = cluster.spawnDfs(['put', '-D', 'dfs.blocksize=64k', '-', path]);
    const ended = once(child, 'close');
    child.stdin?.write(contentOf(number, 0, 1 + random.int(400_000)));
    await sleep(systemClock, 300 + random.int(1_000));
    child.kill('SIGKILL');
    await ended;
    this.#count('kill -9 of a client');
    log(`kill -9 of the client that was putting ${path}`);
  }

  #count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
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

function nameOf(node: NodeName): string {
  return node === 'namenode' ? 'the NameNode' : `DataNode ${node}`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(systemClock, ms, signal).catch(() => {});
}
