/** A file that is open for reading. */
import { DfsError } from '../common/errors.js';
import type { ReadSource } from './block-fetch.js';
import { fetchFromBlock } from './block-fetch.js';
import type { ClientContext } from './context.js';
import { LocatedBlocks } from './located-blocks.js';
import { newAbortController, onAbort } from './on-abort.js';
import { SuspectNodes } from './suspect-nodes.js';
import type { OpenOptions, ReadRange } from './types.js';

export interface FileReaderOptions extends OpenOptions {
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
    const { context, path, signal } = options;
    const closed = newAbortController();
    const blocks = await LocatedBlocks.open(context, path, signal ?? closed.signal);
    const suspects = new SuspectNodes(context.clock, context.settings.suspectMs);
    return new FileReader(options, { context, path, blocks, suspects }, closed);
  }

  /** Bytes of the file when it was opened. */
  get length(): number {
    return this.#source.blocks.fileLength;
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
    for await (const piece of this.#pieces(position, position + target.length, options)) {
      target.set(piece, filled);
      filled += piece.length;
    }
    return filled;
  }

  /** The bytes of a range in order, in pieces as they arrive. Nothing is fetched before the first piece is asked for. */
  stream(range: ReadRange = {}, options: OpenOptions = {}): AsyncIterable<Buffer> {
    const { start = 0, end = this.length - 1 } = range;
    checkOffset('start', start);
    if (range.end !== undefined && end < start)
      throw new DfsError('InvalidArgument', `a range from ${start} to ${end} ends before it begins`);
    return this.#pieces(start, end + 1, options);
  }

  /** Ends whatever is being read. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#end(new DfsError('Cancelled', `${this.path} was closed while it was read`));
  }

  async *#pieces(from: number, to: number, options: OpenOptions): AsyncGenerator<Buffer, void, void> {
    const signal = this.#signalWith(options.signal);
    const end = Math.min(to, this.length);
    for (let at = from; at < end; ) {
      const block = await this.#source.blocks.at(at, signal);
      const blockEnd = Math.min(end, block.offset + block.length);
      for await (const pieces of fetchFromBlock(this.#source, block, at, blockEnd, signal)) yield* pieces;
      at = blockEnd;
    }
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
