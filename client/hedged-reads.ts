/**
 * Hedged reads: when a DataNode takes long, another one is asked for the same bytes, and who gives them first is read from. For those who would
 * rather load their DataNodes a little more than wait for the slowest of them. (HDFS has them for positional reads; here they serve
 * streams, too.)
 */
import type { Clock } from '../common/clock.js';
import type { ReplicaStream } from './replica-stream.js';
import type { ReceivedBytes } from './tcp/block-reader.js';

export interface HedgedReadSettings {
  /** Most of them at a time; 0: none at all. `dfs.client.hedged.read.threadpool.size` */
  readonly limit: number;
  /** How long a DataNode may take before another one is asked. `dfs.client.hedged.read.threshold.millis` */
  readonly thresholdMs: number;
}

/** Counted since the client was made. */
export interface HedgedReadMetrics {
  /** Second DataNodes asked. HDFS: hedgedReadOps. */
  readonly started: number;
  /** How often the second one was first. HDFS: hedgedReadOpsWin. */
  readonly won: number;
  /** Reads that would have been hedged, had there not been too many at a time. */
  readonly refused: number;
}

/** What came of waiting for the next bytes. */
export interface ReadStep {
  /** Gave `bytes` (null at the end of the range) and gives what follows; undefined when nobody did. */
  readonly from: ReplicaStream | undefined;
  readonly bytes: ReceivedBytes | null;
  /** Those that failed on the way. */
  readonly failed: readonly { readonly stream: ReplicaStream; readonly error: unknown }[];
}

type Outcome =
  | { readonly stream: ReplicaStream; readonly bytes: ReceivedBytes | null }
  | { readonly stream: ReplicaStream; readonly error: unknown };

export class HedgedReads {
  readonly #clock: Clock;
  readonly #settings: HedgedReadSettings;
  #running = 0;
  #started = 0;
  #won = 0;
  #refused = 0;

  constructor(clock: Clock, settings: HedgedReadSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  get metrics(): HedgedReadMetrics {
    return { started: this.#started, won: this.#won, refused: this.#refused };
  }

  /** The next bytes of `first`, or of what `second` opens, which may have nobody to ask. Closes the one that is not read from. Does not reject. */
  async next(first: ReplicaStream, second: () => ReplicaStream | undefined): Promise<ReadStep> {
    const pending = settled(first);
    if (this.#settings.limit === 0 || (await this.#isInTime(pending))) return stepOf([await pending]);
    const other = this.#start(second);
    if (other === undefined) return stepOf([await pending]);
    const step = await race([pending, settled(other)]);
    this.#running--;
    if (step.from === other) this.#won++;
    return step;
  }

  async #isInTime(pending: Promise<Outcome>): Promise<boolean> {
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      const timer = this.#clock.after(this.#settings.thresholdMs, () => resolve(false));
      cancel = () => timer.cancel();
    });
    try {
      return await Promise.race([pending.then(() => true), late]);
    } finally {
      cancel();
    }
  }

  #start(open: () => ReplicaStream | undefined): ReplicaStream | undefined {
    if (this.#running >= this.#settings.limit) {
      this.#refused++;
      return undefined;
    }
    const stream = open();
    if (stream === undefined) return undefined;
    this.#running++;
    this.#started++;
    return stream;
  }
}

async function settled(stream: ReplicaStream): Promise<Outcome> {
  try {
    return { stream, bytes: await stream.next() };
  } catch (error) {
    return { stream, error };
  }
}

/** The first that gives something; the other one is closed. */
async function race(both: readonly [Promise<Outcome>, Promise<Outcome>]): Promise<ReadStep> {
  const first = await Promise.race(both.map(async (outcome, index) => ({ outcome: await outcome, index })));
  const other = both[1 - first.index] as Promise<Outcome>;
  if ('error' in first.outcome) return stepOf([first.outcome, await other]);
  void other.then((late) => {
    if ('bytes' in late) late.bytes?.release();
  });
  return stepOf([first.outcome]);
}

function stepOf(outcomes: readonly Outcome[]): ReadStep {
  const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome] : []));
  const given = outcomes.find((outcome) => 'bytes' in outcome);
  return given !== undefined && 'bytes' in given
    ? { from: given.stream, bytes: given.bytes, failed }
    : { from: undefined, bytes: null, failed };
}
