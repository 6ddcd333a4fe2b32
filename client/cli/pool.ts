/** A bounded number of tasks at a time, each known by the name of what it makes. */
export class Pool {
  readonly #limit: number;
  readonly #running = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when no task of that name runs: two sources may have the same target. */
  async settled(name: string): Promise<void> {
    await this.#running.get(name);
  }

  /**
   * Starts `task` as soon as there is room and none of that name runs, and returns then.
   * @throws what an earlier task threw; nothing is started then.
   */
  async run(name: string, task: () => Promise<void>): Promise<void> {
    await this.settled(name);
    while (this.#running.size >= this.#limit) await Promise.race(this.#running.values());
    this.#throwFailure();
    const running = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  /**
   * Resolves when `schedule`, which starts tasks, and all tasks have ended. @throws what it, or else the first task that failed, threw;
   * not before the other tasks have ended.
   */
  async within(schedule: () => Promise<void>): Promise<void> {
    try {
      await schedule();
    } finally {
      await Promise.all(this.#running.values());
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
