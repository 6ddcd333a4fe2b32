/** Calls about the cluster as a whole. */
import { DfsError } from '../../common/errors.js';
import type { BalancerAction__Output } from '../../proto/generated/minihdfs/BalancerAction.js';
import type { DatanodeAdminAction__Output } from '../../proto/generated/minihdfs/DatanodeAdminAction.js';
import type { SafeModeAction__Output } from '../../proto/generated/minihdfs/SafeModeAction.js';
import type {
  AdministeredDatanodes,
  BalancerAction,
  BalancerStatus,
  DatanodeAdminAction,
  DatanodeReport,
  FsckFile,
  FsckStep,
  FsStats,
  SafeModeAction,
  SafeModeState,
  ServerDefaults,
} from '../types.js';
import { toDatanodeReport, toFsckFile } from './messages.js';
import type { NamenodeCallOptions, NamenodeClient } from './namenode-client.js';

export async function serverDefaults(namenode: NamenodeClient, options?: NamenodeCallOptions): Promise<ServerDefaults> {
  const { blockSize, replication, bytesPerChecksum, writePacketSize, clusterId, version, listingLimit } =
    await namenode.call('GetServerDefaults', {}, options);
  if (bytesPerChecksum < 1 || writePacketSize < 1 || clusterId === '') {
    throw new DfsError('ProtocolViolation', 'the NameNode gave defaults that no file can be written with');
  }
  return { blockSize, replication, bytesPerChecksum, writePacketSize, clusterId, version, listingLimit };
}

export async function stats(namenode: NamenodeClient): Promise<FsStats> {
  return await namenode.call('GetFsStats', {});
}

export async function datanodeReport(namenode: NamenodeClient): Promise<DatanodeReport[]> {
  return (await namenode.call('GetDatanodeReport', {})).datanodes.map(toDatanodeReport);
}

const ADMIN_ACTIONS: Readonly<Record<DatanodeAdminAction, DatanodeAdminAction__Output>> = {
  decommission: 'DECOMMISSION',
  recommission: 'RECOMMISSION',
  maintenance: 'MAINTENANCE',
  forget: 'FORGET',
  reportBlocks: 'REPORT_BLOCKS',
};

export async function administerDatanodes(
  namenode: NamenodeClient,
  action: DatanodeAdminAction,
  datanodes: readonly string[],
  maintenanceExpiresMs: number,
): Promise<AdministeredDatanodes> {
  const request = { action: ADMIN_ACTIONS[action], datanodes: [...datanodes], maintenanceExpiresMs };
  const answer = await namenode.call('AdministerDatanodes', request);
  return { datanodes: answer.datanodes.map(toDatanodeReport), warnings: answer.warnings };
}

const BALANCER_ACTIONS: Readonly<Record<BalancerAction, BalancerAction__Output>> = {
  status: 'BALANCER_STATUS',
  start: 'BALANCER_START',
  stop: 'BALANCER_STOP',
};

export async function balancer(
  namenode: NamenodeClient,
  action: BalancerAction,
  thresholdPercent: number,
): Promise<BalancerStatus> {
  const thresholdBillionths = Math.round(thresholdPercent * 10 ** 7);
  return await namenode.call('RunBalancer', { action: BALANCER_ACTIONS[action], thresholdBillionths });
}

const SAFE_MODE_ACTIONS: Readonly<Record<SafeModeAction, SafeModeAction__Output>> = {
  get: 'SAFE_MODE_GET',
  enter: 'SAFE_MODE_ENTER',
  leave: 'SAFE_MODE_LEAVE',
  forceExit: 'SAFE_MODE_FORCE_EXIT',
};

export async function safeMode(namenode: NamenodeClient, action: SafeModeAction): Promise<SafeModeState> {
  const { on, message } = await namenode.call('SetSafeMode', { action: SAFE_MODE_ACTIONS[action] });
  return { on, message };
}

export async function fsckBlocks(namenode: NamenodeClient, blockIds: readonly number[]): Promise<FsckFile[]> {
  const found: FsckFile[] = [];
  for await (const { files } of namenode.fsck({ path: '', blockIds: [...blockIds] }))
    found.push(...files.map(toFsckFile));
  return found;
}

export async function* fsck(
  namenode: NamenodeClient,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<FsckStep, void, void> {
  for await (const { files, summary } of namenode.fsck({ path }, signal)) {
    for (const file of files) yield { kind: 'file', file: toFsckFile(file) };
    if (summary !== null) yield { kind: 'summary', summary };
  }
}
