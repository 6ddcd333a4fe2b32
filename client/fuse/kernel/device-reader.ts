/**
 * The thread that reads requests from /dev/fuse. A read waits until the kernel has one, however long that is: on the event loop it would stop
 * everything, and in libuv's pool it would hold one of four threads for ever.
 *
 * Requests are read into slots of memory that both threads see, and stand in a queue there (request-queue.ts). The event loop is told of the first one
 * alone: it takes out all that it finds.
 */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { osErrorCode } from '../../../common/errors.js';
import { RequestQueue } from './request-queue.js';

export interface ReaderData {
  readonly fd: number;
  readonly slotBytes: number;
  readonly memory: SharedArrayBuffer;
  /** Of the {@link RequestQueue}. */
  readonly queue: SharedArrayBuffer;
}

/** 0: there are requests. Otherwise the operating system's code of the error that ends the reading: ENODEV when the file system is unmounted. */
export type ReaderMessage = 0 | string;

/** Interrupted requests (ENOENT) and signals are no reason to stop. */
const PASSING = new Set(['EINTR', 'EAGAIN', 'ENOENT']);

const { fd, slotBytes, memory, queue: shared } = workerData as ReaderData;
const queue = new RequestQueue(shared);
const slots = Array.from({ length: queue.slots }, (_, i) => new Uint8Array(memory, i * slotBytes, slotBytes));
const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

for (let ended: string | undefined; ended === undefined; ) {
  const slot = queue.waitForSlot();
  try {
    const bytes = readSync(fd, slots[slot] as Uint8Array);
    if (queue.put(slot, bytes) === 'wake') port.postMessage(0 satisfies ReaderMessage);
  } catch (error) {
    const code = osErrorCode(error) ?? 'EIO';
    if (PASSING.has(code)) continue;
    ended = code;
    port.postMessage(ended satisfies ReaderMessage);
  }
}
