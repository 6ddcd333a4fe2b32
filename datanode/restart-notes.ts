import { blockName } from '../common/block.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { writeRestartNote } from './disk/restart-note.js';
import type { ReplicaInPipeline } from './replica-in-pipeline.js';
import type { ReplicaStore } from './replica-store.js';

/**
 * Notes what is being written, so that it goes on where it was after a start before `expiresMs` (time of day). To be called when nobody
 * works on replicas any more. A replica that cannot be noted will wait for recovery.
 */
export async function noteRestart(store: ReplicaStore, expiresMs: number, logger: Logger): Promise<void> {
  for (const replica of store.catalog.allInPipeline()) {
    if (!goesOn(store, replica)) continue;
    const { blockId, generationStamp, numBytes, visibleBytes } = replica;
    const { disk, layout } = store.volumes.get(replica.volume);
    try {
      await writeRestartNote(disk, layout, blockId, { generationStamp, numBytes, visibleBytes, expiresMs });
    } catch (error) {
      const context = { block: blockName(replica), reason: messageOf(error) };
      logger.warn(context, 'a replica will wait for recovery after the restart');
    }
  }
}

/** One that is under recovery has lost its writer. */
function goesOn({ catalog, volumes }: ReplicaStore, { state, blockId, volume }: ReplicaInPipeline): boolean {
  return state === 'RBW' && catalog.recoveryIdOf(blockId) === undefined && !volumes.get(volume).failed;
}
