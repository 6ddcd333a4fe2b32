/**
 * What to do when a write pipeline fails: who is to blame, and with whom and from where it goes on. Pure: the decisions of
 * HDFS's DataStreamer, apart from the connections (tcp/pipeline.ts) and the calls (block-writer.ts).
 */
import type { BlockConstructionStage } from '../common/data-transfer.js';
import type { Packet } from '../common/packet.js';
import { Status, statusName } from '../common/status.js';
import { dataAddress } from './rpc/messages.js';
import type { ReplicaLocation } from './types.js';

/** Why a pipeline came to its end, and the DataNode that is held responsible, as an index into the pipeline. */
export class PipelineFault extends Error {
  readonly nodeIndex: number;
  /** The DataNode has said that it stops, and will be back soon. */
  readonly restarting: boolean;

  constructor(nodeIndex: number, reason: string, restarting = false) {
    super(reason);
    this.nodeIndex = nodeIndex;
    this.restarting = restarting;
  }
}

/** A rebuilt pipeline is given this many chances to get the next packet through. HDFS: dfs.client.pipeline.recovery.max-retries. */
export const MAX_RECOVERIES_PER_PACKET = 5;

/**
 * The DataNode that an acknowledgement blames; undefined when all is well. The first that did not succeed: those behind it were
 * not heard any more. An ack that is too short leaves out those who were not heard.
 */
export function blamedByAck(
  replies: readonly Status[],
  pipelineSize: number,
): { index: number; status: Status } | undefined {
  const index = replies.findIndex((status) => status !== Status.SUCCESS);
  if (index >= 0) return { index: Math.min(index, pipelineSize - 1), status: replies[index] ?? Status.ERROR };
  return replies.length < pipelineSize ? { index: replies.length, status: Status.ERROR } : undefined;
}

/**
 * The DataNode that the answer to a pipeline's set-up blames: the one that could not be reached, else the first, which has
 * refused. `firstBadLink` is the address that the node before it tried.
 */
export function blamedBySetUp(firstBadLink: string, nodes: readonly ReplicaLocation[]): number {
  const index = nodes.findIndex(({ datanode }) => dataAddress(datanode) === firstBadLink);
  return Math.max(0, index);
}

export function describeStatus(status: Status, message: string): string {
  if (status === Status.OOB_RESTART) return 'it restarts';
  return message === '' ? `it answered ${statusName(status)}` : message;
}

/** How far one block had come when its pipeline failed. */
export interface BlockProgress {
  /** The DataNodes of the failed pipeline. */
  readonly nodes: readonly ReplicaLocation[];
  /** The stage in which the pipeline is set up again when no packet has been sent since the set-up began: append or streaming. */
  readonly appending: boolean;
  /** A new block of which no packet has been acknowledged: nobody knows of it. */
  readonly fresh: boolean;
  /** The block was flushed, or is appended to. */
  readonly reliedOn: boolean;
  /** Bytes that all DataNodes have acknowledged. */
  readonly ackedBytes: number;
  /** Sent and not acknowledged, in order. */
  readonly unacked: readonly Packet[];
  /** Recoveries since the last packet was acknowledged. */
  readonly recoveries: number;
}

export type Recovery =
  | {
      readonly kind: 'rebuild';
      readonly nodes: readonly ReplicaLocation[];
      readonly stage: BlockConstructionStage;
      /** The least and the most bytes that a DataNode of the pipeline may have of the block. */
      readonly minBytesRcvd: number;
      readonly maxBytesRcvd: number;
    }
  /** The block can be given back, and another one asked for. HDFS gives up. */
  | { readonly kind: 'startOver' }
  | { readonly kind: 'giveUp'; readonly reason: string };

/** What follows a fault of `nodes[faultyIndex]`; undefined: that one is back, and goes on with the others. */
export function planRecovery(progress: BlockProgress, faultyIndex: number | undefined): Recovery {
  const { unacked, ackedBytes } = progress;
  const nodes = progress.nodes.filter((_, index) => index !== faultyIndex);
  if (nodes.length === 0) return noWayOn(progress, 'no DataNode of its pipeline is left');
  if (progress.recoveries >= MAX_RECOVERIES_PER_PACKET) {
    return noWayOn(progress, `its pipeline failed ${progress.recoveries + 1} times without a packet getting through`);
  }
  const lastSent = unacked.at(-1);
  const sentBytes = lastSent === undefined ? ackedBytes : lastSent.offsetInBlock + lastSent.dataLength;
  return {
    kind: 'rebuild',
    nodes,
    stage: recoveryStage(progress),
    minBytesRcvd: ackedBytes,
    maxBytesRcvd: Math.max(ackedBytes, sentBytes),
  };
}

function noWayOn({ fresh }: BlockProgress, reason: string): Recovery {
  return fresh ? { kind: 'startOver' } : { kind: 'giveUp', reason };
}

/**
 * The last packet is sent only when all others are acknowledged: then every DataNode has all of the block, and it is enough that
 * each closes its replica under the new stamp.
 */
function recoveryStage({ appending, unacked }: BlockProgress): BlockConstructionStage {
  if (unacked.some((packet) => packet.last)) return 'PIPELINE_CLOSE_RECOVERY';
  return appending ? 'PIPELINE_SETUP_APPEND_RECOVERY' : 'PIPELINE_SETUP_STREAMING_RECOVERY';
}
