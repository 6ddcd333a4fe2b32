import type { FileStatus } from '../types.js';

/** An open directory: gives its entries one after the other. Offsets count entries; going back starts anew. */
export class DirectoryListing {
  readonly #list: () => AsyncIterable<FileStatus>;
  #entries: AsyncIterator<FileStatus> | undefined;
  /** Offset of the entry that comes next. */
  #position = 0;
  /** It, if it has been taken out of the iterator already. */
  #next: FileStatus | undefined;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(list: () => AsyncIterable<FileStatus>) {
    this.#list = list;
  }

  /** Gives entries to `take`, with their offsets, from the one at `offset` on, until it returns false or there are no more. */
  async from(offset: number, take: (entry: FileStatus, offset: number) => boolean): Promise<void> {
    const turn = this.#lastTurn.then(() => this.#giveFrom(offset, take));
    this.#lastTurn = turn.catch(() => undefined);
    await turn;
  }

  async close(): Promise<void> {
    await this.#lastTurn;
    await this.#entries?.return?.();
    this.#entries = undefined;
  }

  async #giveFrom(offset: number, take: (entry: FileStatus, offset: number) => boolean): Promise<void> {
    if (offset < this.#position || this.#entries === undefined) await this.#restart();
    for (;;) {
      const entry = await this.#peek();
      if (entry === undefined) return;
      if (this.#position >= offset && !take(entry, this.#position)) return;
      this.#next = undefined;
      this.#position++;
    }
  }

  async #restart(): Promise<void> {
    await this.#entries?.return?.();
    this.#entries = this.#list()[Symbol.asyncIterator]();
    this.#position = 0;
    this.#next = undefined;
  }

  async #peek(): Promise<FileStatus | undefined> {
    if (this.#next === undefined) {
      const result = await this.#entries?.next();
      this.#next = result === undefined || result.done === true ? undefined : result.value;
    }
    return this.#next;
  }
}
