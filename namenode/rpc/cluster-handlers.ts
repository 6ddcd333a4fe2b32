/** ClientProtocol: what is about blocks and DataNodes rather than the namespace. */
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import type { DatanodeReport } from '../../proto/generated/minihdfs/DatanodeReport.js';
import type { FsckFile } from '../../proto/generated/minihdfs/FsckFile.js';
import type { FsckReplica } from '../../proto/generated/minihdfs/FsckReplica.js';
import type { FsckResponse } from '../../proto/generated/minihdfs/FsckResponse.js';
import type { BlockManagement } from '../block-management.js';
import { type CheckedBlock, type CheckedFile, type CheckedReplica, fsck } from '../fsck.js';
import { requireInode } from '../inode-tree.js';
import type { Namesystem } from '../namesystem.js';
import { parsePath } from '../paths.js';
import { requireSuperuser } from '../permissions.js';
import { type DatanodeStats, datanodeStats, fsStats } from '../stats.js';
import { type CallerSettings, callOf } from './callers.js';
import type { ClusterHandlers } from './client-protocol.js';
import { replicaLocation } from './messages.js';

export function clusterHandlers(ns: Namesystem, management: BlockManagement, callers: CallerSettings): ClusterHandlers {
  const { journal, clock } = ns;
  const { datanodes, safeMode } = management;
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
      return { datanodes: datanodeStats(journal, datanodes, clock.monotonicMs()).map(datanodeReport) };
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

    Fsck: (request, { signal }) => checkTree(ns, management, callers, request, signal),
  };
}

type FsckRequest = Parameters<ClientProtocolHandlers['Fsck']>[0];

async function* checkTree(
  { journal, clock }: Namesystem,
  { datanodes }: BlockManagement,
  callers: CallerSettings,
  { header, path: text }: FsckRequest,
  signal: AbortSignal,
): AsyncGenerator<FsckResponse> {
  const { committed } = journal;
  const path = parsePath(text);
  const caller = callOf(callers, header);
  requireSuperuser(caller);
  const { inode } = requireInode(committed, caller, path);
  const batches = fsck({ committed, datanodes, clock, signal }, inode, path.text);
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

const STATES = { live: 'LIVE', stale: 'STALE', dead: 'DEAD' } as const;

function datanodeReport({ node, ...figures }: DatanodeStats): DatanodeReport {
  const { datanode, rack } = replicaLocation(node.location(''));
  return {
    id: datanode ?? null,
    rack: rack ?? '',
    state: STATES[node.state],
    ...figures,
    activeTransfers: node.activeTransfers,
    failedVolumes: node.failedVolumes,
    version: node.version,
  };
}
