/** InterDatanodeProtocol: checks each field of what other DataNodes ask, and hands it on. */
import { DfsError, osErrorCode } from '../../common/errors.js';
import { wrapOsError } from '../../common/node-disk.js';
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
      const block = toBlock(request.block);
      const found = await onDisk(block.blockId, () => replicas.init(block, recoveryId(request.recoveryId)));
      if (found === undefined) return { replica: null };
      const { state, ...replica } = found;
      return { replica, state };
    },

    async UpdateReplicaUnderRecovery(request) {
      requireCluster(request.clusterId);
      const { blockId, newLength } = request;
      if (blockId < 1) throw new DfsError('InvalidArgument', 'block_id must be at least 1');
      const update = () => replicas.update(blockId, recoveryId(request.recoveryId), newLength);
      return { storageId: await onDisk(blockId, update) };
    },
  };
}

/** A disk that fails is no defect of ours: the DataNode that asked shall hear what it is. */
async function onDisk<T>(blockId: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw osErrorCode(error) === undefined ? error : wrapOsError(error, 'recover the replica of', `block ${blockId}`);
  }
}

function recoveryId(value: number): number {
  if (value < 1) throw new DfsError('InvalidArgument', 'recovery_id must be at least 1');
  return value;
}
