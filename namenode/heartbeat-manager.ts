/**
 * Who is alive: DataNodes are live, stale (heartbeats late: used last, and suspected) and dead (their replicas are given up).
 * Everything here is synchronous and takes the time as an argument; probes are asked for and their results handed in.
 *
 * HDFS's rule: dead after twice the recheck interval plus ten heartbeat intervals of silence. A silent DataNode is probed meanwhile, so that
 * the log tells a crashed one from one that hangs, or that only cannot reach the NameNode. Where
 * dfs.namenode.unreachable.datanode.interval is set, one whose ports do not answer either is given up after that time already. One that came
 * back from that is given twice the time the next time, so that a DataNode that comes and goes does not have its blocks copied each time.
 */
import type { Logger } from '../common/logging.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import type { StorageReport } from './storage-report.js';

export interface HeartbeatSettings {
  readonly staleAfterMs: number;
  readonly deadAfterMs: number;
  /** Silence after which a DataNode is dead if its ports do not answer; 0: no difference. */
  readonly unreachableAfterMs: number;
  /** How often {@link HeartbeatManager.tick} is called. */
  readonly tickMs: number;
}

/** The message of a DataNode, every few seconds. */
export interface Heartbeat {
  readonly storages: readonly StorageReport[];
  readonly activeTransfers: number;
  readonly maxTransfers: number;
  readonly failedVolumes: number;
}

export interface HeartbeatTick {
  /** Declared dead just now. */
  readonly dead: readonly DatanodeDescriptor[];
  /** To be probed now; the result goes to {@link HeartbeatManager.probed}. */
  readonly suspects: readonly DatanodeDescriptor[];
}

/** Failed probes in a row that make a DataNode unreachable. */
const FAILED_PROBES_MIN = 3;
/** So long after its last early death a DataNode is as good as any other again. */
const FLAPPING_FORGOTTEN_AFTER_MS = 3_600_000;

/** Deaths of unreachable DataNodes before the whole time was over; each one was premature if the DataNode came back. */
interface EarlyDeaths {
  readonly count: number;
  readonly lastMs: number;
}

interface Suspicion {
  probing: boolean;
  lastProbeMs: number;
  failedProbes: number;
}

export class HeartbeatManager {
  readonly #settings: HeartbeatSettings;
  readonly #logger: Logger;
  readonly #staleAfterMs: number;
  readonly #probeEveryMs: number;
  readonly #suspicions = new Map<DatanodeDescriptor, Suspicion>();
  readonly #earlyDeaths = new WeakMap<DatanodeDescriptor, EarlyDeaths>();
  #lastTickMs: number | undefined;

  constructor(settings: HeartbeatSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    // However short the time until death is set, a DataNode is suspected and probed before.
    this.#staleAfterMs = Math.min(settings.staleAfterMs, settings.deadAfterMs / 2);
    const suspectedMs = (settings.unreachableAfterMs || settings.deadAfterMs) - this.#staleAfterMs;
    this.#probeEveryMs = Math.max(
      settings.tickMs,
      Math.min(settings.staleAfterMs, suspectedMs / (FAILED_PROBES_MIN + 1)),
    );
  }

  heartbeat(node: DatanodeDescriptor, heartbeat: Heartbeat, nowMs: number): void {
    if (node.state === 'stale') this.#logger.info({ datanode: node.name }, 'a stale DataNode is back');
    node.state = 'live';
    node.lastContactMs = nowMs;
    node.activeTransfers = heartbeat.activeTransfers;
    node.maxTransfers = heartbeat.maxTransfers;
    node.failedVolumes = heartbeat.failedVolumes;
    this.#suspicions.delete(node);
    updateStorages(node, heartbeat.storages);
  }

  /** To be called every `tickMs`: changes states as time goes by. */
  tick(nodes: Iterable<DatanodeDescriptor>, nowMs: number): HeartbeatTick {
    const all = [...nodes];
    this.#grantPause(all, nowMs);
    const dead: DatanodeDescriptor[] = [];
    const suspects: DatanodeDescriptor[] = [];
    for (const node of all) {
      if (node.state === 'dead') continue;
      const silentMs = nowMs - node.lastContactMs;
      if (this.#isDead(node, silentMs, nowMs)) {
        this.#declareDead(node, silentMs, nowMs);
        dead.push(node);
      } else if (silentMs >= this.#staleAfterMs && this.#suspect(node, nowMs)) suspects.push(node);
    }
    return { dead, suspects };
  }

  /** Whether the ports of a suspect answered. */
  probed(node: DatanodeDescriptor, reachable: boolean): void {
    const suspicion = this.#suspicions.get(node);
    if (suspicion === undefined) return;
    suspicion.probing = false;
    suspicion.failedProbes = reachable ? 0 : suspicion.failedProbes + 1;
    if (reachable) this.#logger.warn({ datanode: node.name }, 'a DataNode answers on its port but sends no heartbeats');
  }

  /**
   * When this process itself stood still (stopped, swapped out, a blocked event loop), nobody could be heard: the DataNodes are given the
   * time that is missing, instead of being declared dead all at once.
   */
  #grantPause(nodes: readonly DatanodeDescriptor[], nowMs: number): void {
    const lateMs = this.#lastTickMs === undefined ? 0 : nowMs - this.#lastTickMs - this.#settings.tickMs;
    this.#lastTickMs = nowMs;
    if (lateMs <= this.#settings.tickMs) return;
    this.#logger.warn({ lateMs: Math.round(lateMs) }, 'the NameNode stood still; DataNodes are given that time');
    for (const node of nodes) node.lastContactMs = Math.min(nowMs, node.lastContactMs + lateMs);
  }

  #isDead(node: DatanodeDescriptor, silentMs: number, nowMs: number): boolean {
    const { deadAfterMs, unreachableAfterMs } = this.#settings;
    if (silentMs >= deadAfterMs) return true;
    if (unreachableAfterMs === 0 || silentMs < unreachableAfterMs * 2 ** this.#flaps(node, nowMs)) return false;
    return (this.#suspicions.get(node)?.failedProbes ?? 0) >= FAILED_PROBES_MIN;
  }

  /** How often the DataNode came back from an early death lately. */
  #flaps(node: DatanodeDescriptor, nowMs: number): number {
    const { count, lastMs } = this.#earlyDeaths.get(node) ?? { count: 0, lastMs: nowMs };
    return nowMs - lastMs < FLAPPING_FORGOTTEN_AFTER_MS ? count : 0;
  }

  #declareDead(node: DatanodeDescriptor, silentMs: number, nowMs: number): void {
    if (silentMs < this.#settings.deadAfterMs)
      this.#earlyDeaths.set(node, { count: this.#flaps(node, nowMs) + 1, lastMs: nowMs });
    const reachable = this.#suspicions.get(node)?.failedProbes === 0;
    this.#suspicions.delete(node);
    node.state = 'dead';
    node.registrationId = undefined;
    const silentSeconds = Math.round(silentMs / 1000);
    this.#logger.warn(
      { datanode: node.name, silentSeconds, reachable },
      'a DataNode is dead: its replicas are given up',
    );
  }

  /** True when the DataNode should be probed now. */
  #suspect(node: DatanodeDescriptor, nowMs: number): boolean {
    if (node.state === 'live') this.#logger.warn({ datanode: node.name }, 'a DataNode is stale: no heartbeat');
    node.state = 'stale';
    let suspicion = this.#suspicions.get(node);
    if (suspicion === undefined) {
      suspicion = { probing: false, lastProbeMs: Number.NEGATIVE_INFINITY, failedProbes: 0 };
      this.#suspicions.set(node, suspicion);
    }
    if (suspicion.probing || nowMs - suspicion.lastProbeMs < this.#probeEveryMs) return false;
    suspicion.probing = true;
    suspicion.lastProbeMs = nowMs;
    return true;
  }
}

function updateStorages(node: DatanodeDescriptor, reports: readonly StorageReport[]): void {
  const missing = new Set(node.storages.values());
  for (const report of reports) {
    const storage = node.storages.get(report.uuid);
    if (storage === undefined) continue;
    storage.update(report);
    missing.delete(storage);
  }
  for (const storage of missing) storage.gone();
}
