/** A file that is open for reading. */
import { DfsError } from '../common/errors.js';
import type { ReadSource } from './block-fetch.js';
import { fetchFromBlock } from './block-fetch.js';
import type { ClientContext } from './context.js';
import { LocatedBlocks } from './located-blocks.js';
import { newAbortController, onAbort } from './on-abort.js';
import { SuspectNodes } from './suspect-nodes.js';
import type { ReceivedBytes } from './tcp/block-reader.js';
import type { FileStatus, OpenOptions, ReaderOptions, ReadRange } from './types.js';

export interface FileReaderOptions extends ReaderOptions {
  readonly context: ClientContext;
  readonly path: string;
  /** Called once, when the reader is closed. */
  readonly onEnd: () => void;
}

export class FileReader {
  readonly path: string;
  readonly #options: FileReaderOptions;
  readonly #source: ReadSource;
  readonly #closed: AbortController;
  #ignoreSignal = (): void => {};

  private constructor(options: FileReaderOptions, source: ReadSource, closed: AbortController) {
    this.path = options.path;
    this.#options = options;
    this.#source = source;
    this.#closed = closed;
    const { signal } = options;
    if (signal !== undefined) this.#ignoreSignal = onAbort(signal, () => this.#end(signal.reason));
  }

  /** @throws DfsError `FileNotFound`, `IsADirectory`. */
  static async open(options: FileReaderOptions): Promise<FileReader> {
    const { context, path, signal, withStatus = false } = options;
    const closed = newAbortController();
    const blocks = await LocatedBlocks.open(context, path, signal ?? closed.signal, withStatus);
    const suspects = new SuspectNodes(context.clock, context.settings.suspectMs);
    return new FileReader(options, { context, path, blocks, suspects }, closed);
  }

  /** Bytes of the file when it was opened; of one that is being written, what all its DataNodes had acknowledged then. */
  get length(): number {
    return this.#source.blocks.fileLength;
  }

  /** As it was then; undefined when it was opened without `withStatus`. */
  get status(): FileStatus | undefined {
    return this.#source.blocks.status;
  }

  /**
   * `length` bytes from `position` on, fewer at the end of the file. Any number of reads may run at a time.
   * @throws DfsError `BlockMissing`, `Corrupt`, when no replica can be read; `Cancelled`.
   */
  async read(position: number, length: number, options: OpenOptions = {}): Promise<Buffer> {
    checkOffset('position', position);
    checkOffset('length', length);
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.length - position)));
    await this.readInto(target, position, options);
    return target;
  }

  /** Fills `target` from `position` on; returns the number of bytes read, fewer than its length only at the end of the file. */
  async readInto(target: Uint8Array, position: number, options: OpenOptions = {}): Promise<number> {
    checkOffset('position', position);
    let filled = 0;
    const signal = this.#signalWith(options.signal);
    for await (const bytes of this.#fetch(position, position + target.length, signal)) {
      for (const piece of bytes.pieces) {
        target.set(piece, filled);
        filled += piece.length;
      }
      bytes.release();
    }
    return filled;
  }

  /**
   * Gives the bytes of a range to `sink`, some buffers at a time, and resolves when it has taken the last ones. The next ones are
   * fetched while it works. Once its promise has resolved, the memory of the buffers is used again: that takes a third of the
   * processor time of {@link stream}, whose pieces are the caller's to keep.
   *
   *     await reader.copyTo(async (buffers) => void (await file.writev(buffers)));
   */
  async copyTo(
    sink: (buffers: readonly Buffer[]) => Promise<void>,
    range: ReadRange = {},
    options: OpenOptions = {},
  ): Promise<void> {
    const { from, to } = this.#bounds(range);
    const signal = this.#signalWith(options.signal);
    const stop = newAbortController();
    const ignoreAbort = onAbort(signal, () => stop.abort(signal.reason));
    const source = this.#fetch(from, to, stop.signal);
    try {
      let next = source.next();
      for (let bytes = await next; bytes.done !== true; bytes = await next) {
        next = source.next();
        next.catch(() => {}); // awaited above, unless the sink fails first
        await sink(bytes.value.pieces);
        bytes.value.release();
      }
    } finally {
      ignoreAbort();
      stop.abort();
      await source.return().catch(() => {});
    }
  }

  /** The bytes of a range in order, in pieces as they arrive. Nothing is fetched before the first piece is asked for. */
  stream(range: ReadRange = {}, options: OpenOptions = {}): AsyncIterable<Buffer> {
    const { from, to } = this.#bounds(range);
    return this.#pieces(from, to, options);
  }

  /** Ends whatever is being read. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#end(new DfsError('Cancelled', `${this.path} was closed while it was read`));
  }

  async *#pieces(from: number, to: number, options: OpenOptions): AsyncGenerator<Buffer, void, void> {
    for await (const { pieces } of this.#fetch(from, to, this.#signalWith(options.signal))) yield* pieces;
  }

  async *#fetch(from: number, to: number, signal: AbortSignal): AsyncGenerator<ReceivedBytes, void, void> {
    const end = Math.min(to, this.length);
    for (let at = from; at < end; ) {
      const block = await this.#source.blocks.at(at, signal);
      const blockEnd = Math.min(end, block.offset + block.length);
      yield* fetchFromBlock(this.#source, block, at, blockEnd, signal);
      at = blockEnd;
    }
  }

  #bounds({ start = 0, end }: ReadRange): { from: number; to: number } {
    checkOffset('start', start);
    if (end !== undefined && end < start) {
      throw new DfsError('InvalidArgument', `a range from ${start} to ${end} ends before it begins`);
    }
    return { from: start, to: end === undefined ? this.length : end + 1 };
  }

  #signalWith(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, signal]);
  }

  #end(reason: unknown): void {
    this.#closed.abort(reason);
    this.#ignoreSignal();
    this.#options.onEnd();
  }
}

function checkOffset(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new DfsError('InvalidArgument', `${what} is ${value}, but must be a whole number of at least 0`);
}
