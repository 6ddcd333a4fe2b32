/**
 * The thread that reads requests from /dev/fuse. A read waits until the kernel has one, however long that is: on the event loop it would stop
 * everything, and in libuv's pool it would hold one of four threads for ever.
 *
 * Requests are read into slots of memory that both threads see. The number in `states` says whose a slot is: 0 is this thread's.
 */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { osErrorCode } from '../../../common/errors.js';

export interface ReaderData {
  readonly fd: number;
  readonly slotBytes: number;
  readonly memory: SharedArrayBuffer;
  /** One number a slot, and one more that changes whenever a slot is given back. */
  readonly states: SharedArrayBuffer;
}

/** A request, or the operating system's code of the error that ends the reading: ENODEV when the file system is unmounted. */
export type ReaderMessage = { readonly slot: number; readonly bytes: number } | { readonly ended: string };

/** Interrupted requests (ENOENT) and signals are no reason to stop. */
const PASSING = new Set(['EINTR', 'EAGAIN', 'ENOENT']);

const { fd, slotBytes, memory, states } = workerData as ReaderData;
const owners = new Int32Array(states);
const slots = owners.length - 1;
const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

function freeSlot(): number {
  for (;;) {
    const changes = Atomics.load(owners, slots);
    for (let slot = 0; slot < slots; slot++) if (Atomics.load(owners, slot) === 0) return slot;
    Atomics.wait(owners, slots, changes);
  }
}

for (let ended: string | undefined; ended === undefined; ) {
  const slot = freeSlot();
  try {
    const bytes = readSync(fd, new Uint8Array(memory, slot * slotBytes, slotBytes));
    Atomics.store(owners, slot, 1);
    port.postMessage({ slot, bytes } satisfies ReaderMessage);
  } catch (error) {
    const code = osErrorCode(error) ?? 'EIO';
    if (PASSING.has(code)) continue;
    ended = code;
    port.postMessage({ ended } satisfies ReaderMessage);
  }
}
