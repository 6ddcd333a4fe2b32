/** One chaos run: a cluster of real processes under load, to which things happen, and the proof afterwards that nothing was lost. */
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSystem } from '../../client/index.js';
import { sleep, systemClock } from '../../common/clock.js';
import { messageOf } from '../../common/errors.js';
import { seededRandom } from '../../common/random.js';
import type { Hosts, PrivateNetwork } from '../cluster/support/private-network.js';
import { ChaosCluster, SETTINGS } from './cluster.js';
import { Faults } from './faults.js';
import { Manifest } from './manifest.js';
import { Verification, type Verified } from './verification.js';
import { Writer } from './writer.js';

export interface ChaosOptions {
  readonly seed: number;
  /** Of load and faults; the verification comes on top. */
  readonly durationMs: number;
  readonly directory: string;
  /** This process is on the host `client`. */
  readonly hosts: Hosts;
  /** The hosts, if links can be cut between them. */
  readonly network: PrivateNetwork | undefined;
  /** Whether disks can be made that fail. */
  readonly images: boolean;
  readonly log: (line: string) => void;
}

export interface ChaosReport {
  /** By kind, then by role. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Acknowledged operations by name. */
  readonly operations: Readonly<Record<string, number>>;
  /** Operations without an answer, by the name of the error. */
  readonly unanswered: Readonly<Record<string, number>>;
  readonly verified: Verified;
  /** What must not happen and did. */
  readonly violations: readonly string[];
}

const WRITERS = 4;

/** What it starts ends with the directory, which the caller clears away. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { directory, hosts, images, log, seed } = options;
  const violations: string[] = [];
  const onViolation = (what: string): void => {
    log(`VIOLATION: ${what}`);
    violations.push(what);
  };
  let failed = true;
  try {
    const cluster = await ChaosCluster.start({ directory, hosts, images, log, onViolation });
    const report = await disturb(cluster, options, onViolation);
    cluster.end();
    failed = violations.length > 0;
    return { ...report, violations };
  } finally {
    if (failed) log(`the logs are kept in ${await keepLogs(directory, seed)}`);
  }
}

async function keepLogs(directory: string, seed: number): Promise<string> {
  const kept = await mkdtemp(join(tmpdir(), `dfs-chaos-${seed}-logs-`));
  await cp(join(directory, 'logs'), kept, { recursive: true });
  return kept;
}

async function disturb(
  cluster: ChaosCluster,
  { seed, durationMs, network, log }: ChaosOptions,
  onViolation: (what: string) => void,
): Promise<Omit<ChaosReport, 'violations'>> {
  const { machines } = cluster;
  const manifest = new Manifest();
  let lastNumber = 0;
  const nextNumber = (): number => ++lastNumber;
  const ended = new AbortController();
  const common = { namenode: machines.namenode, settings: SETTINGS, manifest, nextNumber, onViolation };
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, (_, index) =>
      Writer.connect({ ...common, random: seededRandom(seed * 1_000 + index + 1), directory: `/writer-${index + 1}` }),
    ),
  );
  const onKilledPut = (path: string): void => void manifest.gone.add(path);
  const faults = new Faults({ cluster, network, seed, log, nextNumber, onKilledPut });
  const running = Promise.all([...writers.map((writer) => writer.run(ended.signal)), faults.run(ended.signal)]);
  await Promise.race([sleep(systemClock, durationMs), running]);
  log('the faults are over; waiting for the writers');
  ended.abort();
  await running;

  log('verifying');
  const fs = await FileSystem.connect({ namenode: machines.namenode });
  try {
    const verification = new Verification({ fs, cluster: machines, manifest, onViolation });
    await verification.run().catch((error: unknown) => onViolation(messageOf(error)));
    const { done: operations, unanswered } = manifest;
    return { faults: faults.tally.counts, operations, unanswered, verified: verification.verified };
  } finally {
    await fs.close();
  }
}
