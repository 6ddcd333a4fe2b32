/**
 * What has been promised of a storage's room to writes that have not arrived: without it, all writers that ask between two
 * heartbeats would be sent to the same nearly full disk. An estimate, because nobody need tell when a promised block is not written after
 * all: such promises are forgotten with time (HDFS's getBlocksScheduled, with the same ten minutes).
 */

const EXPIRY_MS = 600_000;
/** Beyond this the oldest are forgotten: an estimate is not worth more memory. */
const PROMISES_MAX = 10_000;

interface Promised {
  readonly bytes: number;
  readonly expiresMs: number;
}

export class ScheduledWrites {
  #promises: Promised[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  promise(bytes: number, nowMs: number): void {
    this.#promises.push({ bytes, expiresMs: nowMs + EXPIRY_MS });
    this.#bytes += bytes;
    if (this.#promises.length > PROMISES_MAX) this.arrived();
  }

  /** A replica was written, or will not be: the oldest promise is taken to be its own. */
  arrived(): void {
    this.#bytes -= this.#promises.shift()?.bytes ?? 0;
  }

  expire(nowMs: number): void {
    while ((this.#promises[0]?.expiresMs ?? Number.POSITIVE_INFINITY) <= nowMs) this.arrived();
  }
}
