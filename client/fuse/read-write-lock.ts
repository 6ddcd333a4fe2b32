/** Many readers or one writer at a time, in the order in which they came. */
export class ReadWriteLock {
  #readers = 0;
  #writing = false;
  readonly #waiting: { readonly writes: boolean; readonly start: () => void }[] = [];

  async read<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter(false);
    try {
      return await work();
    } finally {
      this.#readers--;
      this.#next();
    }
  }

  async write<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter(true);
    try {
      return await work();
    } finally {
      this.#writing = false;
      this.#next();
    }
  }

  async #enter(writes: boolean): Promise<void> {
    if (this.#waiting.length === 0 && this.#mayStart(writes)) {
      this.#started(writes);
      return;
    }
    await new Promise<void>((start) => {
      this.#waiting.push({ writes, start });
    });
  }

  #mayStart(writes: boolean): boolean {
    return !this.#writing && (!writes || this.#readers === 0);
  }

  #started(writes: boolean): void {
    if (writes) this.#writing = true;
    else this.#readers++;
  }

  #next(): void {
    for (let [first] = this.#waiting; first !== undefined && this.#mayStart(first.writes); [first] = this.#waiting) {
      this.#waiting.shift();
      this.#started(first.writes);
      first.start();
    }
  }
}
