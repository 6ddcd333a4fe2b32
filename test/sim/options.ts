/**
 * What a seed makes of a run: the cluster's shape, its settings, and the faults that it meets. Each seed has only some kinds of faults, at
 * rates of its own ("swarm testing"): a mix of everything all the time hides what needs calm to show.
 */
import type { Random } from '../../common/random.js';
import { seededRandom } from '../../common/random.js';
import type { LinkQuality } from './links.js';
import type { CallFaults } from './rpc.js';

/** What the nemesis does from time to time. */
export const NEMESIS_KINDS = [
  'kill namenode',
  'cut namenode',
  'stop namenode',
  'kill datanode',
  'cut datanode',
  'stop datanode',
  'kill client',
  'partition',
  'one-way partition',
  'clog link',
  'noisy network card',
  'break connections',
  'slow disk',
  'read errors',
  'write errors',
  'full disk',
  'rot',
  'lose replicas',
  'jump clock',
  'save namespace',
  'decommission',
  'maintenance',
  'balance',
  'change rack',
] as const;

const CRASHES = ['kill namenode', 'cut namenode', 'kill datanode', 'cut datanode', 'kill client'] as const;

export type NemesisKind = (typeof NEMESIS_KINDS)[number];

export interface SimulationOptions {
  readonly seed: number;
  /** Virtual time in which there are faults. */
  readonly faultyMs: number;
  readonly datanodes: number;
  readonly racks: number;
  readonly volumesPerDatanode: number;
  readonly clients: number;
  readonly workersPerClient: number;
  readonly blockSize: number;
  readonly link: LinkQuality;
  readonly callFaults: CallFaults;
  readonly clockSkewMaxMs: number;
  readonly clockDriftMax: number;
  /** Mean time between two of a kind; kinds that are not there do not happen. */
  readonly nemesis: ReadonlyMap<NemesisKind, number>;
  /** By property name, for every process. */
  readonly settings: Readonly<Record<string, string>>;
}

const MINUTE_MS = 60_000;
const NOISE_SEEDS = 2 ** 31;
const BREAK_SEEDS = 3 * 2 ** 30;
const SMALL_BLOCK_SEEDS = 5 * 2 ** 29;

export function drawOptions(seed: number, faultyMs: number): SimulationOptions {
  const random = seededRandom(seed);
  const racks = 1 + random.int(3);
  const blockSize = pick(random, [4_096, 16_384, 16_384, 65_536]);
  return {
    seed,
    faultyMs,
    racks,
    datanodes: Math.max(3, racks) + random.int(3),
    volumesPerDatanode: 1 + random.int(2),
    clients: 1 + random.int(3),
    workersPerClient: 1 + random.int(2),
    blockSize,
    link: drawLink(random),
    callFaults: drawCallFaults(random),
    clockSkewMaxMs: pick(random, [0, 1_000, 3_600_000]),
    clockDriftMax: pick(random, [0, 0.0001, 0.02]),
    nemesis: new Map([...drawNemesis(random, faultyMs), ...drawNoise(seed, faultyMs), ...drawBreaks(seed, faultyMs)]),
    settings: { ...drawSettings(random, blockSize), ...drawSmallBlocks(seed) },
  };
}

function drawLink(random: Random): LinkQuality {
  return {
    latencyMs: pick(random, [0.1, 0.5, 5]),
    jitterMs: pick(random, [0.05, 0.5, 5]),
    bytesPerMs: pick(random, [1_000, 10_000, 100_000]),
    lossRate: sometimes(random, 0.3) ? logUniform(random, 0.0001, 0.02) : 0,
  };
}

function drawCallFaults(random: Random): CallFaults {
  const rate = (most: number): number => (sometimes(random, 0.4) ? logUniform(random, most / 50, most) : 0);
  return {
    requestLossRate: rate(0.05),
    answerLossRate: rate(0.05),
    duplicateRate: rate(0.1),
    delayRate: rate(0.2),
    delayMaxMs: pick(random, [100, 2_000, 15_000]),
  };
}

function drawNemesis(random: Random, faultyMs: number): Map<NemesisKind, number> {
  const share = pick(random, [0.1, 0.25, 0.5]);
  const chosen = new Map<NemesisKind, number>();
  for (const kind of NEMESIS_KINDS) {
    if (kind === 'noisy network card') continue; // drawn below
    if (sometimes(random, share)) chosen.set(kind, logUniform(random, faultyMs / 8, 2 * faultyMs));
  }
  // Whatever else goes wrong, some process has to come through it.
  chosen.set(pick(random, CRASHES), logUniform(random, faultyMs / 8, faultyMs / 2));
  return chosen;
}

/** From numbers of its own, so that seeds from before this kind are what they were. */
function drawNoise(seed: number, faultyMs: number): Map<NemesisKind, number> {
  const random = seededRandom(seed + NOISE_SEEDS);
  return new Map(sometimes(random, 0.25) ? [['noisy network card', logUniform(random, faultyMs / 8, faultyMs)]] : []);
}

/** From numbers of its own. Half of the seeds have pipelines for all blocks. */
function drawSmallBlocks(seed: number): Record<string, string> {
  const random = seededRandom(seed + SMALL_BLOCK_SEEDS);
  return {
    'dfs.client.write.small-block.size': pick(random, ['0', '0', '2k', '64k']),
    'dfs.datanode.small-block.journal.size': pick(random, ['64k', '32m']),
    'dfs.datanode.small-block.journal.interval': pick(random, ['300ms', '5s', '30s']),
  };
}

/** Often: a broken connection is over at once, keeps nobody from work, and a pipeline has to be rebuilt in each of its stages. */
function drawBreaks(seed: number, faultyMs: number): Map<NemesisKind, number> {
  const random = seededRandom(seed + BREAK_SEEDS);
  return new Map(
    sometimes(random, 0.5) ? [['break connections', logUniform(random, faultyMs / 40, faultyMs / 4)]] : [],
  );
}

function drawSettings(random: Random, blockSize: number): Record<string, string> {
  const heartbeatMs = pick(random, [1_000, 3_000]);
  return {
    'dfs.namenode.fs-limits.min-block-size': '512',
    'dfs.blocksize': String(blockSize),
    'dfs.bytes-per-checksum': String(pick(random, [128, 512, 4_096])),
    'dfs.client-write-packet-size': String(pick(random, [4_096, 8_192])),
    'dfs.client.write.max-packets-in-flight': String(pick(random, [2, 16])),
    'dfs.heartbeat.interval': `${heartbeatMs}ms`,
    'dfs.namenode.heartbeat.recheck-interval': pick(random, ['5s', '30s']),
    'dfs.namenode.stale.datanode.interval': `${heartbeatMs * 4}ms`,
    'dfs.namenode.redundancy.interval.seconds': '3s',
    'dfs.namenode.reconstruction.pending.timeout-sec': pick(random, ['30s', '2m']),
    'dfs.namenode.safemode.extension': pick(random, ['0', '5s', '30s']),
    // Mostly the default: then only digests tell what a storage holds.
    'dfs.blockreport.intervalMsec': pick(random, ['30s', '2m', '6h', '6h']),
    'dfs.namenode.checkpoint.txns': String(pick(random, [20, 200, 1_000_000])),
    'dfs.namenode.num.extra.edits.retained': '1000000',
    'dfs.client.socket-timeout': pick(random, ['5s', '20s']),
    'dfs.datanode.socket.write.timeout': pick(random, ['10s', '1m']),
    'dfs.client.write.exclude.nodes.cache.expiry.interval.millis': pick(random, ['10s', '10m']),
    'dfs.client.retry.max.total': pick(random, ['20s', '60s']),
    'ipc.client.connect.timeout': '5s',
    'ipc.client.rpc-timeout.ms': pick(random, ['5s', '15s']),
    'dfs.namenode.lease-soft-limit-sec': pick(random, ['20s', '60s']),
    'dfs.namenode.lease-hard-limit-sec': pick(random, ['60s', '5m']),
    'dfs.namenode.retrycache.expirytime.millis': '10m',
    'dfs.ls.limit': String(pick(random, [2, 10, 1_000])),
    'dfs.namenode.decommission.interval': '3s',
    'dfs.datanode.failed.volumes.tolerated': '0',
    'dfs.datanode.scan.period.hours': pick(random, ['2m', '10m']),
    'dfs.datanode.directoryscan.interval': pick(random, ['1m', '10m']),
    'dfs.namenode.resource.du.reserved': '256k',
    'dfs.client.hedged.read.threadpool.size': pick(random, ['0', '1', '8']),
    'dfs.client.hedged.read.threshold.millis': pick(random, ['10ms', '500ms']),
    'dfs.client.mark.slownode.as.badnode.threshold': pick(random, ['0', '2', '10']),
    'dfs.datanode.slow.io.warning.threshold.ms': pick(random, ['20ms', '300ms']),
    'dfs.client.datanode-restart.timeout': pick(random, ['5s', '30s']),
    'dfs.client.block.write.replace-datanode-on-failure.policy': pick(random, [
      'DEFAULT',
      'DEFAULT',
      'ALWAYS',
      'NEVER',
    ]),
    'dfs.client.block.write.replace-datanode-on-failure.best-effort': pick(random, ['true', 'true', 'true', 'false']),
  };
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.int(choices.length)] as T;
}

export function sometimes(random: Random, probability: number): boolean {
  return random.fraction() < probability;
}

/** Small values are as likely as large ones. */
function logUniform(random: Random, least: number, most: number): number {
  return least * (most / least) ** random.fraction();
}

/** A run without any fault, for tests of the simulation itself. */
export function withoutFaults(options: SimulationOptions): SimulationOptions {
  const still = { requestLossRate: 0, answerLossRate: 0, duplicateRate: 0, delayRate: 0, delayMaxMs: 0 };
  return {
    ...options,
    callFaults: still,
    clockSkewMaxMs: 0,
    clockDriftMax: 0,
    nemesis: new Map(),
    link: { ...options.link, lossRate: 0 },
  };
}

export const DEFAULT_FAULTY_MS = 2 * MINUTE_MS;
