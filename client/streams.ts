/** Files as Node streams. */
import { Readable, Writable } from 'node:stream';
import { toDfsError } from '../common/errors.js';
import type { FileReader } from './file-reader.js';
import type { FileWriter } from './file-writer.js';
import { newAbortController } from './on-abort.js';
import type { OpenOptions, ReadRange } from './types.js';

const HIGH_WATER_MARK_BYTES = 1024 * 1024;

/** Opens the file when the first byte is asked for, closes it at the end or when the stream is destroyed. */
export function readStream(
  open: (options: OpenOptions) => Promise<FileReader>,
  options: ReadRange & OpenOptions,
): Readable {
  const destroyed = newAbortController();
  const pieces = readWhole(open, options, destroyed.signal);
  let pulling = false;
  return new Readable({
    highWaterMark: HIGH_WATER_MARK_BYTES,
    signal: options.signal,
    read() {
      if (pulling) return;
      pulling = true;
      pull(this, pieces).then(
        () => {
          pulling = false;
        },
        (error: unknown) => this.destroy(toDfsError(error)),
      );
    },
    destroy(error, callback) {
      destroyed.abort(error);
      // Otherwise what it holds would stay open when it waits for someone to take the next piece.
      const letGo = async (): Promise<void> => void (await pieces.return());
      answer(letGo)(() => callback(error));
    },
  });
}

async function pull(stream: Readable, pieces: AsyncIterator<Buffer>): Promise<void> {
  for (;;) {
    const next = await pieces.next();
    if (stream.destroyed) return;
    if (!stream.push(next.done === true ? null : next.value) || next.done === true) return;
  }
}

async function* readWhole(
  open: (options: OpenOptions) => Promise<FileReader>,
  range: ReadRange,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const reader = await open({ signal });
  try {
    yield* reader.stream(range);
  } finally {
    await reader.close();
  }
}

/**
 * Creates the file at once and closes it when the stream is ended: 'finish' means that it is complete. When the stream is destroyed
 * before that, the file stays incomplete. Chunks are not copied: whoever writes them leaves them unchanged, as with any stream.
 */
export function writeStream(open: () => Promise<FileWriter>, signal: AbortSignal | undefined): Writable {
  let writer: FileWriter | undefined;
  const opened = (): FileWriter => {
    if (writer === undefined) throw new Error('a stream was used before it was open');
    return writer;
  };
  return new Writable({
    highWaterMark: HIGH_WATER_MARK_BYTES,
    signal,
    construct: answer(async () => {
      writer = await open();
    }),
    write: (chunk: Buffer, _encoding, callback) => answer(() => opened().write(chunk, { handOver: true }))(callback),
    final: answer(() => opened().close()),
    destroy: (error, callback) =>
      answer(async () => writer?.abort(error))((failure) => callback(error ?? failure ?? null)),
  });
}

type Callback = (error?: Error | null) => void;

/** `work` as a function that tells a callback how it ended. */
function answer(work: () => Promise<void>): (callback: Callback) => void {
  const run = async (callback: Callback): Promise<void> => {
    let failure: Error | null = null;
    try {
      await work();
    } catch (error) {
      failure = toDfsError(error);
    }
    callback(failure);
  };
  return (callback) => void run(callback);
}
