/** DataNodes as people read of them. */
import { formatHostPort } from '../../common/config/kinds.js';
import { formatDuration } from '../../common/units.js';
import type { DatanodeAddress, DatanodeReport } from '../types.js';
import { humanSize, utcSecond } from './format.js';

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
