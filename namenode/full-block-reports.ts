/**
 * Full block reports: everything that one storage holds, sorted by block id, in parts. Each part is merged with the storage's rows in slices
 * of bounded size, so that a million replicas never hold up anything else.
 */
import type { Database } from 'better-sqlite3';
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { DatanodeDescriptor, StorageDescriptor } from './datanode-descriptor.js';
import type { FullReportRequests } from './full-report-requests.js';
import type { Journal } from './journal.js';
import { nextTurn } from './operations/next-turn.js';
import { RecentEvents } from './recent-events.js';
import { judge, judgeAgain } from './replica-judgement.js';
import { Serial } from './serial.js';
import { blockRow } from './storage/block-rows.js';
import { requestCheck } from './storage/redundancy-rows.js';
import { changeReplicas, type ReplicaChanges, type ReplicaRow, replicasOfStorage } from './storage/replica-rows.js';

export interface ReportedReplica extends Block {
  /** False for one that is being written, waits for recovery, or is a copy not finished. */
  readonly finalized: boolean;
}

export interface ReportPart {
  readonly reportId: number;
  /** From 0. */
  readonly part: number;
  readonly last: boolean;
  /** Sorted by block id, without repetitions. */
  readonly replicas: readonly ReportedReplica[];
}

export interface FullBlockReportsOptions {
  readonly journal: Journal;
  readonly requests: FullReportRequests;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rows, and replicas, merged in one transaction: a few milliseconds. */
const SLICE = 500;
/** Parts of one storage's report that may wait; a DataNode sends one after the other, so more than one is a repeat. */
const WAITING_PARTS_MAX = 2;

interface OpenReport {
  readonly reportId: number;
  readonly registrationId: string;
  nextPart: number;
  /** Last block id that has been merged. */
  merged: number;
  added: number;
  removed: number;
}

export class FullBlockReports {
  readonly #options: FullBlockReportsOptions;
  readonly #open = new WeakMap<StorageDescriptor, OpenReport>();
  readonly #events = new WeakMap<StorageDescriptor, RecentEvents>();
  readonly #serials = new WeakMap<StorageDescriptor, Serial>();

  constructor(options: FullBlockReportsOptions) {
    this.#options = options;
  }

  /** An incremental report spoke of a block. */
  noteEvent(storage: StorageDescriptor, block: number): void {
    this.#eventsOf(storage).note(block, this.#options.clock.monotonicMs());
  }

  /**
   * Takes in one part. Parts of one storage must come one after the other; a repeat of the last one changes nothing. Returns the replicas
   * that are not finalized.
   * @throws DfsError `InvalidArgument` when it is not the part that follows, or not sorted: the report has to begin anew.
   */
  receive(node: DatanodeDescriptor, storage: StorageDescriptor, part: ReportPart): Promise<Block[]> {
    let serial = this.#serials.get(storage);
    if (serial === undefined) {
      serial = new Serial(WAITING_PARTS_MAX);
      this.#serials.set(storage, serial);
    }
    return serial.run(() => this.#receive(node, storage, part));
  }

  async #receive(node: DatanodeDescriptor, storage: StorageDescriptor, part: ReportPart): Promise<Block[]> {
    const report = this.#admit(node, storage, part);
    if (report === undefined) return [];
    try {
      requireSorted(part, report.merged);
      this.#options.requests.partArrived(storage, this.#options.clock.monotonicMs());
      const unfinished = await this.#merge(node, storage, report, part);
      report.nextPart++;
      if (part.last) this.#complete(node, storage, report);
      return unfinished;
    } catch (error) {
      this.#open.delete(storage); // half of a part may be merged
      throw error;
    }
  }

  /** Undefined when the part has been processed before. */
  #admit(node: DatanodeDescriptor, storage: StorageDescriptor, part: ReportPart): OpenReport | undefined {
    let report = this.#open.get(storage);
    if (report?.registrationId !== node.registrationId || report?.reportId !== part.reportId) {
      report = undefined;
    }
    if (report === undefined && part.part === 0) report = this.#begin(node, storage, part.reportId);
    if (report !== undefined && part.part === report.nextPart - 1) return undefined;
    if (report === undefined || part.part !== report.nextPart) {
      const expected = report === undefined ? 'part 0 of a new report' : `part ${report.nextPart}`;
      throw new DfsError(
        'InvalidArgument',
        `part ${part.part} of a block report came, ${expected} was expected: report again`,
      );
    }
    return report;
  }

  #begin(node: DatanodeDescriptor, storage: StorageDescriptor, reportId: number): OpenReport {
    const registrationId = node.registrationId as string;
    const report = { reportId, registrationId, nextPart: 0, merged: 0, added: 0, removed: 0 };
    this.#open.set(storage, report);
    this.#eventsOf(storage).reportBegins(this.#options.clock.monotonicMs());
    return report;
  }

  async #merge(
    node: DatanodeDescriptor,
    storage: StorageDescriptor,
    report: OpenReport,
    part: ReportPart,
  ): Promise<Block[]> {
    const end = part.last ? Number.MAX_SAFE_INTEGER : (part.replicas.at(-1)?.blockId ?? report.merged);
    const unfinished: Block[] = [];
    let position = 0;
    while (report.merged < end) {
      if (node.registrationId !== report.registrationId) {
        throw new DfsError('InvalidArgument', 'the block report was overtaken by a new registration');
      }
      const from = { position, after: report.merged };
      const slice = await this.#options.journal.mutate(({ db }) => this.#mergeSlice(db, storage, part, from, end));
      position = slice.position;
      report.merged = slice.merged;
      report.added += slice.added;
      report.removed += slice.removed;
      unfinished.push(...slice.unfinished);
      await nextTurn();
    }
    return unfinished;
  }

  #complete(node: DatanodeDescriptor, storage: StorageDescriptor, report: OpenReport): void {
    const { requests, clock, logger } = this.#options;
    this.#eventsOf(storage).reportEnds();
    requests.completed(storage, clock.monotonicMs());
    const { added, removed } = report;
    logger.info({ datanode: node.name, storage: storage.uuid, added, removed }, 'full block report processed');
  }

  #eventsOf(storage: StorageDescriptor): RecentEvents {
    let events = this.#events.get(storage);
    if (events === undefined) {
      events = new RecentEvents();
      this.#events.set(storage, events);
    }
    return events;
  }

  /** Merges the replicas from `from.position` on with the rows after block `from.after`, up to block `end`, as far as a slice goes. */
  #mergeSlice(
    db: Database,
    storage: StorageDescriptor,
    { replicas }: ReportPart,
    from: { readonly position: number; readonly after: number },
    end: number,
  ): Slice {
    const reported = replicas.slice(from.position, from.position + SLICE);
    const beyond = replicas.length > from.position + SLICE;
    const reportedEnd = beyond ? (reported.at(-1)?.blockId ?? end) : end;
    const rows = replicasOfStorage(db, storage.id, from.after, reportedEnd, SLICE);
    const merged = rows.length < SLICE ? reportedEnd : (rows.at(-1)?.block ?? reportedEnd);
    const covered = reported.filter(({ blockId }) => blockId <= merged);
    const events = this.#eventsOf(storage);
    const difference = compare(covered, rows, (block) => events.has(block));
    const changed = changeReplicas(db, (changes) => applyDifference(db, changes, storage, difference));
    return { ...changed, position: from.position + covered.length, merged };
  }
}

interface Slice {
  readonly position: number;
  readonly merged: number;
  readonly added: number;
  readonly removed: number;
  readonly unfinished: readonly Block[];
}

interface Difference {
  /** Reported, with another row or none. */
  readonly reported: readonly { readonly replica: ReportedReplica; readonly row: ReplicaRow | undefined }[];
  /** Rows of what was not reported. */
  readonly missing: readonly ReplicaRow[];
}

/** Walks over both sorted lists; blocks for which `isNewer` knows better are left out. */
function compare(
  replicas: readonly ReportedReplica[],
  rows: readonly ReplicaRow[],
  isNewer: (block: number) => boolean,
): Difference {
  const reported: { replica: ReportedReplica; row: ReplicaRow | undefined }[] = [];
  const missing: ReplicaRow[] = [];
  let next = 0;
  const passRowsBefore = (block: number): void => {
    for (; next < rows.length && (rows[next] as ReplicaRow).block < block; next++) {
      const row = rows[next] as ReplicaRow;
      if (!isNewer(row.block)) missing.push(row);
    }
  };
  for (const replica of replicas) {
    passRowsBefore(replica.blockId);
    const row = rows[next]?.block === replica.blockId ? rows[next++] : undefined;
    if (isNewer(replica.blockId) || (row !== undefined && replica.finalized && isSame(row, replica))) continue;
    reported.push({ replica, row });
  }
  passRowsBefore(Number.POSITIVE_INFINITY);
  return { reported, missing };
}

function isSame(row: ReplicaRow, replica: Block): boolean {
  return row.generation_stamp === replica.generationStamp && row.length === replica.numBytes;
}

function applyDifference(
  db: Database,
  changes: ReplicaChanges,
  storage: StorageDescriptor,
  { reported, missing }: Difference,
): Pick<Slice, 'added' | 'removed' | 'unfinished'> {
  const unfinished: Block[] = [];
  let added = 0;
  for (const { replica, row } of reported) {
    const block = blockRow(db, replica.blockId);
    if (replica.finalized) {
      changes.put(storage.id, replica, row === undefined ? judge(block, replica) : judgeAgain(row, block, replica));
      added++;
    } else {
      changes.remove(storage.id, replica.blockId);
      unfinished.push(replica);
    }
    if (block !== undefined) requestCheck(db, block.id);
  }
  for (const row of missing) {
    changes.remove(storage.id, row.block);
    requestCheck(db, row.block);
  }
  return { added, removed: missing.length, unfinished };
}

function requireSorted({ replicas }: ReportPart, after: number): void {
  let previous = after;
  for (const { blockId } of replicas) {
    if (blockId <= previous) {
      throw new DfsError(
        'InvalidArgument',
        `a block report must be sorted by block id: ${blockId} came after ${previous}`,
      );
    }
    previous = blockId;
  }
}
