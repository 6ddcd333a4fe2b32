/**
 * Requests on their way from the thread that reads them to the event loop, in memory that both see: a message between threads for each of them costs more than
 * many a request does.
 *
 *     ┌───────────────────┬──────────────┬────────┬──────────┬──────────┬──────────┐
 *     │ whose is slot 0 … │ place 0 …    │ put    │ taken    │ released │ awake    │
 *     │ 0: the reader's   │ slot, length │ so far │ so far   │ so far   │ 0 or 1   │
 *     └───────────────────┴──────────────┴────────┴──────────┴──────────┴──────────┘
 *
 * There are as many places as slots, and a slot is in the queue once at most, so that the queue is never full.
 */

const FIELDS = 4;
/** Numbers for each slot: whose it is, and a place of two. */
const NUMBERS_A_SLOT = 3;

export class RequestQueue {
  readonly shared: SharedArrayBuffer;
  readonly slots: number;
  readonly #numbers: Int32Array;
  readonly #places: number;
  readonly #put: number;
  readonly #taken: number;
  readonly #released: number;
  readonly #awake: number;

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#numbers = new Int32Array(shared);
    this.slots = (this.#numbers.length - FIELDS) / NUMBERS_A_SLOT;
    this.#places = this.slots;
    this.#put = this.slots * NUMBERS_A_SLOT;
    this.#taken = this.#put + 1;
    this.#released = this.#put + 2;
    this.#awake = this.#put + 3;
  }

  static withSlots(slots: number): RequestQueue {
    return new RequestQueue(new SharedArrayBuffer((slots * NUMBERS_A_SLOT + FIELDS) * Int32Array.BYTES_PER_ELEMENT));
  }

  // ---- The reader ----------------------------------------------------------------------------------------------------

  /** Stops its thread until a slot is free. */
  waitForSlot(): number {
    for (;;) {
      const released = Atomics.load(this.#numbers, this.#released);
      for (let slot = 0; slot < this.slots; slot++) if (Atomics.load(this.#numbers, slot) === 0) return slot;
      Atomics.wait(this.#numbers, this.#released, released);
    }
  }

  /** Hands a slot over. `wake`: the event loop does not know that there is anything. */
  put(slot: number, bytes: number): 'wake' | 'is awake' {
    const put = Atomics.load(this.#numbers, this.#put);
    const place = this.#placeOf(put);
    Atomics.store(this.#numbers, slot, 1);
    Atomics.store(this.#numbers, place, slot);
    Atomics.store(this.#numbers, place + 1, bytes);
    Atomics.store(this.#numbers, this.#put, (put + 1) | 0);
    return Atomics.exchange(this.#numbers, this.#awake, 1) === 0 ? 'wake' : 'is awake';
  }

  // ---- The event loop ------------------------------------------------------------------------------------------------

  /** Undefined when there is nothing: the next {@link put} wakes it then. */
  take(): { readonly slot: number; readonly bytes: number } | undefined {
    const taken = Atomics.load(this.#numbers, this.#taken);
    if (taken === Atomics.load(this.#numbers, this.#put)) {
      Atomics.store(this.#numbers, this.#awake, 0);
      // What came before the reader could see that is taken here; its message, if there is one, finds nothing.
      if (taken === Atomics.load(this.#numbers, this.#put)) return undefined;
      Atomics.store(this.#numbers, this.#awake, 1);
    }
    const place = this.#placeOf(taken);
    const slot = Atomics.load(this.#numbers, place);
    const bytes = Atomics.load(this.#numbers, place + 1);
    Atomics.store(this.#numbers, this.#taken, (taken + 1) | 0);
    return { slot, bytes };
  }

  /** Gives a slot back. */
  release(slot: number): void {
    Atomics.store(this.#numbers, slot, 0);
    Atomics.add(this.#numbers, this.#released, 1);
    Atomics.notify(this.#numbers, this.#released);
  }

  /** The counters run over after 2³² requests, which does no harm when the number of slots is a power of two. */
  #placeOf(count: number): number {
    return this.#places + 2 * ((count >>> 0) % this.slots);
  }
}
