/**
 * Reads a range of one block whatever happens to its replicas: from the nearest one, and from the next one, at the very byte where
 * it stopped, when a DataNode fails or its data does not match its checksums.
 */
import { blockName } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { ErrorName } from '../common/errors.js';
import { DfsError, isDfsError, messageOf } from '../common/errors.js';
import { retryDelayMs } from '../common/retry.js';
import type { ClientContext } from './context.js';
import type { ReadStep } from './hedged-reads.js';
import type { LocatedBlocks } from './located-blocks.js';
import { pause } from './pause.js';
import { ReplicaStream } from './replica-stream.js';
import { dataAddress } from './rpc/messages.js';
import type { SuspectNodes } from './suspect-nodes.js';
import type { ReceivedBytes } from './tcp/block-reader.js';
import type { BlockLocation, ReplicaLocation } from './types.js';

/** The file that is read, as far as its blocks need to know it. */
export interface ReadSource {
  readonly context: ClientContext;
  readonly path: string;
  readonly blocks: LocatedBlocks;
  /** DataNodes that failed this reader lately. */
  readonly suspects: SuspectNodes;
}

/** Pauses between two rounds over all replicas: a DataNode that restarts is back within seconds. */
const ROUND_PAUSES = { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 1_000, maxDelayMs: 10_000 };

/** How long a read that found a bad replica waits to tell the NameNode. */
const REPORT_TIMEOUT_MS = 5_000;

interface ReplicaFailure {
  readonly location: ReplicaLocation;
  readonly error: unknown;
}

/** The replica to try next: those not tried in this round, in the NameNode's order, suspects last. */
export function chooseReplica(
  locations: readonly ReplicaLocation[],
  failed: ReadonlySet<string>,
  isSuspect: (uuid: string) => boolean,
): ReplicaLocation | undefined {
  const untried = locations.filter(({ datanode }) => !failed.has(datanode.uuid));
  return untried.find(({ datanode }) => !isSuspect(datanode.uuid)) ?? untried[0];
}

/**
 * The bytes of the file from `from` to before `to`, which lie in `located`, as they arrive.
 * @throws DfsError `BlockMissing`, `Corrupt`, naming the block and what each replica's DataNode said; `Cancelled`.
 */
export function fetchFromBlock(
  source: ReadSource,
  located: BlockLocation,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<ReceivedBytes, void, void> {
  return new BlockFetch(source, located, from, to, signal).bytes();
}

class BlockFetch {
  readonly #source: ReadSource;
  readonly #to: number;
  readonly #signal: AbortSignal;
  #block: BlockLocation;
  /** The next byte that is wanted. */
  #at: number;
  #round = 1;
  /** Of this round, by DataNode. */
  #failures = new Map<string, ReplicaFailure>();
  /** The one that is read from, and one more while that is hedged. */
  readonly #open = new Set<ReplicaStream>();

  constructor(source: ReadSource, block: BlockLocation, from: number, to: number, signal: AbortSignal) {
    this.#source = source;
    this.#block = block;
    this.#at = from;
    this.#to = to;
    this.#signal = signal;
  }

  async *bytes(): AsyncGenerator<ReceivedBytes, void, void> {
    try {
      while (this.#at < this.#to) {
        let stream = this.#openNext();
        if (stream === undefined) await this.#beginRound();
        while (stream !== undefined) {
          const { bytes, from } = await this.#step(stream);
          if (bytes !== null) yield bytes;
          stream = bytes === null ? undefined : from;
        }
      }
    } finally {
      this.#closeAllBut(undefined);
    }
  }

  /** From the best replica that has not failed in this round and is not read from; undefined when there is none, or nothing is wanted. */
  #openNext(): ReplicaStream | undefined {
    if (this.#at >= this.#to) return undefined;
    const { context, suspects } = this.#source;
    const reading = [...this.#open].map(({ location }) => location.datanode.uuid);
    const taken = new Set([...this.#failures.keys(), ...reading]);
    const location = chooseReplica(this.#block.locations, taken, (uuid) => suspects.has(uuid));
    if (location === undefined) return undefined;
    const stream = new ReplicaStream(context, this.#block, location, this.#at, this.#to, this.#signal);
    this.#open.add(stream);
    return stream;
  }

  async #step(stream: ReplicaStream): Promise<ReadStep> {
    const step = await this.#source.context.hedgedReads.next(stream, () => this.#openNext());
    if (this.#signal.aborted) throw cancellation(this.#signal, `reading ${this.#source.path}`);
    this.#closeAllBut(step.from);
    for (const { stream: failed, error } of step.failed) await this.#note(failed.location, error);
    if (step.bytes !== null) {
      for (const piece of step.bytes.pieces) this.#at += piece.length;
      this.#round = 1;
    }
    return step;
  }

  async #note(location: ReplicaLocation, error: unknown): Promise<void> {
    const { context, suspects } = this.#source;
    this.#failures.set(location.datanode.uuid, { location, error });
    suspects.add(location.datanode.uuid);
    if (isDfsError(error, 'Corrupt')) await report(context, this.#block, location, this.#signal);
  }

  /** All replicas have failed: after a pause they are tried again, as the NameNode knows them then. */
  async #beginRound(): Promise<void> {
    const { context, path, blocks } = this.#source;
    if (this.#round >= context.settings.maxBlockAcquireFailures)
      throw unreadable(this.#source, this.#block, this.#at, [...this.#failures.values()]);
    const delayMs = retryDelayMs(ROUND_PAUSES, this.#round, context.random);
    await pause(context.clock, delayMs, this.#signal, `reading ${path}`);
    this.#round++;
    this.#failures = new Map();
    this.#block = await blocks.refresh(this.#at, this.#signal);
  }

  #closeAllBut(kept: ReplicaStream | undefined): void {
    for (const stream of this.#open) {
      if (stream === kept) continue;
      stream.close();
      this.#open.delete(stream);
    }
  }
}

/** The read goes on whether or not the NameNode can be told. */
async function report(
  { namenode }: ClientContext,
  { block }: BlockLocation,
  { datanode, storageId }: ReplicaLocation,
  signal: AbortSignal,
): Promise<void> {
  const request = { replicas: [{ block, datanodeUuid: datanode.uuid, storageId }] };
  const limits = { signal, attemptTimeoutMs: REPORT_TIMEOUT_MS, maxTotalMs: REPORT_TIMEOUT_MS };
  await namenode.call('ReportBadBlocks', request, limits).catch(() => {});
}

function unreadable(
  { path }: ReadSource,
  { block }: BlockLocation,
  at: number,
  failures: readonly ReplicaFailure[],
): DfsError {
  const reasons = failures.map(({ location, error }) => `${dataAddress(location.datanode)}: ${messageOf(error)}`);
  const why = reasons.length === 0 ? 'no live DataNode holds it' : reasons.join('; ');
  const isCorrupt = failures.length > 0 && failures.every(({ error }) => isDfsError(error, 'Corrupt'));
  const name: ErrorName = isCorrupt ? 'Corrupt' : 'BlockMissing';
  return new DfsError(name, `Could not obtain block ${blockName(block)} of ${path} at offset ${at}: ${why}`);
}
