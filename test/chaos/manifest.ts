/**
 * What the cluster has promised. Everything is written down after its acknowledgement, never before. An operation whose answer never came
 * leaves its file *in doubt*: either outcome is right, and nobody touches the file again until it is verified.
 */

export interface TrackedFile {
  /** Says what its content is (content.ts). */
  readonly number: number;
  /** It has exactly one of these, or none if `mayBeAbsent`. */
  paths: readonly string[];
  mayBeAbsent: boolean;
  /** As many bytes were acknowledged by hflush, hsync or close: they must be there. */
  acknowledgedBytes: number;
  /** As many bytes were written: there cannot be more. */
  attemptedBytes: number;
  inDoubt: boolean;
}

export class Manifest {
  readonly files = new Set<TrackedFile>();
  /** Paths of files that were deleted or renamed, with the answer that it was done. They are never used again. */
  readonly gone = new Set<string>();
  /** Acknowledged operations by name. */
  readonly done: Record<string, number> = {};
  /** Operations without an answer, by the name of the error. */
  readonly unanswered: Record<string, number> = {};

  acknowledged(operation: string): void {
    this.done[operation] = (this.done[operation] ?? 0) + 1;
  }

  notAnswered(error: string): void {
    this.unanswered[error] = (this.unanswered[error] ?? 0) + 1;
  }
}
