import { DfsError } from '../../common/errors.js';

/** The least that all drivers can carry: one of them has 31 bits for it. */
const HANDLE_MAX = 2 ** 31 - 1;

/** What is open, under numbers that the kernel is given. */
export class HandleTable<T> {
  readonly #open = new Map<number, T>();
  readonly #max: number;
  #last = 0;

  constructor(max = HANDLE_MAX) {
    this.#max = max;
  }

  add(value: T): number {
    do this.#last = this.#last === this.#max ? 1 : this.#last + 1;
    while (this.#open.has(this.#last));
    this.#open.set(this.#last, value);
    return this.#last;
  }

  /** What the kernel names was given to it by us. @throws DfsError `InvalidArgument`. */
  at(handle: number): T {
    const found = this.#open.get(handle);
    if (found === undefined) throw new DfsError('InvalidArgument', `there is no open file ${handle}`);
    return found;
  }

  /** Undefined when it is gone already. */
  remove(handle: number): T | undefined {
    const found = this.#open.get(handle);
    this.#open.delete(handle);
    return found;
  }

  /** A copy: handles may be removed meanwhile. */
  all(): [number, T][] {
    return [...this.#open];
  }
}
