/**
 * Reads of one open file. As long as they follow each other a stream runs ahead of them; others go to the DataNodes one by one. The kernel asks for several
 * pieces at a time and not always in order, so a piece counts as following when it is near.
 */

import type { FileReader } from '../file-reader.js';
import { newAbortController } from '../on-abort.js';
import { Wakeup } from '../wakeup.js';

/** How far the stream runs ahead of what was asked for. */
const AHEAD_BYTES = 8 * 1024 * 1024;
/** What has been read is kept so long, for pieces that are asked for late. */
const BEHIND_BYTES = 2 * 1024 * 1024;
/** A piece that is so far ahead of the stream is waited for; one further away is read by itself. */
const NEAR_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 512 * 1024;
const STREAMS_MAX = 24;
/** Below this a file is read in one go. */
const SMALL_FILE_BYTES = 128 * 1024;

/** Buffers whose contents stay as they are until `release` is called. */
export interface ReadResult {
  readonly buffers: readonly Buffer[];
  release(): void;
}

interface Chunk {
  readonly start: number;
  readonly bytes: Buffer;
  filled: number;
  /** Results that show a part of it. */
  users: number;
}

/** Streams of all open files, of which each holds up to 10 MiB. When there are too many, the one that was not used for the longest time ends. */
export class AheadStreams {
  readonly #running = new Set<AheadStream>();

  start(reader: FileReader, position: number): AheadStream {
    for (const oldest of this.#running) {
      if (this.#running.size < STREAMS_MAX) break;
      this.stop(oldest);
    }
    const stream = new AheadStream(reader, position);
    this.#running.add(stream);
    return stream;
  }

  used(stream: AheadStream): void {
    if (this.#running.delete(stream)) this.#running.add(stream);
  }

  stop(stream: AheadStream): void {
    this.#running.delete(stream);
    stream.stop();
  }
}

export class ReadAhead {
  readonly #streams: AheadStreams;
  #stream: AheadStream | undefined;
  #nextPosition = 0;

  constructor(streams: AheadStreams) {
    this.#streams = streams;
  }

  /** Up to `size` bytes, fewer at the end of the file. */
  async read(reader: FileReader, position: number, size: number, signal: AbortSignal): Promise<ReadResult> {
    const length = Math.max(0, Math.min(size, reader.length - position));
    if (this.#stream?.reader !== reader) this.stop();
    const follows = position === this.#nextPosition;
    this.#nextPosition = position + length;
    if (this.#stream?.isNear(position) !== true) {
      this.stop();
      if (follows && reader.length > SMALL_FILE_BYTES) this.#stream = this.#streams.start(reader, position);
    }
    if (this.#stream !== undefined) this.#streams.used(this.#stream);
    const result = await this.#stream?.read(position, length, signal);
    if (result !== undefined) return result;
    return { buffers: [await reader.read(position, length, { signal })], release: () => {} };
  }

  stop(): void {
    if (this.#stream !== undefined) this.#streams.stop(this.#stream);
    this.#stream = undefined;
  }
}

/** The bytes of a file from a position on, as far as they have come. */
class AheadStream {
  readonly reader: FileReader;
  readonly #stopped = newAbortController();
  readonly #changed = new Wakeup();
  readonly #chunks: Chunk[] = [];
  readonly #spare: Buffer[] = [];
  /** First position that is not there yet. */
  #end: number;
  /** End of the furthest piece that was asked for. */
  #wanted: number;
  /** Nothing more will come: because of the end of the file, a failure, or a stop. */
  #isOver = false;

  constructor(reader: FileReader, start: number) {
    this.reader = reader;
    this.#end = start;
    this.#wanted = start;
    void reader
      .copyTo((buffers) => this.#store(buffers), { start }, { signal: this.#stopped.signal })
      .catch(() => undefined) // whoever reads on does so by himself, and meets the error if it lasts
      .then(() => {
        this.#isOver = true;
        this.#changed.wake();
      });
  }

  isNear(position: number): boolean {
    return position >= this.#first && position <= (this.#isOver ? this.#end - 1 : this.#end + NEAR_BYTES);
  }

  /** Undefined when the stream cannot give the piece. */
  async read(position: number, length: number, signal: AbortSignal): Promise<ReadResult | undefined> {
    const end = position + length;
    this.#wanted = Math.max(this.#wanted, end);
    this.#changed.wake();
    while (this.#end < end && !this.#isOver && !signal.aborted) await this.#changed.wait();
    if (this.#end < end || position < this.#first) return undefined;
    const result = this.#slice(position, end);
    this.#drop();
    return result;
  }

  stop(): void {
    this.#stopped.abort();
    this.#changed.wake();
  }

  get #first(): number {
    return this.#chunks[0]?.start ?? this.#end;
  }

  async #store(buffers: readonly Buffer[]): Promise<void> {
    for (const buffer of buffers) {
      for (let at = 0; at < buffer.length; ) {
        const chunk = this.#openChunk();
        const bytes = buffer.copy(chunk.bytes, chunk.filled, at, at + CHUNK_BYTES - chunk.filled);
        chunk.filled += bytes;
        at += bytes;
        this.#end += bytes;
      }
    }
    this.#changed.wake();
    while (this.#end - this.#wanted > AHEAD_BYTES && !this.#stopped.signal.aborted) await this.#changed.wait();
  }

  #openChunk(): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.filled < CHUNK_BYTES) return last;
    const bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const chunk = { start: this.#end, bytes, filled: 0, users: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  #slice(from: number, to: number): ReadResult {
    const used = this.#chunks.filter(({ start, filled }) => start < to && start + filled > from);
    for (const chunk of used) chunk.users++;
    return {
      buffers: used.map(({ start, bytes }) =>
        bytes.subarray(Math.max(0, from - start), Math.min(CHUNK_BYTES, to - start)),
      ),
      release: () => {
        for (const chunk of used) chunk.users--;
      },
    };
  }

  #drop(): void {
    for (let [first] = this.#chunks; first !== undefined; [first] = this.#chunks) {
      if (first.filled < CHUNK_BYTES || first.start + CHUNK_BYTES > this.#wanted - BEHIND_BYTES) return;
      this.#chunks.shift();
      if (first.users === 0) this.#spare.push(first.bytes);
    }
  }
}
