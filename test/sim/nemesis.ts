/** Does the harm that the options of a run ask for, and undoes it after a while. */
import type { Random } from '../../common/random.js';
import { shuffled } from '../../common/random.js';
import { Administrator } from './administrator.js';
import type { Cluster } from './cluster.js';
import type { CrashKind, DiskCondition } from './disk.js';
import type { DamageKind } from './disk-image.js';
import type { Machine } from './machine.js';
import { logUniform, type NemesisKind, pick, type SimulationOptions } from './options.js';
import { finalizedBlockOf } from './replicas.js';
import { isSpare } from './spare-replicas.js';

/** Whatever is broken is whole again after so long: mostly soon, sometimes only after processes have been given up. */
const LEAST_MS = 100;
const LONGEST_MS = 100_000;
const STOP_LIMIT_MS = 120_000;
/** Time to copy what the NameNode wants to have elsewhere before. */
const MAINTENANCE_LEAST_MS = 10_000;
/** Longer than anything is remembered by the time of day. */
const JUMP_MAX_MS = 3_600_000;
/** Calls at once, */
const BURST = 6;
/** which change nothing. */
const ROOT_MODE = 0o755;

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly administrator: Administrator;
  #isOver = false;

  constructor(cluster: Cluster, options: SimulationOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = cluster.world.fork();
    this.administrator = new Administrator(cluster, cluster.world.fork());
  }

  start(): void {
    for (const [kind, meanMs] of this.#options.nemesis) this.#scheduleNext(kind, meanMs);
  }

  /** No more harm; what was done is undone by {@link Cluster.heal}. */
  stop(): void {
    this.#isOver = true;
  }

  #scheduleNext(kind: NemesisKind, meanMs: number): void {
    const delayMs = -meanMs * Math.log(1 - this.#random.fraction());
    this.#cluster.world.scheduler.after(delayMs, `nemesis ${kind}`, () => {
      if (this.#isOver) return;
      this.#cluster.world.log('nemesis', kind);
      this.#strike(kind);
      this.#scheduleNext(kind, meanMs);
    });
  }

  #strike(kind: NemesisKind): void {
    const { namenode, datanodes, clients } = this.#cluster;
    switch (kind) {
      case 'kill namenode':
        return this.#crash(namenode, 'kill');
      case 'cut namenode':
        return this.#cut(namenode);
      case 'stop namenode':
        return this.#stop(namenode);
      case 'kill datanode':
        return this.#crashSome('kill');
      case 'cut datanode':
        return this.#crashSome('power cut');
      case 'stop datanode':
        return this.#stop(pick(this.#random, datanodes));
      case 'kill client':
        return this.#crash(pick(this.#random, clients), 'kill');
      case 'partition':
        return this.#partition(true);
      case 'one-way partition':
        return this.#partition(false);
      case 'clog link':
        return this.#clog();
      case 'noisy network card':
        return this.#makeNoisy();
      case 'break connections':
        for (let i = 1 + this.#random.int(3); i > 0; i--) this.#breakConnection();
        return;
      case 'slow disk':
        return this.#disturbDisk('disk: slow', { slowness: 10 ** (1 + 2 * this.#random.fraction()) }, { slowness: 1 });
      case 'read errors':
        return this.#disturbDisk(undefined, { readErrorRate: 0.01 * this.#random.fraction() }, { readErrorRate: 0 });
      case 'write errors':
        return this.#writeErrors();
      case 'full disk':
        return this.#fillDisk();
      case 'rot':
        return this.#rot();
      case 'lose replicas':
        return this.#loseReplicas();
      case 'jump clock':
        return this.#jumpClock();
      case 'save namespace':
        return this.#saveNamespace();
      case 'decommission':
        return this.#later(this.administrator.takeOut(kind));
      case 'maintenance':
        return this.#maintain();
      case 'balance':
        return this.administrator.balance();
      case 'change rack':
        return this.#changeRack();
      default:
        throw new Error(`unknown kind ${String(kind satisfies never)}`);
    }
  }

  /**
   * At any moment, or at one at which a disk has not all that it was given; often such that of a write that is longer than a sector a later
   * part reaches the disk and an earlier one does not.
   */
  #cut(machine: Machine): void {
    if (this.#random.int(3) === 0) {
      this.#crash(machine, 'power cut');
      return;
    }
    const disk = pick(this.#random, machine.disks);
    const isToTear = this.#random.int(3) > 0;
    const cut = (): void => {
      if (this.#isOver) return;
      if (isToTear) disk.tearAtPowerCut();
      this.#crash(machine, 'power cut');
    };
    disk.duringNext('sync', cut, { sectorsMin: isToTear ? 2 : 0 });
    if (machine === this.#cluster.namenode) this.#provoke();
  }

  /** Has the NameNode log a batch that takes more than a sector. */
  #provoke(): void {
    const { fs } = pick(this.#random, this.#cluster.clients);
    for (let i = 0; i < BURST; i++) fs?.setPermission('/', ROOT_MODE).catch(() => {});
  }

  /** Whether a path is that of the data of a replica that is being written, while somebody waits to hear that something is on all DataNodes. */
  readonly #isBeingFlushed = (path: string): boolean =>
    path.includes('/current/rbw/blk_') && !path.endsWith('.meta') && this.#cluster.workplace.flushing.size > 0;

  /** At any moment, or while it writes something that nobody may be told of yet. */
  #kill(machine: Machine): void {
    const kill = (): void => {
      if (!this.#isOver) this.#crash(machine, 'kill');
    };
    if (this.#random.int(2) === 0) kill();
    else for (const disk of machine.disks) disk.duringNext('write', kill, { isMeant: this.#isBeingFlushed });
  }

  #crash(machine: Machine, kind: CrashKind): void {
    if (machine.running === undefined) return;
    machine.crash(kind);
    this.#later(() => machine.start());
  }

  /** Mostly one, sometimes several at once: a rack, or everything. */
  #crashSome(kind: CrashKind): void {
    const { datanodes } = this.#cluster;
    const count = pick(this.#random, [1, 1, 1, 2, datanodes.length]);
    const [one, ...others] = shuffled(datanodes, this.#random).slice(0, count);
    for (const machine of others) this.#crash(machine, kind);
    if (one === undefined) return;
    if (kind === 'power cut' && others.length === 0) this.#cut(one);
    else if (others.length === 0) this.#kill(one);
    else this.#crash(one, kind);
  }

  #stop(machine: Machine): void {
    machine.stop(STOP_LIMIT_MS);
    this.#later(() => machine.start());
  }

  #partition(bothWays: boolean): void {
    const { links, faults } = this.#cluster.world;
    const hosts = shuffled(this.#cluster.hosts, this.#random);
    const cut = 1 + this.#random.int(hosts.length - 1);
    const blocked: [string, string][] = [];
    for (const a of hosts.slice(0, cut)) {
      for (const b of hosts.slice(cut)) {
        blocked.push([a, b]);
        if (bothWays) blocked.push([b, a]);
      }
    }
    faults.count(bothWays ? 'network: partition' : 'network: one-way partition');
    for (const [from, to] of blocked) links.block(from, to);
    this.#later(() => {
      for (const [from, to] of blocked) links.unblock(from, to);
    });
  }

  /** Any one, or one between two DataNodes with what somebody waits for to be on all of them. */
  #breakConnection(): void {
    const { network } = this.#cluster.world;
    const isBetweenDatanodes = (from: string, to: string): boolean =>
      [from, to].every((host) => this.#cluster.datanodes.some((datanode) => datanode.host === host));
    const isMeant = (from: string, to: string): boolean =>
      !this.#isOver && this.#cluster.workplace.flushing.size > 0 && isBetweenDatanodes(from, to);
    if (this.#random.int(2) === 0) network.breakOne();
    else network.breakDuringNext(isMeant);
  }

  #clog(): void {
    const { links, faults } = this.#cluster.world;
    const [from, to] = shuffled(this.#cluster.hosts, this.#random) as [string, string];
    faults.count('network: clogged link');
    links.setQuality(from, to, { latencyMs: 50, jitterMs: 200, bytesPerMs: 2 + this.#random.int(20), lossRate: 0 });
    this.#later(() => links.setQuality(from, to, undefined));
  }

  /** The network card of one machine. */
  #makeNoisy(): void {
    const { datanodes, clients, world } = this.#cluster;
    const { links } = world;
    const { host: from } = pick(this.#random, [...datanodes, ...clients]);
    const hosts = [...datanodes, ...clients].map(({ host }) => host).filter((host) => host !== from);
    const quality = { ...this.#options.link, flipRate: 0.5 * this.#random.fraction() };
    for (const to of hosts) links.setQuality(from, to, quality);
    this.#later(() => {
      for (const to of hosts) links.setQuality(from, to, undefined);
    });
  }

  #disturbDisk(kind: string | undefined, worse: Partial<DiskCondition>, better: Partial<DiskCondition>): void {
    const machine = pick(this.#random, [this.#cluster.namenode, ...this.#cluster.datanodes]);
    const disk = pick(this.#random, machine.disks);
    if (kind !== undefined) this.#cluster.world.faults.count(kind);
    Object.assign(disk.condition, worse);
    this.#later(() => Object.assign(disk.condition, better));
  }

  #writeErrors(): void {
    const rate = 0.2 * this.#random.fraction();
    if (this.#random.int(2) === 0) this.#disturbDisk(undefined, { writeErrorRate: rate }, { writeErrorRate: 0 });
    else this.#disturbDisk(undefined, { syncErrorRate: rate }, { syncErrorRate: 0 });
  }

  #fillDisk(): void {
    const machine = pick(this.#random, [this.#cluster.namenode, ...this.#cluster.datanodes]);
    const disk = pick(this.#random, machine.disks);
    const { capacityBytes } = disk.condition;
    disk.condition.capacityBytes = Math.min(capacityBytes, disk.usedBytes + this.#random.int(100_000));
    this.#later(() => {
      disk.condition.capacityBytes = this.#cluster.diskCapacityBytes;
    });
  }

  /**
   * Spoils a replica, of which two others are good: before anybody notices it, an append may lose a DataNode of its pipeline, and goes on with the
   * others.
   */
  #rot(): void {
    const kinds: readonly DamageKind[] = ['bit flip', 'lost write', 'misdirected write'];
    const machine = pick(this.#random, this.#cluster.datanodes);
    const disk = pick(this.#random, machine.disks);
    const files = [...disk.files()].map(({ path }) => path).filter((path) => finalizedBlockOf(path) !== undefined);
    const [path] = shuffled(files, this.#random);
    if (path === undefined || !isSpare(this.#cluster, machine, finalizedBlockOf(path), 2)) return;
    disk.damage(path, pick(this.#random, kinds));
  }

  /** A DataNode dies, and the repair of a file system takes replicas from it, but never the last good one of a block. */
  #loseReplicas(): void {
    const machine = pick(this.#random, this.#cluster.datanodes);
    const disk = pick(this.#random, machine.disks);
    this.#crash(machine, 'kill');
    const files = [...disk.files()].map(({ path }) => path);
    const blocks = new Set(files.map((path) => finalizedBlockOf(path)));
    const spare = shuffled([...blocks], this.#random).filter((block) => isSpare(this.#cluster, machine, block));
    const lost = new Set(spare.slice(0, 1 + this.#random.int(Math.max(1, spare.length))));
    if (lost.size === 0) return;
    this.#cluster.world.faults.count('disk: replica lost', lost.size);
    disk.lose(files.filter((path) => lost.has(finalizedBlockOf(path))));
  }

  #jumpClock(): void {
    const machine = pick(this.#random, [this.#cluster.namenode, ...this.#cluster.datanodes, ...this.#cluster.clients]);
    this.#cluster.world.faults.count('clock: jump');
    machine.clockError.skewMs += (2 * this.#random.fraction() - 1) * JUMP_MAX_MS;
  }

  /** Whoever is in maintenance may be away for as long as it takes. */
  #maintain(): void {
    const { scheduler, faults } = this.#cluster.world;
    const forMs = logUniform(this.#random, MAINTENANCE_LEAST_MS, LONGEST_MS);
    const { machine, end } = this.administrator.maintain(forMs);
    const isSwitchedOff = this.#random.int(2) === 0;
    const switchOff = (): void => {
      if (this.#isOver || machine.running === undefined) return;
      faults.count('administrator: switched off in maintenance');
      machine.stop(STOP_LIMIT_MS);
    };
    if (isSwitchedOff) scheduler.after(0.5 * forMs * this.#random.fraction(), 'maintenance begins', switchOff);
    scheduler.after(forMs, 'maintenance ends', () => {
      if (isSwitchedOff) machine.start();
      end();
    });
  }

  #changeRack(): void {
    const machine = pick(this.#random, this.#cluster.datanodes);
    this.administrator.moveToAnotherRack(machine);
    this.#stop(machine);
  }

  #saveNamespace(): void {
    const client = pick(this.#random, this.#cluster.clients);
    client.fs?.saveNamespace().catch(() => {});
  }

  #later(action: () => void): void {
    this.#cluster.world.scheduler.after(logUniform(this.#random, LEAST_MS, LONGEST_MS), 'nemesis relents', action);
  }
}
