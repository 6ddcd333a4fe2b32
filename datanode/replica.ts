/**
 * What a replica is: the states of HDFS's replica state machine, which may follow which, and how much of a replica in
 * each state a reader may see. Pure; the files behind a replica are in disk/, all that is
 * known of them in replica-catalog.ts.
 *
 *                    create                          copy ordered by the NameNode,
 *                      |                              or for a pipeline that a node joins
 *                      v       last packet                      v      last packet
 *     recovery  +---> RBW ----------------> FINALIZED <----- TEMPORARY
 *     of the    |      | ^                   |    ^             |
 *     pipeline  +------+ |  append <---------+    |             |
 *                      | +------------------------|-------------+  complete copy of an RBW replica
 *                      |                          |
 *            restart   v     block recovery       |
 *                     RWR ------------------------+
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import { DfsError } from '../common/errors.js';

/**
 * - TEMPORARY: a copy from another DataNode, not yet complete. Gone after a restart.
 * - RBW: replica being written, by a client's pipeline.
 * - FINALIZED: complete; its bytes do not change any more.
 * - RWR: replica waiting to be recovered: it was RBW when the DataNode stopped.
 *
 * HDFS's RUR (replica under recovery) is no state here, but a recovery id besides the state: see replica-recovery.ts.
 */
export type ReplicaState = 'TEMPORARY' | 'RBW' | 'FINALIZED' | 'RWR';

const NEXT_STATES: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  // RBW when it was copied for a pipeline that goes on with this DataNode.
  TEMPORARY: ['FINALIZED', 'RBW'],
  // RBW follows itself when a pipeline is rebuilt under a new generation stamp.
  RBW: ['RBW', 'FINALIZED', 'RWR'],
  FINALIZED: ['RBW'],
  // By block recovery alone: nobody writes to it any more.
  RWR: ['FINALIZED'],
};

/** One replica at one moment. */
export interface Replica extends Block {
  readonly state: ReplicaState;
  /** Index of its volume in the volume set. */
  readonly volume: number;
  /** How many of its bytes every DataNode of its pipeline is known to have. Of a FINALIZED replica: all. */
  readonly visibleBytes: number;
}

/** Whether a replica in state `from` may become one in state `to`. */
export function mayBecome(from: ReplicaState, to: ReplicaState): boolean {
  return NEXT_STATES[from].includes(to);
}

/** @throws DfsError `Internal` when the state machine has no such step: a defect in the caller. */
export function requireTransition(
  replica: Pick<Replica, 'blockId' | 'generationStamp' | 'state'>,
  to: ReplicaState,
): void {
  if (mayBecome(replica.state, to)) return;
  throw new DfsError('Internal', `Replica ${blockName(replica)} is ${replica.state} and cannot become ${to}`);
}

/**
 * How many bytes of a replica a reader may see. An RBW replica is read up to what its whole pipeline has acknowledged,
 * so that a byte that one reader has seen is never missing at the next one.
 * @throws DfsError `ReplicaNotFound` when a replica in this state is not served at all.
 */
export function readableLength(replica: Replica): number {
  switch (replica.state) {
    case 'FINALIZED':
      return replica.numBytes;
    case 'RBW':
      return replica.visibleBytes;
    case 'TEMPORARY':
    case 'RWR':
      throw new DfsError('ReplicaNotFound', `Replica ${blockName(replica)} is ${replica.state} and cannot be read`);
  }
}
