/** ClientProtocol: what is about blocks and DataNodes rather than the namespace. */

import { DfsError } from '../../common/errors.js';
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import type { DatanodeReport } from '../../proto/generated/minihdfs/DatanodeReport.js';
import type { FsckFile } from '../../proto/generated/minihdfs/FsckFile.js';
import type { FsckReplica } from '../../proto/generated/minihdfs/FsckReplica.js';
import type { FsckResponse } from '../../proto/generated/minihdfs/FsckResponse.js';
import type { LeavingProgress as LeavingMessage } from '../../proto/generated/minihdfs/LeavingProgress.js';
import type { BlockManagement } from '../block-management.js';
import type { LeavingProgress } from '../datanode-admin.js';
import type { DatanodeDescriptor } from '../datanode-descriptor.js';
import { type CheckedBlock, type CheckedFile, type CheckedReplica, checkBlock, fsck } from '../fsck.js';
import { requireInode } from '../inode-tree.js';
import type { Call, Namesystem } from '../namesystem.js';
import { decideAboutDatanodes, forgetDatanodes } from '../operations/administer-datanodes.js';
import { parsePath } from '../paths.js';
import { requireSuperuser } from '../permissions.js';
import { type DatanodeStats, datanodeStats, fsStats } from '../stats.js';
import { AdminDecision } from '../storage/schema.js';
import { type CallerSettings, callOf } from './callers.js';
import type { ClusterHandlers } from './client-protocol.js';
import { count, positive, shortTexts } from './fields.js';
import { replicaLocation } from './messages.js';

export function clusterHandlers(ns: Namesystem, management: BlockManagement, callers: CallerSettings): ClusterHandlers {
  const { journal, clock } = ns;
  const { datanodes, safeMode, admin, balancer, service } = management;
  const reports = (nodes: Iterable<DatanodeDescriptor>): DatanodeReport[] =>
    datanodeStats(journal, admin, nodes, clock.monotonicMs()).map(datanodeReport);
  return {
    async GetFsStats() {
      const { on, message } = safeMode.status();
      return {
        ...fsStats(journal, datanodes),
        pendingReconstructionBlocks: management.pendingReconstructionBlocks,
        safeMode: on,
        safeModeMessage: message,
      };
    },

    async GetDatanodeReport() {
      return { datanodes: reports(datanodes.nodes) };
    },

    async SetSafeMode(request) {
      const { action, header } = request;
      const caller = callOf(callers, header);
      if (action !== 'SAFE_MODE_GET') requireSuperuser(caller);
      if (action === 'SAFE_MODE_ENTER') safeMode.enter();
      if (action === 'SAFE_MODE_LEAVE') safeMode.leave();
      if (action === 'SAFE_MODE_FORCE_EXIT') safeMode.leave(true);
      const { on, message } = safeMode.status();
      return { on, message };
    },

    async AdministerDatanodes(request) {
      const caller = callOf(callers, request.header);
      requireSuperuser(caller);
      const nodes = await administer(ns, management, caller, request);
      return { datanodes: reports(nodes), warnings: warningsAbout(ns, datanodes.nodes, nodes) };
    },

    async RunBalancer(request) {
      const { action, thresholdBillionths, header } = request;
      const caller = callOf(callers, header);
      if (action !== 'BALANCER_STATUS') requireSuperuser(caller);
      if (action === 'BALANCER_START') {
        safeMode.requireOff('balance');
        balancer.start(thresholdPercent(count('threshold_billionths', thresholdBillionths)));
      }
      if (action === 'BALANCER_STOP') balancer.stop();
      const { isRunning: running, ...status } = balancer.status();
      return { running, ...status };
    },

    async SetBalancerBandwidth(request) {
      requireSuperuser(callOf(callers, request.header));
      service.setBalancerBandwidth(positive('bytes_per_second', request.bytesPerSecond));
      return {};
    },

    Fsck: (request, { signal }) => checkTree(ns, management, callers, request, signal),
  };
}

/** HDFS's default. */
const THRESHOLD_PERCENT = 10;
const BILLIONTHS_PER_PERCENT = 10 ** 7;

function thresholdPercent(billionths: number): number {
  const percent = billionths / BILLIONTHS_PER_PERCENT;
  if (percent <= 100) return percent === 0 ? THRESHOLD_PERCENT : percent;
  throw new DfsError('InvalidArgument', 'threshold_billionths must be at most 1,000,000,000');
}

type AdministerRequest = Parameters<ClientProtocolHandlers['AdministerDatanodes']>[0];

const DECISIONS: Partial<Record<AdministerRequest['action'], AdminDecision>> = {
  DECOMMISSION: AdminDecision.DECOMMISSION,
  RECOMMISSION: AdminDecision.NORMAL,
  MAINTENANCE: AdminDecision.MAINTENANCE,
};

async function administer(
  ns: Namesystem,
  management: BlockManagement,
  caller: Call,
  request: AdministerRequest,
): Promise<DatanodeDescriptor[]> {
  const names = shortTexts('datanodes', request.datanodes);
  if (request.action === 'REPORT_BLOCKS') {
    const nodes = names.flatMap((name) => management.datanodes.named(name));
    for (const node of nodes) management.service.wantFullReports(node);
    return nodes;
  }
  if (request.action === 'FORGET') return await forgetDatanodes(ns, management, caller, { names });
  const decision = DECISIONS[request.action];
  if (decision === undefined) throw new DfsError('InvalidArgument', 'action must be set');
  const expiresMs = count('maintenance_expires_ms', request.maintenanceExpiresMs);
  return await decideAboutDatanodes(ns, management, caller, { names, decision, expiresMs });
}

/** HDFS waits for ever, and says nothing, when there are not enough DataNodes to take the replicas. */
function warningsAbout(
  { settings }: Namesystem,
  all: Iterable<DatanodeDescriptor>,
  meant: readonly DatanodeDescriptor[],
): string[] {
  const staying = [...all].filter(({ takesBlocks }) => takesBlocks).length;
  const isTight = meant.some(({ isDecommission }) => isDecommission) && staying < settings.replication;
  if (!isTight) return [];
  return [
    `${staying} DataNodes take blocks now. Files that ask for more replicas than that (dfs.replication is ${settings.replication}) ` +
      'keep it from being finished, until there are more DataNodes or `dfs setrep` asks for less',
  ];
}

/** A few milliseconds. */
const BLOCKS_ASKED_MAX = 1_000;

type FsckRequest = Parameters<ClientProtocolHandlers['Fsck']>[0];

async function* checkTree(
  { journal, clock }: Namesystem,
  { datanodes }: BlockManagement,
  callers: CallerSettings,
  { header, path: text, blockIds }: FsckRequest,
  signal: AbortSignal,
): AsyncGenerator<FsckResponse> {
  const { committed } = journal;
  const caller = callOf(callers, header);
  requireSuperuser(caller);
  const options = { committed, datanodes, clock, signal };
  if (blockIds.length > 0) {
    if (blockIds.length > BLOCKS_ASKED_MAX)
      throw new DfsError('InvalidArgument', `block_ids must have at most ${BLOCKS_ASKED_MAX} entries`);
    yield { files: blockIds.flatMap((id) => checkBlock(options, id) ?? []).map(fsckFile) };
    return;
  }
  const path = parsePath(text);
  const { inode } = requireInode(committed, caller, path);
  const batches = fsck(options, inode, path.text);
  for (;;) {
    const { done, value } = await batches.next();
    if (done) {
      yield { summary: value };
      return;
    }
    yield { files: value.map(fsckFile) };
  }
}

function fsckFile({ path, inode, blocks }: CheckedFile): FsckFile {
  return {
    path,
    length: inode.length,
    replication: inode.replication,
    underConstruction: inode.lease_holder !== null,
    blocks: blocks.map(fsckBlock),
  };
}

function fsckBlock({ block, replicas, underConstruction, live, misReplicated }: CheckedBlock) {
  const { id: blockId, generation_stamp: generationStamp, length: numBytes } = block;
  const message = { blockId, generationStamp, numBytes };
  return { block: message, replicas: replicas.map(fsckReplica), underConstruction, live, misReplicated };
}

function fsckReplica({ replica: { node, storage }, state }: CheckedReplica): FsckReplica {
  const { datanode, rack } = replicaLocation(node.location(storage.uuid));
  return { datanode: datanode ?? null, rack: rack ?? '', state };
}

function leavingMessage({ timeLeftMs, ...progress }: LeavingProgress): LeavingMessage {
  return timeLeftMs === undefined ? progress : { ...progress, timeLeftMs };
}

const STATES = { live: 'LIVE', stale: 'STALE', dead: 'DEAD' } as const;

const ADMIN_STATES = {
  normal: 'NORMAL',
  'decommission-in-progress': 'DECOMMISSION_INPROGRESS',
  decommissioned: 'DECOMMISSIONED',
  'entering-maintenance': 'ENTERING_MAINTENANCE',
  'in-maintenance': 'IN_MAINTENANCE',
} as const;

function datanodeReport({ node, leaving, ...figures }: DatanodeStats): DatanodeReport {
  const { datanode, rack } = replicaLocation(node.location(''));
  return {
    id: datanode ?? null,
    rack: rack ?? '',
    state: STATES[node.state],
    ...figures,
    adminState: ADMIN_STATES[node.adminState],
    maintenanceExpiresMs: node.maintenanceExpiresMs,
    leaving: leaving === undefined ? null : leavingMessage(leaving),
    activeTransfers: node.activeTransfers,
    failedVolumes: node.failedVolumes,
    version: node.version,
  };
}
