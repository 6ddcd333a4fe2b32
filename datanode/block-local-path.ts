import { resolve } from 'node:path';
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { BlockLocalPath } from '../common/data-transfer.js';
import { DfsError } from '../common/errors.js';
import { isLocalHost } from '../common/local-host.js';
import type { ReplicaStore } from './replica-store.js';

/**
 * Where a reader on this machine finds the files of a finalized replica. Whether it may open them, the kernel decides: the directories of
 * a DataNode belong to the user that runs it. (HDFS: getBlockLocalPathInfo, which has a list of users.)
 * @param peer `host:port` of who asks.
 * @throws DfsError `AccessControl` for another machine; `InvalidArgument` for a replica that is not finalized, whose bytes still
 * change; `ReplicaNotFound`, `StaleGenerationStamp`, `Corrupt`.
 */
export async function blockLocalPath(store: ReplicaStore, block: Block, peer: string): Promise<BlockLocalPath> {
  if (!isLocalHost(hostOf(peer)))
    throw new DfsError(
      'AccessControl',
      `${peer} is on another machine and cannot read the files of ${blockName(block)}`,
    );
  const replica = await store.openForRead(block, { inFiles: true });
  const { files, finalized, numBytes } = replica;
  try {
    if (!finalized)
      throw new DfsError(
        'InvalidArgument',
        `Replica ${blockName(replica.block)} is not finalized and can be read over the network only`,
      );
    const { dataPath, metaPath } = files;
    return { dataPath: resolve(dataPath), metaPath: resolve(metaPath), dataFile: await files.identity(), numBytes };
  } finally {
    files.closeLater();
  }
}

/** Of `10.0.0.7:9866` or `[::1]:9866`. */
function hostOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
