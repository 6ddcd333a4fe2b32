/** Output of the command, with back-pressure: nothing piles up in memory when whoever reads it is slow. */
import { write } from 'node:fs';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../../common/clock.js';
import { osErrorCode } from '../../common/errors.js';
import { OutputClosed } from './errors.js';

/** Where bytes go. Resolves once they are taken. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void>;
}

const writeFd = promisify(write);
const FULL_PIPE_PAUSE_MS = 5;

/**
 * A sink for one of the process's own descriptors. Not `process.stdout`: Node writes to pipes synchronously there, so that a slow
 * reader would stop our heartbeats too.
 */
export function descriptorSink(fd: number, clock: Clock): Sink {
  return {
    async write(bytes) {
      let offset = 0;
      while (offset < bytes.length) {
        try {
          offset += (await writeFd(fd, bytes, offset)).bytesWritten;
        } catch (error) {
          const code = osErrorCode(error);
          if (code === 'EPIPE') throw new OutputClosed('nobody reads the output any more', { cause: error });
          if (code !== 'EAGAIN') throw error;
          await sleep(clock, FULL_PIPE_PAUSE_MS); // another process made the pipe non-blocking, and it is full
        }
      }
    },
  };
}

const FLUSH_CHARACTERS = 16 * 1024;

/** Lines and bytes to a {@link Sink}, in order; lines are sent in larger pieces. Call {@link flush} at the end. */
export class Output {
  readonly #sink: Sink;
  #lines = '';

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async line(text: string): Promise<void> {
    await this.text(`${text}\n`);
  }

  async text(text: string): Promise<void> {
    this.#lines += text;
    if (this.#lines.length >= FLUSH_CHARACTERS) await this.flush();
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#sink.write(bytes);
  }

  async flush(): Promise<void> {
    if (this.#lines === '') return;
    const bytes = Buffer.from(this.#lines);
    this.#lines = '';
    await this.#sink.write(bytes);
  }
}

/** A JSON array, written item by item. */
export class JsonArray {
  readonly #out: Output;
  #count = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  async item(value: unknown): Promise<void> {
    await this.#out.text(`${this.#count++ === 0 ? '[\n' : ',\n'}  ${JSON.stringify(value)}`);
  }

  async end(): Promise<void> {
    await this.#out.text(this.#count === 0 ? '[]\n' : '\n]\n');
  }
}
