/** Incremental reports: what has changed on a DataNode, event by event, in the order in which it happened. */
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import { countReadable, healthOf } from './block-health.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import type { Journal, Transaction } from './journal.js';
import { nextTurn } from './operations/next-turn.js';
import { isFinished, judge, judgeAgain } from './replica-judgement.js';
import { Serial } from './serial.js';
import { blockRow } from './storage/block-rows.js';
import { requestCheck } from './storage/redundancy-rows.js';
import { changeReplicas, type ReplicaChanges, replicaRow } from './storage/replica-rows.js';
import { BlockState } from './storage/schema.js';

export interface ReplicaEvent {
  /** `receiving`: it is being written, and not finalized, or no longer. `received`: it is finalized. */
  readonly kind: 'receiving' | 'received' | 'deleted';
  readonly block: Block;
  readonly storage: StorageDescriptor;
}

/** Who wants to know what was reported. */
export interface ReplicaEventListener {
  /** Before the rows change. */
  announced(event: ReplicaEvent): void;
  /** Once they have changed. */
  processed(event: ReplicaEvent, node: DatanodeDescriptor): void;
}

export interface IncrementalReportsOptions {
  readonly journal: Journal;
  readonly datanodes: DatanodeManager;
  readonly listener: ReplicaEventListener;
  readonly clock: Clock;
  /** dfs.namenode.replication.min */
  readonly minReplication: number;
  /** Whether blocks may become COMPLETE: not in safe mode, which changes nothing that is logged. */
  mayComplete(): boolean;
}

/** Events processed in one transaction: a few milliseconds. */
const SLICE = 100;
const WAITING_REPORTS_MAX = 4;

export class IncrementalReports {
  readonly #options: IncrementalReportsOptions;
  readonly #serials = new WeakMap<DatanodeDescriptor, Serial>();

  constructor(options: IncrementalReportsOptions) {
    this.#options = options;
  }

  /**
   * Takes in a report; one with the number of an earlier one changes nothing. Number 0: it is not numbered.
   * @throws DfsError `UnknownDatanode` when the DataNode has registered anew meanwhile.
   */
  receive(node: DatanodeDescriptor, reportNumber: number, events: readonly ReplicaEvent[]): Promise<void> {
    const { registrationId } = node;
    let serial = this.#serials.get(node);
    if (serial === undefined) {
      serial = new Serial(WAITING_REPORTS_MAX);
      this.#serials.set(node, serial);
    }
    return serial.run(async () => {
      if (reportNumber !== 0 && reportNumber <= node.lastReportNumber) return;
      for (let from = 0; from < events.length; from += SLICE) {
        if (node.registrationId !== registrationId) {
          throw new DfsError(
            'UnknownDatanode',
            `DataNode ${node.uuid} has registered anew; this report is out of date`,
          );
        }
        await this.#process(node, events.slice(from, from + SLICE));
        if (from + SLICE < events.length) await nextTurn();
      }
      if (reportNumber !== 0 && node.registrationId === registrationId) node.lastReportNumber = reportNumber;
    });
  }

  async #process(node: DatanodeDescriptor, events: readonly ReplicaEvent[]): Promise<void> {
    const { journal, listener } = this.#options;
    for (const event of events) listener.announced(event);
    await journal.mutate((transaction) => this.#apply(transaction, events), 'report');
    for (const event of events) listener.processed(event, node);
  }

  #apply(transaction: Transaction, events: readonly ReplicaEvent[]): void {
    const { db } = transaction;
    const received = new Set<number>();
    changeReplicas(db, (changes) => {
      for (const event of events) {
        applyEvent(transaction, changes, event);
        if (event.kind === 'received') received.add(event.block.blockId);
      }
    });
    this.#complete(transaction, [...received]);
  }

  /** Blocks that their writer has finished become COMPLETE with their minimum of replicas. */
  #complete(transaction: Transaction, ids: readonly number[]): void {
    const { datanodes, minReplication, clock, mayComplete } = this.#options;
    if (!mayComplete()) return;
    const blocks = ids.filter((id) => {
      const block = blockRow(transaction.db, id);
      if (block?.state !== BlockState.COMMITTED) return false;
      return countReadable(healthOf(transaction.db, block, datanodes)) >= minReplication;
    });
    if (blocks.length > 0) transaction.log({ op: 'completeBlocks', timeMs: clock.now(), blocks });
  }
}

function applyEvent(
  { db }: Transaction,
  changes: ReplicaChanges,
  { kind, block: replica, storage }: ReplicaEvent,
): void {
  const block = blockRow(db, replica.blockId);
  const row = replicaRow(db, replica.blockId, storage.id);
  switch (kind) {
    case 'received':
      changes.put(storage.id, replica, row === undefined ? judge(block, replica) : judgeAgain(row, block, replica));
      break;
    case 'deleted':
      changes.remove(storage.id, replica.blockId);
      break;
    case 'receiving':
      // Opened again for append, always under a newer stamp.
      if (row !== undefined && replica.generationStamp > row.generation_stamp)
        changes.remove(storage.id, replica.blockId);
      break;
  }
  if (block !== undefined && isFinished(block)) requestCheck(db, block.id);
}
