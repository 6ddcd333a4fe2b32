/** The bytes of a range from one replica, which is asked for them with the first {@link ReplicaStream.next}. */
import type { ClientContext } from './context.js';
import { newAbortController, onAbort } from './on-abort.js';
import type { ReceivedBytes } from './tcp/block-reader.js';
import { BlockReader } from './tcp/block-reader.js';
import type { BlockLocation, ReplicaLocation } from './types.js';

export class ReplicaStream {
  readonly location: ReplicaLocation;
  readonly #open: () => Promise<BlockReader>;
  readonly #closed = newAbortController();
  readonly #ignoreAbort: () => void;
  #reader: BlockReader | undefined;

  /** From `from` to before `to`, offsets in the file. */
  constructor(
    { connections, poolId, namenode, settings }: ClientContext,
    { block, offset }: BlockLocation,
    location: ReplicaLocation,
    from: number,
    to: number,
    signal: AbortSignal,
  ) {
    this.location = location;
    this.#ignoreAbort = onAbort(signal, () => this.#closed.abort(signal.reason));
    const range = { poolId, block, offset: from - offset, length: to - from };
    const options = {
      clientName: namenode.clientName,
      timeoutMs: settings.socketTimeoutMs,
      signal: this.#closed.signal,
    };
    this.#open = () => BlockReader.open(connections, location.datanode, range, options);
  }

  /** Null after the last byte. One call at a time. @throws DfsError as {@link BlockReader.open} and {@link BlockReader.next}. */
  async next(): Promise<ReceivedBytes | null> {
    this.#reader ??= await this.#open();
    return await this.#reader.next();
  }

  /** Ends what is under way. */
  close(): void {
    this.#ignoreAbort();
    this.#reader?.close();
    this.#closed.abort();
  }
}
