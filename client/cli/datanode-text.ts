/** DataNodes as people read of them. */
import { formatHostPort } from '../../common/config/kinds.js';
import { formatDuration, humanSize } from '../../common/units.js';
import type { DatanodeAddress, DatanodeReport } from '../types.js';
import { percent, sizeWithUnits, utcSecond } from './format.js';
import type { Output } from './output.js';

/** HDFS's words. */
const ADMIN_STATES: Readonly<Record<DatanodeReport['adminState'], string>> = {
  normal: 'Normal',
  'decommission-in-progress': 'Decommission in progress',
  decommissioned: 'Decommissioned',
  'entering-maintenance': 'Entering Maintenance',
  'in-maintenance': 'In Maintenance',
};

export function datanodeAddress({ host, dataPort }: DatanodeAddress): string {
  return formatHostPort({ host, port: dataPort });
}

/** As `dfs report` shows it. */
export async function printDatanode(out: Output, report: DatanodeReport): Promise<void> {
  const { capacityBytes, usedBytes, remainingBytes } = report;
  const otherBytes = Math.max(0, capacityBytes - usedBytes - remainingBytes);
  await out.line(`Name: ${datanodeAddress(report.datanode)}`);
  await out.line(`Hostname: ${report.datanode.host}`);
  await out.line(`Rack: ${report.rack}`);
  await out.line(`Decommission Status : ${adminText(report)}`);
  await out.line(`State: ${report.state}`);
  await out.line(`Configured Capacity: ${sizeWithUnits(capacityBytes)}`);
  await out.line(`DFS Used: ${sizeWithUnits(usedBytes)}`);
  await out.line(`Non DFS Used: ${sizeWithUnits(otherBytes)}`);
  await out.line(`DFS Remaining: ${sizeWithUnits(remainingBytes)}`);
  await out.line(`DFS Used%: ${percent(usedBytes, capacityBytes, 2)}`);
  await out.line(`DFS Remaining%: ${percent(remainingBytes, capacityBytes, 2)}`);
  await out.line(`Xceivers: ${report.activeTransfers}`);
  if (report.failedVolumes > 0) await out.line(`Failed Volumes: ${report.failedVolumes}`);
  await out.line(`Last contact: ${(report.lastContactMs / 1000).toFixed(1)} s ago`);
  await out.line(`Num of Blocks: ${report.blocks}`);
}

/** `Decommission in progress: 12 blocks (1.5 GB) left, about 2.5m`. */
export function adminText({ adminState, maintenanceExpiresMs, leaving }: DatanodeReport): string {
  const state = ADMIN_STATES[adminState];
  const until = maintenanceExpiresMs === 0 ? '' : ` until ${utcSecond(maintenanceExpiresMs)} UTC`;
  if (leaving === undefined) return `${state}${until}`;
  const { blocksLeft, bytesLeft, blocksWithoutLive, blocksInOpenFiles, timeLeftMs } = leaving;
  const parts = [`${blocksLeft} blocks (${humanSize(bytesLeft, 'B')}) left`];
  if (blocksWithoutLive > 0) parts.push(`${blocksWithoutLive} of them nowhere else`);
  if (blocksInOpenFiles > 0) parts.push(`${blocksInOpenFiles} blocks of files that are being written`);
  if (timeLeftMs !== undefined) parts.push(`about ${formatDuration(Math.ceil(timeLeftMs / 1000) * 1000)}`);
  return `${state}${until}: ${parts.join(', ')}`;
}
