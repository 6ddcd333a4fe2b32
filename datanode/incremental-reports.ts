/**
 * What has changed and the NameNode does not know yet. Events wait here until a report with them is answered; nothing
 * is lost while the NameNode is away. Of one block only the last event waits, so that the queue is no longer than the
 * number of blocks that changed; should that be too many, all are dropped, and a full report takes their place.
 */
import type { Block } from '../common/block.js';
import type { ReplicaEvents, StorageSummaries } from './replica-catalog.js';

export type ReplicaEventKind = 'RECEIVING' | 'RECEIVED' | 'DELETED';

/** A replica, and where it is. */
export interface ReplicaAt {
  readonly block: Block;
  readonly storageId: string;
}

export interface ReplicaEvent extends ReplicaAt {
  readonly kind: ReplicaEventKind;
}

export interface IncrementalReport {
  /** Counts up from 1 in each registration. A report that is sent again keeps its number and its events. */
  readonly number: number;
  readonly events: readonly ReplicaEvent[];
}

export interface IncrementalReportsOptions {
  /** Events that may wait. */
  readonly maxPending?: number;
  /** What the storages hold at this moment. */
  readonly summarize: () => StorageSummaries;
}

const DEFAULT_MAX_PENDING = 100_000;
const MAX_EVENTS_PER_REPORT = 1000;
/** Corrupt replicas that wait to be told. One that is forgotten is found again by the next reader. */
const MAX_CORRUPT = 1000;

interface UnansweredReport extends IncrementalReport {
  /** What the storages held when the report was made, if it has all that had changed until then. */
  readonly summaries: StorageSummaries | undefined;
}

export class IncrementalReports implements ReplicaEvents {
  readonly #maxPending: number;
  readonly #summarize: () => StorageSummaries;
  #onPending: () => void = () => {};
  /** By storage and block, in the order of the last event. */
  #pending = new Map<string, ReplicaEvent>();
  #isUrgent = false;
  #unanswered: UnansweredReport | undefined;
  #lastNumber = 0;
  #answeredSummaries: StorageSummaries | undefined;
  #overflowed = false;
  #corrupt = new Map<string, ReplicaAt>();

  constructor({ maxPending = DEFAULT_MAX_PENDING, summarize }: IncrementalReportsOptions) {
    this.#maxPending = maxPending;
    this.#summarize = summarize;
  }

  /** Called whenever there is something to send at once. */
  set onPending(listener: () => void) {
    this.#onPending = listener;
  }

  // ---- Events -------------------------------------------------------------------------------------------------------

  /**
   * Waits for something more important, or for {@link urge}: most replicas that are begun are finished within moments.
   */
  receiving(block: Block, storageId: string): void {
    this.#add({ kind: 'RECEIVING', block, storageId });
  }

  received(block: Block, storageId: string): void {
    this.#add({ kind: 'RECEIVED', block, storageId });
    this.urge();
  }

  deleted(block: Block, storageId: string): void {
    this.#add({ kind: 'DELETED', block, storageId });
    this.urge();
  }

  corrupt(block: Block, storageId: string): void {
    if (this.#corrupt.size < MAX_CORRUPT) this.#corrupt.set(keyOf(block, storageId), { block, storageId });
    this.#onPending();
  }

  #add(event: ReplicaEvent): void {
    const key = keyOf(event.block, event.storageId);
    this.#pending.delete(key); // so that it moves to the end
    if (this.#pending.size < this.#maxPending) this.#pending.set(key, event);
    else this.#overflow();
  }

  #overflow(): void {
    this.#pending.clear();
    this.#overflowed = true;
    this.#answeredSummaries = undefined;
  }

  // ---- Sending ------------------------------------------------------------------------------------------------------

  /** Sends also what could wait. */
  urge(): void {
    if (this.#pending.size === 0) return;
    this.#isUrgent = true;
    this.#onPending();
  }

  get pendingCount(): number {
    return this.#pending.size + (this.#unanswered?.events.length ?? 0);
  }

  /** The report to send now: first again the one that was not answered. */
  next(): IncrementalReport | undefined {
    if (this.#unanswered === undefined && this.#isUrgent) this.#unanswered = this.#takeReport();
    return this.#unanswered;
  }

  #takeReport(): UnansweredReport | undefined {
    const events: ReplicaEvent[] = [];
    for (const [key, event] of this.#pending) {
      if (events.length === MAX_EVENTS_PER_REPORT) break;
      events.push(event);
      this.#pending.delete(key);
    }
    const isAll = this.#pending.size === 0;
    if (isAll) this.#isUrgent = false;
    if (events.length === 0) return undefined;
    return {
      number: ++this.#lastNumber,
      events,
      summaries: isAll && !this.#overflowed ? this.#summarize() : undefined,
    };
  }

  /** The NameNode has taken the report that {@link next} gave. */
  answered(): void {
    this.#answeredSummaries = this.#unanswered?.summaries;
    this.#unanswered = undefined;
  }

  /** A new registration begins: reports are numbered anew, and what was not answered is sent in a new one. */
  registered(): void {
    const unanswered = this.#unanswered?.events ?? [];
    this.#unanswered = undefined;
    this.#lastNumber = 0;
    this.#answeredSummaries = undefined;
    const newer = this.#pending;
    this.#pending = new Map(unanswered.map((event) => [keyOf(event.block, event.storageId), event]));
    for (const [key, event] of newer) {
      this.#pending.delete(key);
      this.#pending.set(key, event);
    }
    this.urge();
  }

  /**
   * Number and digest of what the NameNode has been told of, at this moment; undefined when that cannot be said. To be
   * sent while no report is under way.
   */
  toldSummaries(): StorageSummaries | undefined {
    if (this.#unanswered !== undefined || this.#overflowed) return undefined;
    return this.#pending.size === 0 ? this.#summarize() : this.#answeredSummaries;
  }

  /** Whether events were dropped, so that only full reports of all storages can tell what there is. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Full reports have been begun: what happens from now on is reported as usual. */
  fullReportsBegin(): void {
    this.#overflowed = false;
  }

  /** Corrupt replicas to tell of. They wait until {@link corruptTold}. */
  corruptReplicas(): readonly ReplicaAt[] {
    return [...this.#corrupt.values()];
  }

  corruptTold(told: readonly ReplicaAt[]): void {
    for (const { block, storageId } of told) this.#corrupt.delete(keyOf(block, storageId));
  }
}

function keyOf({ blockId }: Block, storageId: string): string {
  return `${storageId}/${blockId}`;
}
