import type { Clock, Timer } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import type { LocalReplica } from './local-replica.js';

interface Entry {
  readonly replica: Promise<LocalReplica>;
  /** Undefined until it is open. */
  opened: LocalReplica | undefined;
  usedAtMs: number;
}

export interface OpenReplicaLimits {
  /** Files of so many replicas are kept open; those that are read at the moment come on top. */
  readonly maxOpen: number;
  /** Those that nobody has asked for are closed after so long, so that the space of deleted ones becomes free. */
  readonly idleMs: number;
}

/** Replicas on this machine that are kept open for the next reader. */
export class OpenReplicas {
  readonly #clock: Clock;
  readonly #limits: OpenReplicaLimits;
  /** Longest unused first. */
  readonly #entries = new Map<string, Entry>();
  #expiry: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, limits: OpenReplicaLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * The open replica of this key, which `open` opens if it is not. The caller has one use of it, and has to release it.
   * @throws whatever `open` throws, and forgets it then; DfsError `Cancelled` when it was forgotten meanwhile.
   */
  async take(key: string, open: () => Promise<LocalReplica>): Promise<LocalReplica> {
    const entry = this.#entries.get(key) ?? this.#add(open);
    entry.usedAtMs = this.#clock.monotonicMs();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    try {
      entry.opened ??= await entry.replica;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
    const replica = entry.opened;
    if (!replica.use())
      throw new DfsError('Cancelled', `block ${replica.block.blockId} was closed while it was opened`);
    this.#makeRoom();
    this.#expiry ??= this.#scheduleExpiry();
    return replica;
  }

  /** Files that are being read are closed afterwards. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    retire(entry);
  }

  close(): void {
    this.#closed = true;
    this.#expiry?.cancel();
    for (const key of [...this.#entries.keys()]) this.forget(key);
  }

  #add(open: () => Promise<LocalReplica>): Entry {
    return { replica: open(), opened: undefined, usedAtMs: 0 };
  }

  #makeRoom(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.maxOpen) return;
      this.forget(key);
    }
  }

  #expire(): void {
    const usedSinceMs = this.#clock.monotonicMs() - this.#limits.idleMs;
    for (const [key, { opened, usedAtMs }] of this.#entries) {
      if (usedAtMs > usedSinceMs) return;
      if (opened?.isUsed !== true) this.forget(key);
    }
  }

  #scheduleExpiry(): Timer | undefined {
    if (this.#closed) return undefined;
    return this.#clock.after(this.#limits.idleMs, () => {
      this.#expire();
      this.#expiry = this.#entries.size > 0 ? this.#scheduleExpiry() : undefined;
    });
  }
}

function retire(entry: Entry): void {
  entry.replica.then(
    (replica) => replica.retire(),
    () => {},
  );
}
