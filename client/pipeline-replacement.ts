/** A further DataNode for a pipeline that has lost one, with all that the others have of the block. */
import { DfsError, messageOf } from '../common/errors.js';
import type { ClientContext } from './context.js';
import type { FileBeingWritten } from './rpc/additional-datanode.js';
import { additionalDatanode } from './rpc/additional-datanode.js';
import type { PlacedBlock } from './rpc/messages.js';
import { dataAddress } from './rpc/messages.js';
import type { SuspectNodes } from './suspect-nodes.js';
import { transferReplica } from './tcp/replica-transfer.js';
import type { ReplicaLocation } from './types.js';

/** HDFS: as often a DataNode is asked for. Each time another of the old ones is the source. */
const ATTEMPTS = 3;

export interface ReplacementOptions {
  readonly context: ClientContext;
  readonly file: FileBeingWritten;
  readonly suspects: SuspectNodes;
  readonly signal: AbortSignal;
}

export type Replacement =
  | { readonly found: ReplicaLocation }
  /** The DataNodes that were tried, with their reasons; none when the cluster has no more. */
  | { readonly failures: readonly string[] };

/**
 * Finds a DataNode, and has what the pipeline has of the block, about `bytes`, copied to it.
 * @throws DfsError `LeaseExpired`, … when the NameNode does not let this writer go on; `Cancelled`.
 */
export async function findReplacement(
  { context, file, suspects, signal }: ReplacementOptions,
  placed: PlacedBlock,
  bytes: number,
): Promise<Replacement> {
  const excluded = suspects.list();
  const failures: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = await additionalDatanode(context, file, placed, excluded, signal);
    const source = placed.nodes[attempt % placed.nodes.length];
    if (target === undefined || source === undefined) break;
    try {
      await transferReplica(context, placed.block, source, target, bytes, signal);
      return { found: target };
    } catch (error) {
      if (signal.aborted || !(error instanceof DfsError)) throw error;
      failures.push(`${dataAddress(target.datanode)} did not get a copy: ${messageOf(error)}`);
      // Perhaps the source is to blame. The next attempt has another one of both.
      excluded.push(target.datanode.uuid);
    }
  }
  return { failures };
}
