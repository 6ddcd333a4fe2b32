/** InterDatanodeProtocol: checks each field of what other DataNodes ask, and hands it on. */
import { DfsError } from '../../common/errors.js';
import type { InterDatanodeProtocolHandlers } from '../../common/rpc/services.js';
import { toBlock } from '../pipeline-node.js';
import type { ReplicaRecovery } from '../replica-recovery.js';

export interface InterDatanodeOptions {
  readonly clusterId: () => string;
  readonly replicas: ReplicaRecovery;
}

export function interDatanodeHandlers({ clusterId, replicas }: InterDatanodeOptions): InterDatanodeProtocolHandlers {
  const requireCluster = (theirs: string): void => {
    if (theirs === clusterId()) return;
    throw new DfsError('WrongCluster', `This DataNode belongs to cluster ${clusterId()}, the caller to ${theirs}`);
  };
  return {
    async InitReplicaRecovery(request) {
      requireCluster(request.clusterId);
      const found = await replicas.init(toBlock(request.block), recoveryId(request.recoveryId));
      if (found === undefined) return { replica: null };
      const { state, ...replica } = found;
      return { replica, state };
    },

    async UpdateReplicaUnderRecovery(request) {
      requireCluster(request.clusterId);
      const { blockId, newLength } = request;
      if (blockId < 1) throw new DfsError('InvalidArgument', 'block_id must be at least 1');
      return { storageId: await replicas.update(blockId, recoveryId(request.recoveryId), newLength) };
    },
  };
}

function recoveryId(value: number): number {
  if (value < 1) throw new DfsError('InvalidArgument', 'recovery_id must be at least 1');
  return value;
}
