/**
 * One life of a simulated process, from its start to its end. The objects of a process that has crashed still lie in memory, so
 * everything that could wake them or that they could do goes through its life: nothing of a dead process ever runs again.
 */
export class Life {
  /** `nn`, `dn2`, `client1`: for traces and messages. */
  readonly name: string;
  #alive = true;
  readonly #atEnd = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Calls `action` when this life ends; returns how to take that back. */
  onEnd(action: () => void): () => void {
    this.#atEnd.add(action);
    return () => void this.#atEnd.delete(action);
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const action of this.#atEnd) action();
    this.#atEnd.clear();
  }

  /** A promise that stays open for ever once this life is over, as nobody is there to be told. */
  promise<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      start(
        (value) => {
          if (this.#alive) resolve(value);
        },
        (error) => {
          if (this.#alive) reject(error);
        },
      );
    });
  }
}
