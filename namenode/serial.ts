/** Runs work one after the other: for messages of one sender whose order matters. */
import { DfsError } from '../common/errors.js';

export class Serial {
  readonly #waitingMax: number;
  #waiting = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** @throws DfsError `Overloaded` when too much waits already; whatever `work` throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#waitingMax) {
      throw new DfsError(
        'Overloaded',
        `${this.#waiting} messages of this sender are being processed already; try again later`,
      );
    }
    this.#waiting++;
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#waiting--;
    }
  }
}
