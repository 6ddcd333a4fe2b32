/**
 * Where the replicas of a block go: HDFS's default policy, as a pure function of the cluster's state, the request and random numbers.
 *
 * The first replica goes to the writer's own DataNode, else near it, else anywhere; the second to another rack; the third to the
 * second's rack; further ones anywhere. No rack gets more than (replicas - 1) / racks + 2 of them, no DataNode two.
 *
 * What cannot be had that way is looked for with fewer conditions, in the order of {@link LEVELS}: HDFS gives up the condition on stale
 * DataNodes, we those that are only about comfort as well, because on three machines there is nobody else to take the block.
 */

import type { Random } from '../common/random.js';
import { formatSize } from '../common/units.js';
import type { Target, TargetRequest } from './blocks.js';
import { type Place, pipelineOrder, rackOfHost } from './network-topology.js';

export interface CandidateStorage {
  readonly uuid: string;
  readonly remainingBytes: number;
  /** What has been promised of that to writes that are under way; an estimate. */
  readonly scheduledBytes: number;
}

/** A DataNode as the policy sees it. */
export interface Candidate extends Place {
  readonly uuid: string;
  /** `host:port`, for messages. */
  readonly name: string;
  /** Why it takes no blocks at all ("dead since …"); undefined when it is in service. */
  readonly outOfService: string | undefined;
  /** Its heartbeats are late. */
  readonly stale: boolean;
  /** Its full block report has not been processed: what is written there does not count yet. */
  readonly unreported: boolean;
  readonly activeTransfers: number;
  /** Those that work. */
  readonly storages: readonly CandidateStorage[];
}

export interface Refusal {
  readonly name: string;
  readonly rack: string;
  readonly reason: string;
}

export interface Placement {
  /** In pipeline order; at most as many as were asked for, perhaps none. */
  readonly targets: readonly Target[];
  /** Each DataNode that was not taken, and why; empty when there are as many targets as were asked for. */
  readonly refusals: readonly Refusal[];
}

/** A DataNode is busy with more than twice the mean number of transfers (HDFS's considerLoad.factor), */
const BUSY_FACTOR = 2;
/** but never with so few: on an idle cluster a single transfer is more than twice the mean. */
const IDLE_TRANSFERS_MAX = 16;

interface Level {
  /** Refuse busy DataNodes, unreported ones, and count promised bytes as used. */
  readonly comfort: boolean;
  readonly refuseStale: boolean;
  readonly limitPerRack: boolean;
}

const LEVELS: readonly Level[] = [
  { comfort: true, refuseStale: true, limitPerRack: true },
  { comfort: false, refuseStale: true, limitPerRack: true },
  { comfort: false, refuseStale: true, limitPerRack: false },
];
/** Only when there would be no replica otherwise: most stale DataNodes are dead ones that nobody has declared dead yet. */
const LAST_RESORT: Level = { comfort: false, refuseStale: false, limitPerRack: false };

export function choosePlacement(cluster: readonly Candidate[], request: TargetRequest, random: Random): Placement {
  const search = new Search(cluster, request, random);
  for (const level of LEVELS) search.fill(level);
  if (search.chosen.length === 0 && request.existing.length === 0) search.fill(LAST_RESORT);
  return search.result();
}

interface Choice extends Place {
  readonly target: Target;
}

class Search {
  readonly chosen: Choice[] = [];
  readonly #cluster: readonly Candidate[];
  readonly #request: TargetRequest;
  readonly #random: Random;
  readonly #writerRack: string | undefined;
  /** DataNodes that are not asked, or not again: excluded, or with a replica. */
  readonly #taken: Set<string>;
  /** Racks of the replicas, existing ones first. */
  readonly #racks: string[] = [];
  readonly #busyAbove: number;
  readonly #perRackMax: number;

  constructor(cluster: readonly Candidate[], request: TargetRequest, random: Random) {
    this.#cluster = cluster;
    this.#request = request;
    this.#random = random;
    this.#writerRack = rackOfHost(request.writerHost, cluster);
    this.#taken = new Set(request.exclude);
    const existing = new Set(request.existing.map(({ datanodeUuid }) => datanodeUuid));
    for (const node of cluster) if (existing.has(node.uuid)) this.#racks.push(node.rack);
    for (const uuid of existing) this.#taken.add(uuid);
    const inService = cluster.filter((node) => node.outOfService === undefined);
    this.#busyAbove = busyAbove(inService);
    // Without replicas whose rack nobody knows: all of the others could be on one rack.
    this.#perRackMax = perRackMax(this.#racks.length + request.count, inService);
  }

  /** Adds targets that satisfy `level`, as long as some are missing. */
  fill(level: Level): void {
    if (this.#missing() === 0) return;
    const eligible = this.#cluster.filter(
      (node) => !this.#taken.has(node.uuid) && this.#refusal(node, level) === undefined,
    );
    while (this.#missing() > 0) {
      const fits = eligible.filter((node) => !this.#taken.has(node.uuid) && this.#rackHasRoom(node.rack, level));
      if (fits.length === 0) return;
      this.#take(this.#pick(fits), level);
    }
  }

  result(): Placement {
    const writer = { host: this.#request.writerHost, rack: this.#writerRack };
    const targets = pipelineOrder(this.chosen, writer).map(({ target }) => target);
    return { targets, refusals: this.#missing() === 0 ? [] : this.#refusals() };
  }

  #missing(): number {
    return this.#request.count - this.chosen.length;
  }

  #take(node: Candidate, level: Level): void {
    const storageUuid = this.#pickStorage(node, level).uuid;
    this.chosen.push({ host: node.host, rack: node.rack, target: { datanodeUuid: node.uuid, storageUuid } });
    this.#taken.add(node.uuid);
    this.#racks.push(node.rack);
  }

  /** A random one of the first non-empty group of candidates, in the order of preference for the next replica. */
  #pick(candidates: readonly Candidate[]): Candidate {
    for (const prefers of this.#preferences()) {
      const group = candidates.filter(prefers);
      if (group.length > 0) return group[this.#random.int(group.length)] as Candidate;
    }
    return candidates[this.#random.int(candidates.length)] as Candidate;
  }

  /** Any one that has room, as in HDFS: all disks of a DataNode work, not only the one with the most space left. */
  #pickStorage({ storages }: Candidate, level: Level): CandidateStorage {
    const { blockSizeBytes } = this.#request;
    const roomy = storages.filter((storage) => freeOf(storage, level) >= Math.max(1, blockSizeBytes));
    return roomy[this.#random.int(roomy.length)] as CandidateStorage;
  }

  #preferences(): ((node: Candidate) => boolean)[] {
    const [first, second] = this.#racks;
    const { writerHost, existing } = this.#request;
    const nearWriter = (node: Candidate): boolean => node.rack === this.#writerRack;
    if (first === undefined) return [(node) => writerHost !== '' && node.host === writerHost, nearWriter];
    if (second === undefined) return [(node) => node.rack !== first];
    if (this.#racks.length > 2) return [];
    if (first === second) return [(node) => node.rack !== first];
    // HDFS: beside the second replica when the block is new, beside the source when it is copied.
    return [existing.length === 0 ? (node) => node.rack === second : nearWriter];
  }

  #rackHasRoom(rack: string, level: Level): boolean {
    if (!level.limitPerRack) return true;
    return this.#racks.filter((other) => other === rack).length < this.#perRackMax;
  }

  /** Why `node` is refused at `level`, apart from what it holds already; undefined when it is not. */
  #refusal(node: Candidate, level: Level): string | undefined {
    if (node.outOfService !== undefined) return node.outOfService;
    if (level.refuseStale && node.stale) return 'stale: its heartbeats are late';
    if (level.comfort && node.unreported) return 'its block report has not been processed yet';
    if (level.comfort && node.activeTransfers > this.#busyAbove) {
      return `busy: ${node.activeTransfers} transfers, more than twice the mean`;
    }
    return this.#shortage(node, level);
  }

  #shortage(node: Candidate, level: Level): string | undefined {
    if (node.storages.length === 0) return 'has no working storage';
    const freeBytes = Math.max(...node.storages.map((storage) => freeOf(storage, level)));
    const { blockSizeBytes } = this.#request;
    if (freeBytes >= blockSizeBytes && freeBytes > 0) return undefined;
    return `${inBytes(Math.max(0, freeBytes))} free, ${inBytes(blockSizeBytes)} needed`;
  }

  #refusals(): Refusal[] {
    const chosen = new Set(this.chosen.map(({ target }) => target.datanodeUuid));
    const existing = new Set(this.#request.existing.map(({ datanodeUuid }) => datanodeUuid));
    const excluded = new Set(this.#request.exclude);
    return this.#cluster
      .filter((node) => !chosen.has(node.uuid))
      .map((node) => ({ name: node.name, rack: node.rack, reason: this.#reason(node, existing, excluded) }));
  }

  #reason(node: Candidate, existing: ReadonlySet<string>, excluded: ReadonlySet<string>): string {
    if (existing.has(node.uuid)) return 'has a replica of the block already';
    if (node.outOfService !== undefined) return node.outOfService;
    if (excluded.has(node.uuid)) return 'excluded by the client, which could not write to it';
    return this.#refusal(node, LEVELS.at(-1) as Level) ?? 'not needed';
  }
}

/** `12.5 MiB`, `17 bytes`. */
function inBytes(count: number): string {
  return count < 1024 ? `${count} bytes` : `${formatSize(count)}iB`;
}

function freeOf(storage: CandidateStorage, level: Level): number {
  return storage.remainingBytes - (level.comfort ? storage.scheduledBytes : 0);
}

function busyAbove(inService: readonly Candidate[]): number {
  const transfers = inService.reduce((sum, node) => sum + node.activeTransfers, 0);
  return Math.max(IDLE_TRANSFERS_MAX, (BUSY_FACTOR * transfers) / Math.max(1, inService.length));
}

/** HDFS's getMaxNodesPerRack: with two racks or more, never all replicas on one. */
function perRackMax(replicas: number, inService: readonly Candidate[]): number {
  const total = Math.min(replicas, inService.length);
  const racks = new Set(inService.map((node) => node.rack)).size;
  if (racks <= 1 || total <= 1) return Math.max(1, total);
  const limit = Math.floor((total - 1) / racks) + 2;
  return limit === total ? limit - 1 : limit;
}

const REFUSALS_TOLD_MAX = 50;

/** Why there is no target, with one reason for each DataNode; goes on from a subject such as "File /x ". */
export function noTargetsMessage(required: number, refusals: readonly Refusal[]): string {
  const failure = `could only be written to 0 of the ${required} required nodes`;
  if (refusals.length === 0) {
    return `${failure}: no DataNode has registered with this NameNode; start one, or check its dfs.namenode.rpc-address`;
  }
  const told = refusals.slice(0, REFUSALS_TOLD_MAX).map(({ name, rack, reason }) => `${name} (${rack}): ${reason}`);
  const rest = refusals.length - told.length;
  return `${failure}: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
