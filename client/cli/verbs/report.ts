import type { DatanodeReport, FsStats } from '../../types.js';
import { datanodeAddress, printDatanode } from '../datanode-text.js';
import { percent, sizeWithUnits } from '../format.js';
import type { Output } from '../output.js';
import { defineVerb, jsonOption, WordOption } from '../verb.js';

interface Options {
  readonly live?: true;
  readonly dead?: true;
  readonly decommissioning?: true;
  readonly enteringmaintenance?: true;
  readonly inmaintenance?: true;
  readonly json?: true;
}

const RULE = '-'.repeat(49);

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Show the space and the state of the cluster, and every DataNode. With one of the flags: only those DataNodes.',
      )
      .addOption(new WordOption('-live', 'DataNodes that are live'))
      .addOption(new WordOption('-dead', 'DataNodes that are dead'))
      .addOption(new WordOption('-decommissioning', 'DataNodes that are being decommissioned'))
      .addOption(new WordOption('-enteringmaintenance', 'DataNodes that enter maintenance'))
      .addOption(new WordOption('-inmaintenance', 'DataNodes that are in maintenance'))
      .addOption(jsonOption());
  },
  async run(session, _args, options) {
    const fs = await session.fs();
    const datanodes = (await fs.datanodeReport()).filter((datanode) => isWanted(datanode, options));
    if (options.json) {
      await session.out.line(JSON.stringify(datanodes.map(datanodeJson), null, 2));
      return;
    }
    await printSummary(session.out, await fs.stats());
    await printGroup(
      session.out,
      'Live',
      datanodes.filter(({ state }) => state !== 'dead'),
    );
    await printGroup(
      session.out,
      'Dead',
      datanodes.filter(({ state }) => state === 'dead'),
    );
  },
});

function isWanted({ state, adminState }: DatanodeReport, options: Options): boolean {
  const { live, dead, decommissioning, enteringmaintenance, inmaintenance } = options;
  if (!live && !dead && !decommissioning && !enteringmaintenance && !inmaintenance) return true;
  if (state === 'dead' ? dead : live) return true;
  if (adminState === 'decommission-in-progress') return decommissioning === true;
  if (adminState === 'entering-maintenance') return enteringmaintenance === true;
  return adminState === 'in-maintenance' && inmaintenance === true;
}

function datanodeJson(report: DatanodeReport): unknown {
  const { datanode, rack, state, capacityBytes, usedBytes, remainingBytes, blocks, lastContactMs } = report;
  const { activeTransfers, failedVolumes, version, adminState, maintenanceExpiresMs, leaving } = report;
  return {
    address: datanodeAddress(datanode),
    rack,
    state,
    adminState,
    maintenanceExpiresMs,
    leaving: leaving ?? null,
    capacityBytes,
    usedBytes,
    remainingBytes,
    blocks,
    lastContactMs,
    activeTransfers,
    failedVolumes,
    version,
    uuid: datanode.uuid,
  };
}

async function printSummary(out: Output, stats: FsStats): Promise<void> {
  const { capacityBytes, usedBytes, remainingBytes } = stats;
  const present = usedBytes + remainingBytes;
  if (stats.safeMode) await out.line('Safe mode is ON');
  await out.line(`Configured Capacity: ${sizeWithUnits(capacityBytes)}`);
  await out.line(`Present Capacity: ${sizeWithUnits(present)}`);
  await out.line(`DFS Remaining: ${sizeWithUnits(remainingBytes)}`);
  await out.line(`DFS Used: ${sizeWithUnits(usedBytes)}`);
  await out.line(`DFS Used%: ${percent(usedBytes, present, 2)}`);
  await out.line('Replicated Blocks:');
  await out.line(`\tUnder replicated blocks: ${stats.underReplicatedBlocks}`);
  await out.line(`\tBlocks with corrupt replicas: ${stats.corruptReplicaBlocks}`);
  await out.line(`\tMissing blocks: ${stats.missingBlocks}`);
  await out.line(`\tPending reconstruction blocks: ${stats.pendingReconstructionBlocks}`);
  await out.line(`\tPending deletion replicas: ${stats.pendingDeletionReplicas}`);
  await out.line(`\n${RULE}`);
}

async function printGroup(out: Output, title: string, datanodes: readonly DatanodeReport[]): Promise<void> {
  if (datanodes.length === 0) return;
  await out.line(`${title} datanodes (${datanodes.length}):\n`);
  for (const datanode of datanodes) {
    await printDatanode(out, datanode);
    await out.line('\n');
  }
}
