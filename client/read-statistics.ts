/** What the readers of a file system object have read since it was made. (HDFS: ReadStatistics.) */
export class ReadStatistics {
  #totalBytes = 0;
  #shortCircuitBytes = 0;

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Those read from the disk of this machine, without its DataNode. */
  get shortCircuitBytes(): number {
    return this.#shortCircuitBytes;
  }

  count(bytes: number, isShortCircuit: boolean): void {
    this.#totalBytes += bytes;
    if (isShortCircuit) this.#shortCircuitBytes += bytes;
  }
}
