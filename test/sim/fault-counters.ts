/** How often each kind of fault was injected. */
export class FaultCounters {
  readonly #counts = new Map<string, number>();

  count(kind: string, times = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + times);
  }

  get(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** By kind, sorted by its name. */
  toObject(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds what others have counted. */
  addAll(counts: Readonly<Record<string, number>>): void {
    for (const [kind, times] of Object.entries(counts)) this.count(kind, times);
  }
}
