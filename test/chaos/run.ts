/** One chaos run: a cluster of real processes under load, to which things happen, and the proof afterwards that nothing was lost. */
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSystem } from '../../client/index.js';
import { sleep, systemClock } from '../../common/clock.js';
import { seededRandom } from '../../common/random.js';
import { launchCluster, type TestCluster } from '../cluster/harness.js';
import { Faults } from './faults.js';
import { Manifest } from './manifest.js';
import { Verification, type Verified } from './verification.js';
import { Writer } from './writer.js';

export interface ChaosOptions {
  readonly seed: number;
  /** Of load and faults; the verification comes on top. */
  readonly durationMs: number;
  readonly log: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Acknowledged operations by name. */
  readonly operations: Readonly<Record<string, number>>;
  /** Operations without an answer, by the name of the error. */
  readonly unanswered: Readonly<Record<string, number>>;
  readonly verified: Verified;
  /** What must not happen and did. */
  readonly violations: readonly string[];
}

const DATANODES = 4;
const WRITERS = 4;

/** Timeouts that faults outlast, and scans that find within seconds what nobody reads. */
const SETTINGS: Readonly<Record<string, string>> = {
  'dfs.client.socket-timeout': '3s',
  'dfs.datanode.scan.period.hours': '2s',
  'dfs.block.scanner.volume.bytes.per.second': '64m',
  'dfs.datanode.directoryscan.interval': '3s',
};

export async function runChaos({ seed, durationMs, log }: ChaosOptions): Promise<ChaosReport> {
  const launched = launchCluster({ datanodes: DATANODES, settings: SETTINGS });
  const cluster = await launched.started;
  let failed = true;
  try {
    const report = await disturb(cluster, { seed, durationMs, log });
    failed = report.violations.length > 0;
    return report;
  } finally {
    if (failed) log(`the logs are kept in ${await keepLogs(cluster, seed)}`);
    await launched.clear();
  }
}

async function keepLogs(cluster: TestCluster, seed: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `dfs-chaos-${seed}-`));
  await cp(join(cluster.directory, 'logs'), directory, { recursive: true });
  return directory;
}

async function disturb(cluster: TestCluster, { seed, durationMs, log }: ChaosOptions): Promise<ChaosReport> {
  const manifest = new Manifest();
  const violations: string[] = [];
  const onViolation = (what: string): void => {
    log(`VIOLATION: ${what}`);
    violations.push(what);
  };
  let lastNumber = 0;
  const nextNumber = (): number => ++lastNumber;
  const ended = new AbortController();
  const common = { namenode: cluster.namenode, settings: SETTINGS, manifest, nextNumber, onViolation };
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, (_, index) =>
      Writer.connect({ ...common, random: seededRandom(seed * 1_000 + index + 1), directory: `/writer-${index + 1}` }),
    ),
  );
  const onKilledPut = (path: string): void => void manifest.gone.add(path);
  const faults = new Faults({
    cluster,
    datanodes: DATANODES,
    random: seededRandom(seed * 1_000),
    log,
    nextNumber,
    onKilledPut,
  });
  const running = Promise.all([...writers.map((writer) => writer.run(ended.signal)), faults.run(ended.signal)]);
  await Promise.race([sleep(systemClock, durationMs), running]);
  log('the faults are over; waiting for the writers');
  ended.abort();
  await running;

  log('verifying');
  const fs = await FileSystem.connect({ namenode: cluster.namenode });
  try {
    const verified = await new Verification({ fs, cluster, manifest, onViolation }).run();
    const { done: operations, unanswered } = manifest;
    return { seed, faults: faults.counts, operations, unanswered, verified, violations };
  } finally {
    await fs.close();
  }
}
