/** DataNodes that failed lately: writers ask for blocks elsewhere, readers try them last. */
import type { Clock } from '../common/clock.js';
import type { ReplicaLocation } from './types.js';

export interface Suspect {
  readonly location: ReplicaLocation;
  /** Why, for people. */
  readonly reason: string;
}

export class SuspectNodes {
  readonly #clock: Clock;
  readonly #expiryMs: number;
  readonly #byUuid = new Map<string, Suspect & { readonly untilMs: number }>();

  /** A node is forgotten `expiryMs` after its last failure. */
  constructor(clock: Clock, expiryMs: number) {
    this.#clock = clock;
    this.#expiryMs = expiryMs;
  }

  add(location: ReplicaLocation, reason: string): void {
    const untilMs = this.#clock.monotonicMs() + this.#expiryMs;
    this.#byUuid.set(location.datanode.uuid, { location, reason, untilMs });
  }

  has(uuid: string): boolean {
    const suspect = this.#byUuid.get(uuid);
    return suspect !== undefined && suspect.untilMs > this.#clock.monotonicMs();
  }

  list(): Suspect[] {
    return [...this.#byUuid.values()].filter(({ untilMs }) => untilMs > this.#clock.monotonicMs());
  }

  clear(): void {
    this.#byUuid.clear();
  }
}
