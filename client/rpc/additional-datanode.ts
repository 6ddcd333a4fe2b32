import type { ClientContext } from '../context.js';
import type { ReplicaLocation } from '../types.js';
import type { PlacedBlock } from './messages.js';
import { toReplicaLocation } from './messages.js';

export interface FileBeingWritten {
  readonly path: string;
  readonly fileId: number;
  /** As the NameNode answered when the file was opened. */
  readonly openedBy: number;
}

/** One more DataNode for the pipeline of `placed`; undefined when the cluster has none. @throws DfsError `LeaseExpired`, … */
export async function additionalDatanode(
  { namenode }: ClientContext,
  { path, fileId, openedBy }: FileBeingWritten,
  { block, nodes }: PlacedBlock,
  excludeDatanodes: readonly string[],
  signal: AbortSignal,
): Promise<ReplicaLocation | undefined> {
  const request = {
    path,
    fileId,
    clientName: namenode.clientName,
    openedBy,
    block,
    existing: [...nodes],
    excludeDatanodes: [...excludeDatanodes],
    additional: 1,
  };
  const { locations } = await namenode.call('GetAdditionalDatanode', request, { signal, throughSafeMode: true });
  return locations.map(toReplicaLocation)[0];
}
