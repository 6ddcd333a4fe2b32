/**
 * A file that grows at its end, through the pipeline: HDFS's own way of writing. The newest bytes are held back in a window, for those that come late or
 * once more.
 */
import { DfsError } from '../../common/errors.js';
import type { FileReader } from '../file-reader.js';
import type { FileSystem } from '../file-system.js';
import type { FileWriter } from '../file-writer.js';
import { inodePath } from '../posix-namespace.js';
import { type WindowMemory, WriteWindow } from './write-window.js';

/** How much of a stream is held back. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export interface StreamedContentsOptions {
  readonly fs: FileSystem;
  readonly windows: WindowMemory;
}

/** For what has left the window: opens the file, anew when it has grown since it was opened. */
export interface SentBytes {
  open(): Promise<FileReader>;
  forget(): Promise<void>;
}

export class StreamedContents {
  readonly #options: StreamedContentsOptions;
  readonly #fileId: number;
  readonly #writer: FileWriter;
  readonly #window: WriteWindow;
  /** More has come than is held back: what follows goes past the window. */
  #overflowed = false;

  constructor(options: StreamedContentsOptions, fileId: number, writer: FileWriter) {
    this.#options = options;
    this.#fileId = fileId;
    this.#writer = writer;
    this.#window = new WriteWindow(writer.length, WINDOW_BYTES, options.windows);
  }

  /** False when the stream cannot take them: they come before what was sent, or too far behind it. */
  async write(position: number, data: Buffer): Promise<boolean> {
    const window = this.#window;
    if (position < window.start) return false;
    if (!window.fits(position, data.length) || this.#options.windows.isScarce) {
      await window.drainRun((bytes) => this.#writer.write(bytes));
      this.#overflowed = true;
    }
    if (this.#overflowed && window.isEmpty && position === window.start) {
      await this.#writer.write(data);
      window.skipTo(position + data.length);
      return true;
    }
    if (!window.fits(position, data.length)) return false;
    window.put(position, data);
    return true;
  }

  /** False when the end is not among what is held back, nor just behind it. */
  setEnd(position: number): boolean {
    if (!this.#window.fits(position, 0)) return false;
    this.#window.setEnd(position);
    return true;
  }

  /** `length` is that of the file. */
  async read(position: number, size: number, length: number, sent: SentBytes, signal: AbortSignal): Promise<Buffer[]> {
    const { start } = this.#window;
    const end = Math.max(position, Math.min(position + size, length));
    const sentEnd = Math.min(end, start);
    const buffers: Buffer[] = [];
    if (position < sentEnd) {
      let reader = await sent.open();
      if (reader.length < sentEnd) {
        await this.#writer.hflush();
        await sent.forget();
        reader = await sent.open();
      }
      buffers.push(await reader.read(position, sentEnd - position, { signal }));
    }
    if (end > sentEnd) buffers.push(this.#window.read(Math.max(position, sentEnd), end));
    return buffers;
  }

  /** Returns once everything is on disk, and visible to others. */
  async sync(): Promise<void> {
    await this.#drain();
    await this.#writer.hsync();
  }

  async close(): Promise<void> {
    await this.#drain();
    await this.#writer.close();
    this.#window.free();
  }

  /** It has failed, or its file was removed: others may have the file at once. */
  async abandon(): Promise<void> {
    this.#window.free();
    await this.#writer.abort(new DfsError('Cancelled', 'the file was closed'));
    await this.#options.fs.recoverLease(inodePath(this.#fileId)).catch(() => false);
  }

  async #drain(): Promise<void> {
    await this.#window.drainAll((bytes) => this.#writer.write(bytes));
  }
}
