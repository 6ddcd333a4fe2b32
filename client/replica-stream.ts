/** The bytes of a range from one replica, which is asked for them with the first {@link ReplicaStream.next}. */
import type { ClientContext } from './context.js';
import { LocalBlockReader } from './disk/local-block-reader.js';
import { newAbortController, onAbort } from './on-abort.js';
import type { ReceivedBytes } from './tcp/block-reader.js';
import { BlockReader } from './tcp/block-reader.js';
import type { BlockLocation, ReplicaLocation } from './types.js';

export class ReplicaStream {
  readonly location: ReplicaLocation;
  readonly #context: ClientContext;
  readonly #located: BlockLocation;
  /** The next byte, and the end of the range, as offsets in the block. */
  #at: number;
  readonly #to: number;
  readonly #closed = newAbortController();
  readonly #ignoreAbort: () => void;
  #reader: BlockReader | LocalBlockReader | undefined;

  /** From `from` to before `to`, offsets in the file. */
  constructor(
    context: ClientContext,
    located: BlockLocation,
    location: ReplicaLocation,
    from: number,
    to: number,
    signal: AbortSignal,
  ) {
    this.location = location;
    this.#context = context;
    this.#located = located;
    this.#at = from - located.offset;
    this.#to = to - located.offset;
    this.#ignoreAbort = onAbort(signal, () => this.#closed.abort(signal.reason));
  }

  /** Null after the last byte. One call at a time. @throws DfsError as {@link BlockReader.open} and {@link BlockReader.next}. */
  async next(): Promise<ReceivedBytes | null> {
    this.#reader ??= await this.#openNearest();
    const bytes = await this.#nextOf(this.#reader);
    for (const piece of bytes?.pieces ?? []) {
      this.#at += piece.length;
      this.#context.readStatistics.count(piece.length, this.#reader instanceof LocalBlockReader);
    }
    return bytes;
  }

  /** Ends what is under way. */
  close(): void {
    this.#ignoreAbort();
    this.#reader?.close();
    this.#closed.abort();
  }

  async #nextOf(reader: BlockReader | LocalBlockReader): Promise<ReceivedBytes | null> {
    try {
      return await reader.next();
    } catch (error) {
      if (reader instanceof BlockReader || this.#closed.signal.aborted) throw error;
    }
    // The DataNode may do better; if not, it can say what is wrong.
    reader.close();
    this.#context.localReads.failed(this.#located, this.location);
    const remote = await this.#openRemote();
    this.#reader = remote;
    return await remote.next();
  }

  async #openNearest(): Promise<BlockReader | LocalBlockReader> {
    const { localReads } = this.#context;
    const { signal } = this.#closed;
    const local = await localReads.reader(this.#located, this.location, this.#at, this.#to, signal);
    return local ?? (await this.#openRemote());
  }

  #openRemote(): Promise<BlockReader> {
    const { connections, poolId, namenode, settings } = this.#context;
    const range = { poolId, block: this.#located.block, offset: this.#at, length: this.#to - this.#at };
    const options = {
      clientName: namenode.clientName,
      timeoutMs: settings.socketTimeoutMs,
      signal: this.#closed.signal,
    };
    return BlockReader.open(connections, this.location.datanode, range, options);
  }
}
