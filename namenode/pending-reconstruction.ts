/** Copies that were ordered and not yet reported, so that they are not ordered twice (HDFS's PendingReconstructionBlocks). */

interface Copies {
  readonly source: string;
  /** UUIDs of the DataNodes that have not reported theirs. */
  readonly targets: Set<string>;
  readonly startedMs: number;
}

export class PendingReconstruction {
  readonly #timeoutMs: number;
  /** By block id; the oldest first. */
  readonly #copies = new Map<number, Copies>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Number of blocks. */
  get size(): number {
    return this.#copies.size;
  }

  start(block: number, source: string, targets: readonly string[], nowMs: number): void {
    this.#copies.set(block, { source, targets: new Set(targets), startedMs: nowMs });
  }

  has(block: number): boolean {
    return this.#copies.has(block);
  }

  received(block: number, datanode: string): void {
    const copies = this.#copies.get(block);
    copies?.targets.delete(datanode);
    if (copies?.targets.size === 0) this.#copies.delete(block);
  }

  /** `source` could not make the copies; returns the targets that it was to reach. */
  failed(block: number, source: string): readonly string[] {
    const copies = this.#copies.get(block);
    if (copies === undefined || copies.source !== source) return [];
    this.#copies.delete(block);
    return [...copies.targets];
  }

  /** A DataNode is gone, or has started anew: nothing comes of the copies that it was part of. */
  drop(datanode: string): void {
    for (const [block, { source, targets }] of this.#copies) {
      if (source === datanode) this.#copies.delete(block);
      else if (targets.has(datanode)) this.received(block, datanode);
    }
  }

  /** Forgets what has taken too long, so that it is tried again; returns how many blocks. */
  expire(nowMs: number): number {
    const before = this.#copies.size;
    for (const [block, { startedMs }] of this.#copies) {
      if (nowMs - startedMs < this.#timeoutMs) break; // the rest is younger
      this.#copies.delete(block);
    }
    return before - this.#copies.size;
  }
}
