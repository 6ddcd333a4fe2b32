/**
 * How many copies each DataNode makes at a time, as far as the NameNode knows: those it reported as running in its last heartbeat, those that
 * were ordered in the answer to it, and those that wait for its next one.
 */
import type { Block } from '../common/block.js';
import type { Target } from './blocks.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';

export interface Transfer {
  readonly block: Block;
  readonly targets: readonly Target[];
}

interface Slots {
  reported: number;
  ordered: number;
  waiting: Transfer[];
}

export class TransferSlots {
  readonly #slots = new Map<DatanodeDescriptor, Slots>();

  busy(node: DatanodeDescriptor): number {
    const slots = this.#slots.get(node);
    return slots === undefined ? 0 : slots.reported + slots.ordered + slots.waiting.length;
  }

  /** A heartbeat says how many copies are under way; those that were ordered before are among them. */
  report(node: DatanodeDescriptor, inProgress: number): void {
    const slots = this.#of(node);
    slots.reported = inProgress;
    slots.ordered = 0;
  }

  add(node: DatanodeDescriptor, transfer: Transfer): void {
    this.#of(node).waiting.push(transfer);
  }

  /** Takes what waits for `node`, to be ordered now. */
  take(node: DatanodeDescriptor): Transfer[] {
    const slots = this.#of(node);
    const { waiting } = slots;
    slots.waiting = [];
    slots.ordered += waiting.length;
    return waiting;
  }

  /** The DataNode is gone, or has started anew. */
  drop(node: DatanodeDescriptor): void {
    this.#slots.delete(node);
  }

  #of(node: DatanodeDescriptor): Slots {
    let slots = this.#slots.get(node);
    if (slots === undefined) {
      slots = { reported: 0, ordered: 0, waiting: [] };
      this.#slots.set(node, slots);
    }
    return slots;
  }
}
