import type { Block } from '../common/block.js';
import type { PipelineNode } from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import type { Block__Output } from '../proto/generated/minihdfs/Block.js';
import type { ReplicaLocation__Output } from '../proto/generated/minihdfs/ReplicaLocation.js';

/** @throws DfsError `InvalidArgument` when the message lacks it, or has no valid ids. */
export function toBlock(message: Block__Output | null | undefined): Block {
  if (!message || message.blockId < 1 || message.generationStamp < 1) {
    throw new DfsError('InvalidArgument', 'A block needs a block_id and a generation_stamp');
  }
  return { blockId: message.blockId, generationStamp: message.generationStamp, numBytes: message.numBytes };
}

/** How the DataNode of a location is reached. @throws DfsError `InvalidArgument` when that cannot be. */
export function toPipelineNode({ datanode, rack }: ReplicaLocation__Output): PipelineNode {
  if (
    !datanode ||
    datanode.host === '' ||
    datanode.uuid === '' ||
    datanode.dataPort < 1 ||
    datanode.dataPort > 65_535
  ) {
    throw new DfsError('InvalidArgument', 'A location needs the uuid, host and data_port of its DataNode');
  }
  const { uuid, host, dataPort, rpcPort, httpPort } = datanode;
  return { uuid, host, dataPort, rpcPort, httpPort, rack };
}

/** As a pipeline names its nodes. */
export function addressOf({ host, dataPort }: PipelineNode): string {
  return `${host}:${dataPort}`;
}
