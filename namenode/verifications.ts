/**
 * Replicas that DataNodes are asked to verify, because somebody else could not read them. A reader cannot tell damage on the way from damage
 * on the disk; where nobody else has a good replica, its word must not make the block a lost one. The DataNode's own word does.
 * Nothing is kept over a restart: whoever cannot read the replica then says so again.
 */
import type { Block } from '../common/block.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';

/** For one DataNode. What comes beyond that is not noted; readers will complain again. */
const MAX_WAITING = 1000;
/** Told in one answer to a heartbeat. */
const MAX_AT_A_TIME = 100;

/** So long is a replica in doubt: its DataNode has its next heartbeat to hear of it, and some time to read it. */
const DOUBT_MS = 30_000;
/** Blocks in doubt that are remembered, over all DataNodes. */
const MAX_DOUBTED = 10_000;

export class Verifications {
  /** When it was last asked about a block, the oldest first. */
  readonly #askedMs = new Map<number, number>();
  readonly #waiting = new WeakMap<DatanodeDescriptor, Map<number, Block>>();

  ask(node: DatanodeDescriptor, block: Block, nowMs: number): void {
    this.#askedMs.delete(block.blockId);
    this.#askedMs.set(block.blockId, nowMs);
    for (const oldest of this.#askedMs.keys()) {
      if (this.#askedMs.size <= MAX_DOUBTED) break;
      this.#askedMs.delete(oldest);
    }
    const waiting = this.#waiting.get(node) ?? new Map<number, Block>();
    this.#waiting.set(node, waiting);
    if (waiting.size < MAX_WAITING || waiting.has(block.blockId)) waiting.set(block.blockId, block);
  }

  /** Whether the last good replica of a block may be damaged: those that are known to be must not be deleted for its sake. */
  isInDoubt(blockId: number, nowMs: number): boolean {
    const askedMs = this.#askedMs.get(blockId);
    return askedMs !== undefined && nowMs - askedMs < DOUBT_MS;
  }

  /** The next ones for a DataNode; each is handed out once. */
  next(node: DatanodeDescriptor): Block[] {
    const waiting = this.#waiting.get(node);
    const blocks = [...(waiting?.values() ?? [])].slice(0, MAX_AT_A_TIME);
    for (const { blockId } of blocks) waiting?.delete(blockId);
    return blocks;
  }
}
