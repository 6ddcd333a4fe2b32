/**
 * Keeps the steps that change one block's replica from running into each other; different blocks do not wait for one
 * another.
 */
export class BlockLocks {
  readonly #tails = new Map<number, Promise<void>>();

  /** Runs `work` once everything that was started earlier for this block has ended. */
  async run<T>(blockId: number, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(blockId);
    let release = (): void => {};
    const ended = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#tails.set(blockId, ended);
    try {
      await before;
      return await work();
    } finally {
      if (this.#tails.get(blockId) === ended) this.#tails.delete(blockId);
      release();
    }
  }
}
