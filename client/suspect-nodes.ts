/** DataNodes that failed lately: writers ask for blocks elsewhere, readers try them last. */
import type { Clock } from '../common/clock.js';

export class SuspectNodes {
  readonly #clock: Clock;
  readonly #expiryMs: number;
  /** When each is forgotten, by its UUID. */
  readonly #untilMs = new Map<string, number>();

  /** A node is forgotten `expiryMs` after its last failure. */
  constructor(clock: Clock, expiryMs: number) {
    this.#clock = clock;
    this.#expiryMs = expiryMs;
  }

  add(uuid: string): void {
    this.#untilMs.set(uuid, this.#clock.monotonicMs() + this.#expiryMs);
  }

  has(uuid: string): boolean {
    return (this.#untilMs.get(uuid) ?? 0) > this.#clock.monotonicMs();
  }

  list(): string[] {
    return [...this.#untilMs.keys()].filter((uuid) => this.has(uuid));
  }

  clear(): void {
    this.#untilMs.clear();
  }
}
