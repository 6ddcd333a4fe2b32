/** One run: a cluster with faults, then a time of healing, then the checks. */
import { CHECKERS } from './checkers/index.js';
import { Cluster } from './cluster.js';
import { Nemesis } from './nemesis.js';
import type { SimulationOptions } from './options.js';

/** Once the faults are over, clients come to the end of what they do within so long, */
const CLIENTS_LIMIT_MS = 30 * 60_000;
/** what a network still brings of calls that nobody waits for (duplicates, delayed ones) has come within so long, */
const LATE_CALLS_MS = 30_000;
/** a check takes no longer than so, */
const CHECK_LIMIT_MS = 60 * 60_000;
/** and everything stops in order within so long. */
const STOP_LIMIT_MS = 5 * 60_000;

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What has found them: the name of a checker, or `operations` when that was a worker or a process while the run went on. */
  readonly foundBy: string | undefined;
  readonly traceHash: string;
  /** The trace as text, if it was to be kept. */
  readonly trace: readonly string[];
  readonly faults: Record<string, number>;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
}

export interface SimulationRun {
  readonly keepTrace?: boolean;
  readonly onLog?: (line: string) => void;
}

export async function simulate(options: SimulationOptions, run: SimulationRun = {}): Promise<SimulationResult> {
  const cluster = new Cluster({ ...options, ...run });
  const { world } = cluster;
  const onRejection = (error: unknown): void =>
    world.violation(`a rejection that nobody handled: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('unhandledRejection', onRejection);
  let stage = 'operations';
  try {
    await course(cluster, (name) => {
      stage = name;
    });
  } catch (error) {
    world.violation(`the run broke off: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    cluster.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
  }
  return {
    seed: options.seed,
    violations: world.violations,
    foundBy: world.violations.length > 0 ? (world.firstFoundBy ?? stage) : undefined,
    traceHash: world.trace.hash,
    trace: world.trace.lines,
    faults: world.faults.toObject(),
    events: world.trace.count,
    operations: cluster.clients.flatMap(({ workers }) => workers).reduce((sum, { operations }) => sum + operations, 0),
    virtualMs: world.scheduler.nowMs,
  };
}

/** Ends early at the first violation: what comes after it may only follow from it. `onStage` is told the name of each check that begins. */
async function course(cluster: Cluster, onStage: (name: string) => void): Promise<void> {
  const { world, options } = cluster;
  const { scheduler } = world;
  const isViolated = (): boolean => world.violations.length > 0;
  for (const { watch } of CHECKERS) watch?.(cluster);
  await cluster.start();
  const nemesis = new Nemesis(cluster, options);
  nemesis.start();
  if (await scheduler.run(scheduler.nowMs + options.faultyMs, isViolated)) return;
  nemesis.stop();
  cluster.heal();
  for (const client of cluster.clients) client.finish();
  const areIdle = (): boolean => cluster.clients.every(({ isIdle }) => isIdle);
  if (!(await scheduler.run(scheduler.nowMs + CLIENTS_LIMIT_MS, () => isViolated() || areIdle())))
    world.violation(`operations go on ${CLIENTS_LIMIT_MS / 60_000} minutes after the last fault`);
  await cluster.drive(scheduler.sleep(LATE_CALLS_MS, 'late calls'), LATE_CALLS_MS + 1_000);
  if (isViolated()) return;
  const fs = await cluster.observe();
  onStage('administration');
  await cluster.drive(nemesis.administrator.settle(), CHECK_LIMIT_MS);
  for (const { name, check } of CHECKERS) {
    if (check === undefined) continue;
    onStage(name);
    try {
      await cluster.drive(check(cluster, fs), CHECK_LIMIT_MS);
    } catch (error) {
      world.violation(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    if (isViolated()) return;
  }
  onStage('stop in order');
  await stopInOrder(cluster);
}

async function stopInOrder(cluster: Cluster): Promise<void> {
  const { scheduler } = cluster.world;
  for (const machines of [[...cluster.clients, cluster.observer], cluster.datanodes, [cluster.namenode]]) {
    for (const machine of machines) machine.stop(STOP_LIMIT_MS);
    const areDown = (): boolean => machines.every(({ running }) => running === undefined);
    await scheduler.run(scheduler.nowMs + STOP_LIMIT_MS + 1_000, areDown);
  }
}
