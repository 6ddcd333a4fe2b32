/**
 * Many small files onto a real disk, in a thread of its own: each takes three calls of the kernel, which may wait for the disk, and the event loop
 * shall not. See {@link Disk.writeWholeFiles}.
 */
import type { Worker } from 'node:worker_threads';
import { totalLength } from './buffers.js';
import type { WholeFile } from './disk.js';
import { toDfsError } from './errors.js';
import { startWorker } from './worker-thread.js';

/** `sync`: all files written since the last such request. */
export type WholeFileRequest = { readonly write: readonly WholeFile[] } | { readonly sync: true };

/** `code`: the operating system's. */
export type WholeFileAnswer = { readonly failure?: { readonly message: string; readonly code: string | undefined } };

/** What is handed to the thread is copied; no more than this at a time, so that others get their turn. */
const SLICE_BYTES = 256 * 1024;

export class WholeFileWriter {
  #worker: Worker | undefined;
  /** Requests in the order in which the worker answers them. */
  #pending: { resolve(): void; reject(error: unknown): void }[] = [];
  /** One set of files after the other, as the worker syncs what it has written. */
  #last: Promise<void> = Promise.resolve();

  /** @throws the operating system's errors. */
  write(files: readonly WholeFile[]): Promise<void> {
    const written = this.#last.then(() => this.#write(files));
    this.#last = written.catch(() => {});
    return written;
  }

  async #write(files: readonly WholeFile[]): Promise<void> {
    let slice: WholeFile[] = [];
    let bytes = 0;
    let failure: { readonly error: unknown } | undefined;
    const send = async (request: WholeFileRequest): Promise<void> => {
      try {
        await this.#request(request);
      } catch (error) {
        failure ??= { error };
      }
    };
    for (const file of files) {
      slice.push(file);
      bytes += totalLength(file.content);
      if (bytes < SLICE_BYTES) continue;
      await send({ write: slice });
      slice = [];
      bytes = 0;
    }
    await send({ write: slice });
    await send({ sync: true });
    if (failure !== undefined) throw failure.error;
  }

  #request(request: WholeFileRequest): Promise<void> {
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      worker.ref();
      this.#pending.push({ resolve, reject });
      worker.postMessage(request);
    });
  }

  /** Keeps a process alive only while somebody waits for files. */
  #start(): Worker {
    const worker = startWorker(import.meta.url, 'whole-files-worker', undefined);
    worker.on('message', ({ failure }: WholeFileAnswer) => {
      const pending = this.#pending.shift();
      if (this.#pending.length === 0) worker.unref();
      if (failure === undefined) pending?.resolve();
      else pending?.reject(Object.assign(new Error(failure.message), { code: failure.code }));
    });
    worker.on('error', (error) => this.#died(worker, toDfsError(error)));
    worker.on('exit', () => this.#died(worker, new Error('the thread that writes small files has ended')));
    this.#worker = worker;
    return worker;
  }

  /** The next request starts another one. */
  #died(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }
}
