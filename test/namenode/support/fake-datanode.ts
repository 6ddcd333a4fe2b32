import type { Block } from '../../../common/block.js';
import type { Clock, Timer } from '../../../common/clock.js';
import { sleep } from '../../../common/clock.js';
import { isDfsError } from '../../../common/errors.js';
import type { Random } from '../../../common/random.js';
import { ReplicaDigest } from '../../../common/replica-digest.js';
import type { DatanodeProtocolHandlers } from '../../../common/rpc/services.js';
import type { DatanodeCommand } from '../../../proto/generated/minihdfs/DatanodeCommand.js';
import type { RecoverCommand } from '../../../proto/generated/minihdfs/RecoverCommand.js';
import type { StorageReport } from '../../../proto/generated/minihdfs/StorageReport.js';

const GIB = 2 ** 30;
const HEARTBEAT_MS = 3_000;
/** How long a copy takes. */
const TRANSFER_MS = 2_000;

interface Held {
  readonly block: Block;
  /** Its bytes on disk are not what they should be. */
  rotten: boolean;
  finalized: boolean;
}

interface ReplicaEvent {
  readonly block: Block;
  readonly kind: EventKind;
  readonly storageId: string;
}

type EventKind = 'RECEIVING' | 'RECEIVED' | 'DELETED';

/** Who a fake DataNode talks to, at the moment: the NameNode may be away, or another process than before. */
export interface FakeDatanodeWorld {
  readonly clock: Clock;
  /** When set, things go wrong in ways that are nobody's fault: answers get lost, deletions and reports take their time. */
  readonly trouble?: Random | undefined;
  /** A deletion has been ordered. */
  readonly onDeletionOrdered?: (datanode: FakeDatanode, blockId: number) => void;
  /** Undefined while the NameNode is down. */
  protocol(): DatanodeProtocolHandlers | undefined;
  peer(uuid: string): FakeDatanode | undefined;
}

/** A DataNode without disks and sockets: what it holds is a map, a copy takes two seconds. */
export class FakeDatanode {
  readonly uuid: string;
  readonly host: string;
  /** Another one can be given to it while it is down. */
  rack: string;
  readonly storages = new Map<string, Map<number, Held>>();
  alive = false;
  /** Its process answers on its ports but does not talk to the NameNode. */
  hung = false;
  /** The answers to its heartbeats are lost. */
  deaf = false;
  capacityBytes = 100 * GIB;
  remainingBytes = 50 * GIB;
  activeTransfers = 0;
  failed = new Set<string>();
  /** The most copies that it was making at a time. */
  mostTransfers = 0;
  /** Blocks in the order in which copies were ordered. */
  readonly orderedTransfers: number[] = [];
  /** Blocks of which copies for the balancer were ordered. */
  readonly orderedMoves: number[] = [];
  mostMoves = 0;
  balancerBandwidth: number | undefined;
  /** Its used space is that of its blocks, instead of what is set. */
  countsItsBlocks = false;
  readonly orderedDeletions: number[] = [];
  readonly orderedRecoveries: RecoverCommand[] = [];
  /** Blocks whose deletion has been ordered and not carried out. */
  readonly leaving = new Set<number>();
  fullReports = 0;
  registrations = 0;
  readonly #world: FakeDatanodeWorld;
  #registrationId = '';
  #reportNumber = 0;
  #running = 0;
  #moving = 0;
  #failedTransfers: Block[] = [];
  #failedMoves: Block[] = [];
  #events: ReplicaEvent[] = [];
  /** A report whose answer was lost: it is sent again as it is. */
  #unanswered: { number: number; events: readonly ReplicaEvent[] } | undefined;
  #timer: Timer | undefined;
  #lane: Promise<void> = Promise.resolve();
  /** Ends what was begun before the process died. */
  #life = 0;

  constructor(world: FakeDatanodeWorld, index: number, rack: string, storageCount = 1) {
    this.#world = world;
    this.uuid = `dn-${index}`;
    this.host = `host-${index}`;
    this.rack = rack;
    for (let i = 0; i < storageCount; i++) this.storages.set(`ds-${index}-${i}`, new Map());
  }

  // ---- What a test does to it -----------------------------------------------------------------------------------------

  start(): void {
    this.alive = true;
    this.#life++;
    this.#running = 0;
    this.#moving = 0;
    this.#registrationId = '';
    this.#beat(0);
  }

  /** As kill -9 does: what is on disk stays. */
  kill(): void {
    this.alive = false;
    this.#life++;
    this.#timer?.cancel();
    this.leaving.clear();
    this.#events = [];
    this.#unanswered = undefined;
    this.#failedTransfers = [];
    this.#failedMoves = [];
    for (const held of this.storages.values()) {
      for (const [id, { finalized }] of held) if (!finalized) held.delete(id);
    }
  }

  get blocks(): number[] {
    return [...this.storages.values()].flatMap((held) =>
      [...held.values()].filter((h) => h.finalized).map((h) => h.block.blockId),
    );
  }

  storageIdOf(blockId: number): string | undefined {
    return [...this.storages].find(([, held]) => held.has(blockId))?.[0];
  }

  isRotten(blockId: number): boolean {
    return [...this.storages.values()].some((held) => held.get(blockId)?.rotten);
  }

  /** The bytes of a replica go bad; nobody notices until they are read. */
  rot(blockId: number): void {
    for (const held of this.storages.values()) {
      const replica = held.get(blockId);
      if (replica !== undefined) replica.rotten = true;
    }
  }

  /** A replica vanishes without a word. */
  lose(blockId: number): void {
    for (const held of this.storages.values()) held.delete(blockId);
  }

  /** A replica appears without a word: an old disk was put back. */
  put(block: Block, storageId = this.#firstStorage()): void {
    this.storages.get(storageId)?.set(block.blockId, { block, rotten: false, finalized: true });
  }

  // ---- What clients and other DataNodes do to it ----------------------------------------------------------------------

  begin(block: Block, storageId: string): void {
    this.storages.get(storageId)?.set(block.blockId, { block, rotten: false, finalized: false });
    this.#report('RECEIVING', block, storageId);
  }

  finalize(block: Block, storageId: string): void {
    this.storages.get(storageId)?.set(block.blockId, { block, rotten: false, finalized: true });
    this.#report('RECEIVED', block, storageId);
  }

  // ---- What it does ---------------------------------------------------------------------------------------------------

  #firstStorage(): string {
    return [...this.storages.keys()][0] as string;
  }

  #report(kind: EventKind, block: Block, storageId: string): void {
    this.#events.push({ block, kind, storageId });
    this.#enqueue(() => this.#sendEvents());
  }

  /** One call at a time. */
  #enqueue(call: () => Promise<void>): void {
    const life = this.#life;
    this.#lane = this.#lane.then(async () => {
      if (this.alive && !this.hung && life === this.#life) await call();
    });
  }

  #beat(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#world.clock.after(delayMs, () => {
      this.#enqueue(async () => {
        await this.#sendEvents();
        await this.#heartbeat();
      });
      this.#beat(HEARTBEAT_MS);
    });
  }

  async #sendEvents(): Promise<void> {
    const protocol = this.#world.protocol();
    if (protocol === undefined || this.#registrationId === '') return;
    if (this.#unanswered === undefined && this.#events.length > 0) {
      this.#unanswered = { number: ++this.#reportNumber, events: this.#events.splice(0) };
    }
    if (this.#unanswered === undefined) return;
    const { number, events } = this.#unanswered;
    try {
      await protocol.BlockReceivedAndDeleted(
        { ...this.#sender(), blocks: [...events], reportNumber: number },
        this.#context(),
      );
      if (this.#isUnlucky()) return; // the answer is lost: sent again with the next heartbeat
      this.#unanswered = undefined;
    } catch (error) {
      if (!isDfsError(error, 'UnknownDatanode')) throw error;
      this.#registrationId = '';
    }
  }

  #isUnlucky(): boolean {
    return this.#world.trouble !== undefined && this.#world.trouble.int(5) === 0;
  }

  /** Up to `maxMs`, when there is trouble. */
  async #delay(maxMs: number): Promise<void> {
    if (this.#world.trouble !== undefined) await sleep(this.#world.clock, this.#world.trouble.int(maxMs));
  }

  async #heartbeat(): Promise<void> {
    const protocol = this.#world.protocol();
    if (protocol === undefined) return;
    if (this.#registrationId === '') await this.#register(protocol);
    const { commands } = await protocol.Heartbeat(
      {
        ...this.#sender(),
        storages: this.#storageReports(),
        activeTransfers: this.activeTransfers,
        maxTransfers: 4096,
        replicationsInProgress: this.#running,
        failedVolumes: this.failed.size,
        failedTransfers: this.#failedTransfers.splice(0),
        failedMoves: this.#failedMoves.splice(0),
      },
      this.#context(),
    );
    if (this.deaf) return;
    for (const command of commands ?? []) await this.#carryOut(command, protocol);
  }

  async #register(protocol: DatanodeProtocolHandlers): Promise<void> {
    const response = await protocol.Register(
      {
        id: { uuid: this.uuid, host: this.host, dataPort: 9866, rpcPort: 9867, httpPort: 9864 },
        rack: this.rack,
        version: '1',
        clusterId: '',
        storages: this.#storageReports(),
      },
      this.#context(),
    );
    this.registrations++;
    this.#registrationId = response.registrationId ?? '';
    this.#reportNumber = 0;
    this.#events.unshift(...(this.#unanswered?.events ?? []));
    this.#unanswered = undefined;
  }

  get #usedBytes(): number {
    if (!this.countsItsBlocks) return this.capacityBytes - this.remainingBytes;
    const held = [...this.storages.values()].flatMap((replicas) => [...replicas.values()]);
    return held.reduce((sum, { block }) => sum + block.numBytes, 0);
  }

  #storageReports() {
    return [...this.storages].map(([storageId, held]) => {
      const digest = new ReplicaDigest();
      const finalized = [...held.values()].filter((replica) => replica.finalized);
      for (const { block } of finalized) digest.add(block);
      const told = this.#events.length === 0 && this.#unanswered === undefined;
      return {
        storageId,
        capacityBytes: this.capacityBytes,
        usedBytes: this.#usedBytes,
        remainingBytes: this.countsItsBlocks ? this.capacityBytes - this.#usedBytes : this.remainingBytes,
        failed: this.failed.has(storageId),
        replicas: told ? finalized.length : 0,
        digest: told ? digest.toBytes() : Buffer.alloc(0),
      } satisfies StorageReport;
    });
  }

  async #carryOut(command: DatanodeCommand, protocol: DatanodeProtocolHandlers): Promise<void> {
    if (command.register) {
      this.#registrationId = '';
      this.#beat(0);
    }
    for (const storageId of command.fullReport?.storageIds ?? []) {
      if (this.#world.trouble === undefined) await this.#fullReport(storageId, protocol);
      else void this.#fullReport(storageId, protocol).catch(() => undefined); // a registration may end meanwhile
    }
    for (const block of command.invalidate?.blocks ?? []) {
      this.orderedDeletions.push((block as Block).blockId);
      this.leaving.add((block as Block).blockId);
      this.#world.onDeletionOrdered?.(this, (block as Block).blockId);
      if (this.#world.trouble === undefined) this.#delete(block as Block);
      else void this.#deleteLater(block as Block);
    }
    if (command.transfer) {
      const targets = (command.transfer.targets ?? []).map(
        ({ datanode, storageId }) => [datanode?.uuid ?? '', storageId ?? ''] as const,
      );
      const block = command.transfer.block as Block;
      if (command.transfer.balancing) this.#move(block, targets);
      else this.#transfer(block, targets);
    }
    if (command.recover) this.orderedRecoveries.push(command.recover);
    if (command.balancerBandwidth) this.balancerBandwidth = Number(command.balancerBandwidth.bytesPerSecond);
  }

  async #fullReport(storageId: string, protocol: DatanodeProtocolHandlers): Promise<void> {
    this.fullReports++;
    const held = [...(this.storages.get(storageId)?.values() ?? [])].sort((a, b) => a.block.blockId - b.block.blockId);
    const parts = Math.max(1, Math.ceil(held.length / 10));
    const reportId = this.fullReports;
    for (let part = 0; part < parts; part++) {
      await this.#delay(5_000);
      const replicas = held.slice(part * 10, part * 10 + 10);
      const { commands = [] } = await protocol.BlockReport(
        {
          ...this.#sender(),
          storageId,
          reportId,
          part,
          lastPart: part === parts - 1,
          blockIds: replicas.map(({ block }) => block.blockId),
          generationStamps: replicas.map(({ block }) => block.generationStamp),
          lengths: replicas.map(({ block }) => block.numBytes),
          states: replicas.map(({ finalized }) => (finalized ? 1 : 2)),
        },
        this.#context(),
      );
      for (const command of commands) await this.#carryOut(command, protocol);
    }
  }

  async #deleteLater(block: Block): Promise<void> {
    const life = this.#life;
    await this.#delay(10_000);
    if (life === this.#life) this.#delete(block);
  }

  #delete({ blockId, generationStamp }: Block): void {
    this.leaving.delete(blockId);
    for (const [storageId, held] of this.storages) {
      const replica = held.get(blockId);
      if (replica === undefined || replica.block.generationStamp > generationStamp) continue;
      held.delete(blockId);
      this.#report('DELETED', replica.block, storageId);
    }
  }

  #move(block: Block, targets: readonly (readonly [uuid: string, storageId: string])[]): void {
    this.orderedMoves.push(block.blockId);
    this.#moving++;
    this.mostMoves = Math.max(this.mostMoves, this.#moving);
    const life = this.#life;
    this.#world.clock.after(TRANSFER_MS, () => {
      if (life !== this.#life) return;
      this.#moving--;
      if (!this.#copy(block, targets)) this.#failedMoves.push(block);
      this.#beat(0);
    });
  }

  #transfer(block: Block, targets: readonly (readonly [uuid: string, storageId: string])[]): void {
    this.orderedTransfers.push(block.blockId);
    this.#running++;
    this.mostTransfers = Math.max(this.mostTransfers, this.#running);
    const life = this.#life;
    this.#world.clock.after(TRANSFER_MS, () => {
      if (life !== this.#life) return;
      this.#running--;
      if (!this.#copy(block, targets)) this.#failedTransfers.push(block);
      this.#beat(0);
    });
  }

  #copy(block: Block, targets: readonly (readonly [uuid: string, storageId: string])[]): boolean {
    const held = [...this.storages.values()]
      .map((replicas) => replicas.get(block.blockId))
      .find((replica) => replica !== undefined);
    if (held === undefined || held.rotten) return false;
    for (const [uuid, storageId] of targets) {
      const peer = this.#world.peer(uuid);
      if (!peer?.alive || peer.storageIdOf(block.blockId) !== undefined) return false;
      peer.finalize(held.block, storageId);
    }
    return true;
  }

  #sender() {
    return { datanodeUuid: this.uuid, registrationId: this.#registrationId };
  }

  #context() {
    return { peerHost: this.host, signal: new AbortController().signal };
  }
}
