/** A bounded number of tasks at a time. */
export class Pool {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Starts `task` as soon as there is room, and returns then. @throws what an earlier task threw; nothing is started then. */
  async run(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    this.#throwFailure();
    const running = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /**
   * Resolves when `schedule`, which starts tasks, and all tasks have ended. @throws what it, or else the first task that failed, threw;
   * not before the other tasks have ended.
   */
  async within(schedule: () => Promise<void>): Promise<void> {
    try {
      await schedule();
    } finally {
      await Promise.all(this.#running);
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
