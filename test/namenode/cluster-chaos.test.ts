/** Whatever happens to the cluster, as long as one good copy of a block is left somewhere, it ends with all the copies it should have. */
import test from 'ava';
import { type Random, seededRandom } from '../../common/random.js';
import { decideAboutDatanodes } from '../../namenode/operations/administer-datanodes.js';
import { setReplication } from '../../namenode/operations/attributes.js';
import { parsePath } from '../../namenode/paths.js';
import type { BlockRow } from '../../namenode/storage/rows.js';
import { AdminDecision } from '../../namenode/storage/schema.js';
import { BLOCK_BYTES, BLOCK_SETTINGS, FakeCluster } from './support/fake-cluster.js';
import type { FakeDatanode } from './support/fake-datanode.js';
import { ROOT } from './support/namesystem-fixture.js';

const SEEDS = 12;
const STEPS = 40;
const RACKS = ['/a', '/a', '/b', '/b', '/c'];
const SETTINGS = {
  heartbeats: { staleAfterMs: 10_000, deadAfterMs: 40_000, unreachableAfterMs: 0, tickMs: 1_000 },
  replication: { maxStreams: 2, maxStreamsHardLimit: 4, pendingTimeoutMs: 30_000 },
  safeMode: { ...BLOCK_SETTINGS.safeMode, extensionMs: 10_000 },
  admin: { ...BLOCK_SETTINGS.admin, intervalMs: 5_000 },
};

interface File {
  readonly path: string;
  replication: number;
  readonly blocks: readonly BlockRow[];
}

/** For so long the NameNode may believe in a replica that is gone: silence up to staleness, a digest that differs, one report. */
const ILLUSION_MS = 20_000;

class Chaos {
  readonly files: File[] = [];
  readonly #random: Random;
  #started: FakeCluster | undefined;
  #count = 0;
  /** When a DataNode fell silent, by uuid; when it lost a replica, by uuid and block. */
  readonly #goneMs = new Map<string, number>();
  /** Deletions that no other replica made up for. */
  readonly mistakes: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get #cluster(): FakeCluster {
    if (this.#started === undefined) throw new Error('not started');
    return this.#started;
  }

  begin(cluster: FakeCluster): void {
    this.#started = cluster;
  }

  /** A good replica may be deleted only if as many others as wanted are there, or the NameNode cannot know better yet. */
  deletionOrdered(datanode: FakeDatanode, blockId: number): void {
    const file = this.files.find(({ blocks }) => blocks.some(({ id }) => id === blockId));
    const block = file?.blocks.find(({ id }) => id === blockId);
    if (file === undefined || block === undefined || !this.goodCopies(block).includes(datanode)) return;
    const others = this.#cluster.datanodes.filter((other) => other !== datanode && this.#mayBeBelievedIn(other, block));
    if (others.length >= file.replication) return;
    const names = others.map(({ uuid }) => uuid).join(', ');
    this.mistakes.push(`${datanode.uuid} was to delete ${blockId}; of ${file.replication} wanted there were: ${names}`);
  }

  #mayBeBelievedIn(datanode: FakeDatanode, block: BlockRow): boolean {
    const nowMs = this.#cluster.clock.monotonicMs();
    const isRecent = (key: string): boolean =>
      nowMs - (this.#goneMs.get(key) ?? Number.NEGATIVE_INFINITY) < ILLUSION_MS;
    if (isRecent(`${datanode.uuid}/${block.id}`)) return true;
    // One that is being taken out of service is no reason to delete another one.
    if (this.#cluster.management.datanodes.node(datanode.uuid)?.adminState !== 'normal') return false;
    const speaks = (datanode.alive && !datanode.hung) || isRecent(datanode.uuid);
    return speaks && this.goodCopies(block).includes(datanode) && !this.#isLeaving(datanode, block.id);
  }

  /** Its deletion has been ordered. It may have got the replica again after that, which only the order of events would tell. */
  #isLeaving(datanode: FakeDatanode, blockId: number): boolean {
    return datanode.leaving.has(blockId);
  }

  #silent({ uuid }: FakeDatanode): void {
    this.#goneMs.set(uuid, this.#cluster.clock.monotonicMs());
  }

  async step(): Promise<void> {
    const actions = [
      this.#write,
      this.#write,
      this.#kill,
      this.#kill,
      this.#start,
      this.#start,
      this.#start,
      this.#rot,
      this.#lose,
      this.#resurrect,
      this.#setReplication,
      this.#delete,
      this.#restartNamenode,
      this.#hang,
      this.#administer,
      this.#administer,
      this.#balance,
    ];
    await actions[this.#random.int(actions.length)]?.call(this);
    await this.#cluster.advance(this.#random.int(30_000));
  }

  /** Copies on disk that are what they should be, on running DataNodes or not. */
  goodCopies({ id, generation_stamp, length }: BlockRow): FakeDatanode[] {
    return this.#cluster.datanodes.filter((datanode) => {
      const held = [...datanode.storages.values()]
        .map((storage) => storage.get(id))
        .find((replica) => replica !== undefined);
      return (
        held?.finalized &&
        !held.rotten &&
        held.block.generationStamp === generation_stamp &&
        held.block.numBytes === length
      );
    });
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#random.int(Math.max(1, items.length))];
  }

  async #write(): Promise<void> {
    if (this.#cluster.ns.blocks.safeMode().on || !this.#cluster.datanodes.some(({ alive }) => alive)) return;
    const path = `/f${this.#count++}`;
    const replication = 1 + this.#random.int(3);
    const blocks = await this.#cluster.write(path, { replication, blocks: 1 + this.#random.int(4) }).catch(() => []);
    const written = blocks.filter((block) => this.goodCopies(block).length > 0);
    if (blocks.length > 0 && written.length === blocks.length) this.files.push({ path, replication, blocks });
  }

  async #kill(): Promise<void> {
    const datanode = this.#pick(this.#cluster.datanodes.filter(({ alive }) => alive));
    if (datanode === undefined) return;
    datanode.kill();
    this.#silent(datanode);
  }

  async #start(): Promise<void> {
    this.#pick(this.#cluster.datanodes.filter(({ alive }) => !alive))?.start();
  }

  async #hang(): Promise<void> {
    const datanode = this.#pick(this.#cluster.datanodes);
    if (datanode === undefined) return;
    datanode.hung = true;
    this.#silent(datanode);
    await this.#cluster.advance(this.#random.int(60_000));
    datanode.hung = false;
  }

  /** Some replica goes bad, and a reader tells. Never the last good one on a running DataNode. */
  async #rot(): Promise<void> {
    const block = this.#pick(this.#pick(this.files)?.blocks ?? []);
    if (block === undefined) return;
    const good = this.goodCopies(block).filter(({ alive }) => alive);
    if (good.length < 2) return;
    const bad = good[0] as FakeDatanode;
    bad.rot(block.id);
    const { id: blockId, generation_stamp: generationStamp, length: numBytes } = block;
    await this.#cluster.ns.blocks.markCorrupt({ blockId, generationStamp, numBytes }, bad.uuid, '');
  }

  async #lose(): Promise<void> {
    const block = this.#pick(this.#pick(this.files)?.blocks ?? []);
    if (block === undefined) return;
    // Two others: one of them may be on its way out, as surplus, with the order for that given already.
    const sure = this.goodCopies(block).filter((datanode) => datanode.alive && !this.#isLeaving(datanode, block.id));
    const [loser] = sure;
    if (loser === undefined || sure.length <= block.replication) return;
    loser.lose(block.id);
    this.#goneMs.set(`${loser.uuid}/${block.id}`, this.#cluster.clock.monotonicMs());
  }

  /** A replica of a file that is there comes back from nowhere. */
  async #resurrect(): Promise<void> {
    const block = this.#pick(this.#pick(this.files)?.blocks ?? []);
    const datanode = this.#pick(this.#cluster.datanodes);
    if (block === undefined || datanode === undefined || datanode.storageIdOf(block.id) !== undefined) return;
    const { id: blockId, generation_stamp: generationStamp, length: numBytes } = block;
    datanode.put({ blockId, generationStamp: generationStamp - this.#random.int(2), numBytes });
  }

  async #setReplication(): Promise<void> {
    const file = this.#pick(this.files);
    if (file === undefined || this.#cluster.ns.blocks.safeMode().on) return;
    const replication = 1 + this.#random.int(4);
    file.replication = Math.min(file.replication, replication); // the lower of both, until it is done
    await setReplication(this.#cluster.ns, ROOT, parsePath(file.path), replication);
    file.replication = replication;
  }

  async #delete(): Promise<void> {
    const file = this.#pick(this.files);
    if (file === undefined || this.#random.int(3) > 0) return;
    this.files.splice(this.files.indexOf(file), 1);
    const inode = file.blocks[0]?.inode ?? 0;
    await this.#cluster.fixture.journal.mutate((tx) => {
      tx.log({ op: 'delete', timeMs: 0, id: inode });
      tx.log({ op: 'reap', timeMs: 0, blocks: file.blocks.map(({ id }) => id), inodes: [inode] });
    });
  }

  /** Takes a DataNode out of service, or back into it. */
  async #administer(): Promise<void> {
    const { NORMAL, DECOMMISSION, MAINTENANCE } = AdminDecision;
    const datanode = this.#pick(this.#cluster.datanodes);
    const decision = this.#pick([NORMAL, NORMAL, DECOMMISSION, MAINTENANCE]);
    if (datanode !== undefined && decision !== undefined) await this.decide(datanode, decision);
  }

  async decide({ uuid }: FakeDatanode, decision: AdminDecision): Promise<void> {
    const { ns, management } = this.#cluster;
    if (ns.blocks.safeMode().on || management.datanodes.node(uuid) === undefined) return;
    await decideAboutDatanodes(ns, management, ROOT, { names: [uuid], decision, expiresMs: 0 });
  }

  async #balance(): Promise<void> {
    const { balancer } = this.#cluster.management;
    if (balancer.status().isRunning) balancer.stop();
    else balancer.start(1 + this.#random.int(5));
  }

  async #restartNamenode(): Promise<void> {
    await this.#cluster.restartNamenode();
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`chaos, seed ${seed}`, async (t) => {
    const chaos = new Chaos(seededRandom(seed));
    const cluster = await FakeCluster.start({
      racks: RACKS,
      seed,
      settings: SETTINGS,
      trouble: seededRandom(seed + 1_000),
      onDeletionOrdered: (datanode, blockId) => chaos.deletionOrdered(datanode, blockId),
    });
    chaos.begin(cluster);
    for (const datanode of cluster.datanodes) {
      datanode.countsItsBlocks = true;
      datanode.capacityBytes = 200 * BLOCK_BYTES;
    }
    try {
      for (let i = 0; i < STEPS; i++) {
        await chaos.step();
        for (const block of chaos.files.flatMap(({ blocks }) => blocks)) {
          if (chaos.goodCopies(block).length === 0) t.fail(`step ${i}: no good copy of ${block.id} is left`);
        }
        t.deepEqual(chaos.mistakes, [], `step ${i}`);
      }
      for (const datanode of cluster.datanodes) if (!datanode.alive) datanode.start();
      await cluster.waitFor('the end of safe mode', () => !cluster.management.safeMode.isOn);
      cluster.management.balancer.stop();
      for (const datanode of cluster.datanodes) await chaos.decide(datanode, AdminDecision.NORMAL);
      const done = (): boolean =>
        chaos.files.every(({ blocks, replication }) =>
          blocks.every(
            (block) =>
              cluster.holders(block.id).length === replication && chaos.goodCopies(block).length === replication,
          ),
        );
      await cluster.waitFor('all blocks have the replicas they should have', done, 900_000);
      await cluster.advance(120_000);
      t.true(done(), 'and keep them');
      const { summary } = await cluster.check();
      t.like(summary, { underReplicated: 0, overReplicated: 0, misReplicated: 0, corrupt: 0, missing: 0 });
      const known = new Set(cluster.fixture.journal.committed.prepare('SELECT id FROM blocks').pluck().all());
      for (const { blocks } of cluster.datanodes)
        t.true(
          blocks.every((id) => known.has(id)),
          'nothing is left of deleted files',
        );
      for (const { mostTransfers } of cluster.datanodes)
        t.true(mostTransfers <= 4, `${mostTransfers} copies at a time`);
    } finally {
      await cluster.close();
    }
  });
}
