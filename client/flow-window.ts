import { Wakeup } from './wakeup.js';

/** Bounds the bytes that a writer holds: packets that wait to be sent or acknowledged. */
export class FlowWindow {
  readonly #limitBytes: number;
  readonly #changed = new Wakeup();
  #usedBytes = 0;
  #failure: unknown;
  #failed = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#changed.wake();
  }

  /** Resolves once less than the limit is in use. The last packet taken may exceed the limit. @throws what {@link fail} was given. */
  async room(): Promise<void> {
    while (!this.#failed && this.#usedBytes >= this.#limitBytes) await this.#changed.wait();
    if (this.#failed) throw this.#failure;
  }

  /** Nobody will ever give anything back any more. */
  fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#failure = error;
    this.#changed.wake();
  }
}
