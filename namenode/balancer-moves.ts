/** Moves of replicas that the balancer has ordered: a copy first, then the replica on the fuller DataNode goes as any surplus one does. */
import type { Block } from '../common/block.js';
import type { Target } from './blocks.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { Transfer } from './transfer-slots.js';

export interface Move {
  readonly block: Block;
  /** Whose replica shall go. */
  readonly source: StorageDescriptor;
  readonly target: Target;
  /** The DataNode that makes the copy. */
  readonly copier: DatanodeDescriptor;
  readonly startedMs: number;
}

interface MoveState extends Move {
  isOrdered: boolean;
  /** When the copy was reported; from then on the source's replica is surplus. */
  arrivedMs: number | undefined;
}

/** HDFS's dfs.balancer.max-iteration-time. */
const COPY_TIMEOUT_MS = 20 * 60_000;
/** A surplus replica is not deleted as long as others are not sure: that is not waited for. */
const DELETION_TIMEOUT_MS = 60_000;

export class BalancerMoves {
  /** By block id, the oldest first. */
  readonly #moves = new Map<number, MoveState>();

  get size(): number {
    return this.#moves.size;
  }

  /** Bytes of copies that have not arrived. */
  get bytesUnderWay(): number {
    let bytes = 0;
    for (const { block, arrivedMs } of this.#moves.values()) if (arrivedMs === undefined) bytes += block.numBytes;
    return bytes;
  }

  has(block: number): boolean {
    return this.#moves.has(block);
  }

  add(move: Move): void {
    this.#moves.set(move.block.blockId, { ...move, isOrdered: false, arrivedMs: undefined });
  }

  /** Copies that a DataNode makes or takes. */
  busy(node: DatanodeDescriptor): number {
    let count = 0;
    for (const { copier, target, arrivedMs } of this.#moves.values()) {
      if (arrivedMs === undefined && (copier === node || target.datanodeUuid === node.uuid)) count++;
    }
    return count;
  }

  /** What `node` has not been told to copy yet. */
  take(node: DatanodeDescriptor): Transfer[] {
    const transfers: Transfer[] = [];
    for (const move of this.#moves.values()) {
      if (move.copier !== node || move.isOrdered) continue;
      move.isOrdered = true;
      transfers.push({ block: move.block, targets: [move.target] });
    }
    return transfers;
  }

  /** Whether a surplus replica of the block should go from this storage. */
  isToGo(block: number, storage: StorageDescriptor): boolean {
    return this.#moves.get(block)?.source === storage;
  }

  /** A replica was reported; returns its bytes when it is one that was moved. */
  received(block: number, datanode: string, nowMs: number): number {
    const move = this.#moves.get(block);
    if (move === undefined || move.arrivedMs !== undefined || move.target.datanodeUuid !== datanode) return 0;
    move.arrivedMs = nowMs;
    return move.block.numBytes;
  }

  /** A deletion was reported. */
  deleted(block: number, storage: StorageDescriptor): void {
    if (this.#moves.get(block)?.source === storage) this.#moves.delete(block);
  }

  /** `node` could not make the copy. */
  failed(block: number, node: DatanodeDescriptor): void {
    const move = this.#moves.get(block);
    if (move?.copier === node && move.arrivedMs === undefined) this.#moves.delete(block);
  }

  /** A DataNode is gone, or has started anew: nothing comes of the copies that it was part of. */
  drop(node: DatanodeDescriptor): void {
    for (const [block, { copier, target, arrivedMs }] of this.#moves) {
      if (arrivedMs === undefined && (copier === node || target.datanodeUuid === node.uuid)) this.#moves.delete(block);
    }
  }

  expire(nowMs: number): void {
    for (const [block, { startedMs, arrivedMs }] of this.#moves) {
      const isOver =
        arrivedMs === undefined ? nowMs - startedMs >= COPY_TIMEOUT_MS : nowMs - arrivedMs >= DELETION_TIMEOUT_MS;
      if (isOver) this.#moves.delete(block);
    }
  }

  /** Takes back what has not been ordered. Copies that are under way are made, and count as any other replica. */
  clear(): void {
    this.#moves.clear();
  }
}
