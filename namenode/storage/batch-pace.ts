/**
 * When the next batch of the journal begins. A batch costs a sync, a commit and messages of its own, however few operations are in it.
 *
 * Where many small files are written, operations come one by one, spread over time by the disks of DataNodes, so that batches stay small and
 * cost more than what is in them. Such a time is known by reports of DataNodes among batches of several operations; then a batch begins an
 * interval after the one before at the earliest, which is little beside a file's way to three disks. At all other times an operation that somebody
 * waits for begins a batch at once: callers who come back as soon as they have their answer fill batches by themselves, and would only lose time.
 */
import type { Clock, Timer } from '../../common/clock.js';

/** So many operations in the last batch are a crowd. */
const CROWD = 5;
/** Reports that are older tell nothing of what is done now. */
const REPORTS_LAST_MS = 50;

export class BatchPace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #lastOperations = 0;
  #beganMs = Number.NEGATIVE_INFINITY;
  #reportedMs = Number.NEGATIVE_INFINITY;
  /** Operations that somebody waits for, and that are in no batch yet. */
  #urgent = 0;
  #begin: (() => void) | undefined;

  /** `intervalMs` 0: all batches begin at once. */
  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Resolves when a batch shall begin. */
  async turn(): Promise<void> {
    const leftMs = this.#beganMs + this.#intervalMs - this.#clock.monotonicMs();
    if (leftMs <= 0 || this.#isUrgent()) return;
    await new Promise<void>((resolve) => {
      const timer: Timer = this.#clock.after(leftMs, resolve);
      this.#begin = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#begin = undefined;
  }

  /** Another operation has come. */
  arrived(isReport: boolean): void {
    if (isReport) this.#reportedMs = this.#clock.monotonicMs();
    else this.#urgent++;
    if (this.#isUrgent()) this.hurry();
  }

  /** A batch has taken so many operations, and left others for the next one. */
  took(operations: number, left: number): void {
    this.#beganMs = this.#clock.monotonicMs();
    this.#lastOperations = operations;
    this.#urgent = left;
  }

  /** Nobody else will come. */
  hurry(): void {
    this.#begin?.();
  }

  #isUrgent(): boolean {
    if (this.#urgent === 0) return false;
    return this.#lastOperations < CROWD || this.#clock.monotonicMs() - this.#reportedMs > REPORTS_LAST_MS;
  }
}
