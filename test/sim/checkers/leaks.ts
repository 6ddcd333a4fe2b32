/** When all is done and quiet, nothing is left over: no connection, no file handle, no transfer, no temporary file, no timer that grows. */
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import type { Machine } from '../machine.js';
import type { Checker } from './checker.js';

/** Longer than idle connections and timers of finished waits live. */
const LIMIT_MS = 5 * 60_000;
const PAUSE_MS = 5_000;
/** A process at rest has a few periodic tasks, each with a timer. */
const TIMERS_MAX = 25;
/** Of the NameNode: the segment of the edit log that is being written. */
const NAMENODE_FILES = 1;

export const leaks: Checker = {
  name: 'leaks',
  async check(cluster) {
    const { scheduler, violation } = cluster.world;
    const endMs = scheduler.nowMs + LIMIT_MS;
    // Not all at the same moment: DataNodes go on to look at their disks.
    let left = new Set(leaksOf(cluster));
    while (left.size > 0) {
      if (scheduler.nowMs > endMs) {
        for (const text of left) violation(`left over: ${text}`);
        return;
      }
      await scheduler.sleep(PAUSE_MS, 'quiet');
      left = intersection(left, leaksOf(cluster));
    }
  },
};

function intersection(some: ReadonlySet<string>, others: Iterable<string>): Set<string> {
  return new Set([...others].filter((text) => some.has(text)));
}

function* leaksOf(cluster: Cluster): Generator<string> {
  const { namenode, datanodes, clients, observer } = cluster;
  for (const machine of [namenode, ...datanodes, ...clients, observer]) yield* leaksOfProcess(cluster, machine);
  for (const machine of datanodes) yield* leaksOfDatanode(machine);
  const [disk] = namenode.disks;
  if (disk !== undefined && disk.openFiles > NAMENODE_FILES) yield `${disk.openFiles} open files of the NameNode`;
  for (const { path } of disk?.files() ?? []) if (path.endsWith('.tmp')) yield `${path} of the NameNode`;
}

function* leaksOfProcess({ world }: Cluster, machine: Machine): Generator<string> {
  const { running } = machine;
  if (running === undefined) return;
  const channels = world.network.openChannels(running.life);
  if (channels > 0) yield `${channels} connections of ${machine.host}`;
  const { pendingTimers } = running.clock;
  if (pendingTimers > TIMERS_MAX) yield `${pendingTimers} timers of ${machine.host}`;
}

function* leaksOfDatanode(machine: DatanodeMachine): Generator<string> {
  const status = machine.datanode?.status();
  if (status === undefined) return;
  for (const work of [
    'activeTransfers',
    'copiesPending',
    'deletionsPending',
    'recoveriesPending',
    'reportsPending',
  ] as const) {
    if (status[work] > 0) yield `${status[work]} ${work} of ${machine.host}`;
  }
  for (const disk of machine.disks) {
    if (disk.openFiles > 0) yield `${disk.openFiles} open files of ${machine.host}`;
    for (const { path } of disk.files()) {
      if (path.includes('/tmp/') || path.endsWith('.tmp')) yield `${path} of ${machine.host}`;
    }
  }
}
