/** Finds the DataNode that holds a pipeline up, by what the DataNodes say of themselves in their acks. */

/**
 * HDFS: `dfs.client.mark.slownode.as.badnode.threshold`. A DataNode that was slow with so many packets in a row is taken for a bad one. There a
 * DataNode is slow when the NameNode has found it so, compared to others; here when its own disk took long over the packet, so that
 * the comparison is made here: packets with which all were slow do not count, as the machines are busy then.
 */
export class SlowNodes {
  readonly #threshold: number;
  /** How many of the last packets each was slow with, in pipeline order. */
  #counts: number[];

  /** `threshold` 0: nobody is ever too slow. */
  constructor(pipelineSize: number, threshold: number) {
    this.#threshold = threshold;
    this.#counts = Array.from({ length: pipelineSize }, () => 0);
  }

  /** Counts one packet; returns the index of the DataNode that is to be left out. */
  count(slow: readonly boolean[] | undefined): number | undefined {
    const areAll = slow !== undefined && this.#counts.every((_, index) => slow[index]);
    this.#counts = this.#counts.map((count, index) => (slow?.[index] && !areAll ? count + 1 : 0));
    if (this.#threshold === 0) return undefined;
    const index = this.#counts.findIndex((count) => count >= this.#threshold);
    return index < 0 ? undefined : index;
  }
}
