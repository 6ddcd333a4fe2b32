/** Once nothing goes wrong any more, the cluster brings every block to the replicas that it should have, and nothing else stays. */
import type { Database } from 'better-sqlite3';
import type { FileSystem } from '../../../client/index.js';
import type { FsckSummary } from '../../../client/types.js';
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import { replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

const LIMIT_MS = 30 * 60_000;
const PAUSE_MS = 5_000;

interface BlockToFind {
  readonly id: number;
  readonly stamp: number;
  readonly length: number;
  readonly replication: number;
  readonly complete: number;
}

export const repair: Checker = {
  name: 'repair',
  async check(cluster, fs) {
    const { scheduler } = cluster.world;
    const endMs = scheduler.nowMs + LIMIT_MS;
    for (;;) {
      const faults = [...(await faultsOfCluster(cluster, fs)), ...faultsOnDisks(cluster)];
      if (faults.length === 0) return;
      if (scheduler.nowMs > endMs) {
        for (const fault of faults.slice(0, 10)) cluster.world.violation(`not repaired: ${fault}`);
        return;
      }
      await scheduler.sleep(PAUSE_MS, 'check again');
    }
  },
};

async function faultsOfCluster(cluster: Cluster, fs: FileSystem): Promise<string[]> {
  const { on, message } = await fs.safeMode('get');
  if (on) return [`safe mode: ${message}`];
  const report = await fs.datanodeReport();
  const states = report
    .map(({ datanode, state }) => `${datanode.host} is ${state}`)
    .filter((text) => !text.endsWith('live'));
  if (report.length !== cluster.datanodes.length)
    states.push(`${report.length} of ${cluster.datanodes.length} DataNodes are known`);
  for (const { datanode, adminState } of report) {
    if (adminState !== 'normal' && adminState !== 'decommissioned') states.push(`${datanode.host} is ${adminState}`);
  }
  const summary = await checkFiles(fs);
  // A read that failed for a moment has made an only replica corrupt for good: whether it really is, its disk tells below.
  const counted = ['underReplicated', 'overReplicated', 'misReplicated', 'missing'] as const;
  return [
    ...states,
    ...counted.filter((kind) => summary[kind] > 0).map((kind) => `${summary[kind]} blocks are ${kind}`),
  ];
}

async function checkFiles(fs: FileSystem): Promise<FsckSummary> {
  for await (const step of fs.fsck('/')) if (step.kind === 'summary') return step.summary;
  throw new Error('fsck gave no summary');
}

/** Hosts of DataNodes that are decommissioned, or on their way: what they have does not count. */
export function leavingHosts(db: Database): ReadonlySet<string> {
  const sql =
    "SELECT d.host FROM datanode_admin a JOIN datanodes d ON d.uuid = a.datanode WHERE a.decision = 'decommission'";
  return new Set(
    db
      .prepare<[], { host: string }>(sql)
      .all()
      .map(({ host }) => host),
  );
}

/** The disks have what the NameNode counts on: no replica too few, none too many, none of the past. */
function faultsOnDisks(cluster: Cluster): string[] {
  const db = cluster.namenode.database?.connections.reading;
  if (db === undefined) return ['the NameNode is not up'];
  const sql = `SELECT b.id, b.generation_stamp AS stamp, b.length, b.replication, b.state = 4 AS complete FROM blocks b`;
  const blocks = new Map(
    db
      .prepare<[], BlockToFind>(sql)
      .all()
      .map((block) => [block.id, block]),
  );
  const leaving = leavingHosts(db);
  const inService = cluster.datanodes.filter(({ host }) => !leaving.has(host));
  const racksInService = new Set(inService.map(({ rack }) => rack)).size;
  const found = new Map<number, Set<DatanodeMachine>>();
  const faults: string[] = [];
  for (const machine of cluster.datanodes) {
    for (const replica of replicasOn(machine, false)) {
      const block = blocks.get(replica.blockId);
      const name = `replica blk_${replica.blockId}_${replica.generationStamp} in ${replica.directory} of ${machine.host}`;
      if (block === undefined) faults.push(`${name} belongs to no file`);
      if (block?.complete !== 1) continue;
      if (replica.directory !== 'finalized') faults.push(`${name}: its block is complete`);
      else if (replica.generationStamp !== block.stamp)
        faults.push(`${name} has an old stamp, instead of ${block.stamp}`);
      else if (replica.length !== block.length)
        faults.push(`${name} has ${replica.length} bytes instead of ${block.length}`);
      else if (!replica.isGood) faults.push(`${name} is damaged`);
      else if (inService.includes(machine))
        found.set(replica.blockId, (found.get(replica.blockId) ?? new Set()).add(machine));
    }
  }
  for (const { id, complete, replication } of blocks.values()) {
    const machines = [...(found.get(id) ?? [])];
    const racks = new Set(machines.map(({ rack }) => rack)).size;
    if (complete !== 1) continue;
    if (machines.length !== replication)
      faults.push(`block ${id} has ${machines.length} of ${replication} good replicas`);
    else if (racks < Math.min(replication, racksInService, 2)) faults.push(`block ${id} is on ${racks} rack`);
  }
  return faults;
}
