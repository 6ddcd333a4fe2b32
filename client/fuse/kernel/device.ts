/** The kernel's side of a mount: /dev/fuse, read by a thread of its own and written to from the event loop. */
import { close, constants, open, write, writevSync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { DfsError, messageOf, osErrorCode } from '../../../common/errors.js';
import type { DriverOptions } from '../driver.js';
import { DEVICE } from '../driver.js';
import { runTool } from '../run-tool.js';
import type { ReaderData, ReaderMessage } from './device-reader.js';
import { RequestQueue } from './request-queue.js';

/** Data bytes of the largest write and read that are agreed on: 256 pages. */
export const MAX_WRITE_BYTES = 1024 * 1024;
/** The kernel asks for room for the headers besides. */
const SLOT_BYTES = MAX_WRITE_BYTES + 4096;
const SLOTS = 16;
/** When fewer slots are free, data that has to wait is copied out of its slot: a slow file must not hold up the others. */
const SPARE_SLOTS = 6;

export type MountOptions = Pick<DriverOptions, 'mountPoint' | 'source' | 'readOnly'>;

/** A request as it was read. */
export interface IncomingRequest {
  readonly bytes: Buffer;
  /** The bytes may be used until this is called, which must happen. More calls do nothing. */
  release(): void;
  /** True when the slots run short: the request should take a copy of what it keeps, and release. */
  readonly mustHurry: boolean;
}

const openFile = promisify(open);
const closeFile = promisify(close);
const writeTo = promisify(write);

export class FuseDevice {
  /** Resolves when the file system is unmounted, with the operating system's code of the reason (ENODEV). */
  readonly ended: Promise<string>;
  readonly #fd: number;
  readonly #queue: RequestQueue;
  readonly #slots: Buffer[];
  #free = SLOTS;
  #lastNotice: Promise<void> = Promise.resolve();

  private constructor(fd: number, onRequest: (request: IncomingRequest) => void) {
    this.#fd = fd;
    const memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
    this.#queue = RequestQueue.withSlots(SLOTS);
    this.#slots = Array.from({ length: SLOTS }, (_, slot) => Buffer.from(memory, slot * SLOT_BYTES, SLOT_BYTES));
    const workerData: ReaderData = { fd, slotBytes: SLOT_BYTES, memory, queue: this.#queue.shared };
    const reader = new Worker(new URL('./device-reader.js', import.meta.url), { workerData });
    this.ended = new Promise((resolve) => {
      reader.on('message', (message: ReaderMessage) => {
        if (message !== 0) resolve(message);
        for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take()) {
          onRequest(this.#take(next.slot, next.bytes));
        }
      });
      reader.once('error', (error) => resolve(messageOf(error)));
    });
  }

  /**
   * Mounts a file system of type `fuse.dfs`, whose requests `onRequest` is given, the first one right away.
   * @throws DfsError `Unsupported` where FUSE is not available, `AccessControl` without the right to mount, `InvalidArgument`.
   */
  static async mount(options: MountOptions, onRequest: (request: IncomingRequest) => void): Promise<FuseDevice> {
    const fd = await openDevice();
    try {
      await attach(fd, options);
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
    return new FuseDevice(fd, onRequest);
  }

  /**
   * Answers a request. The kernel takes the bytes before this returns: it copies them to the program that waits.
   * @returns false when nobody waits for the answer any more.
   */
  reply(buffers: readonly Buffer[]): boolean {
    try {
      writevSync(this.#fd, buffers);
      return true;
    } catch (error) {
      // ENOENT: the request was interrupted. ENODEV: unmounted.
      if (['ENOENT', 'ENODEV', 'EPERM'].includes(osErrorCode(error) ?? '')) return false;
      throw error;
    }
  }

  /**
   * Tells the kernel something, one thing after the other. Not from the event loop: the kernel may wait for pages that a request
   * holds which only the event loop can answer.
   */
  async notify(message: Buffer): Promise<void> {
    // ENOENT: the kernel does not know the inode, which is just as well.
    const notice = this.#lastNotice
      .then(() => writeTo(this.#fd, message))
      .then(
        () => undefined,
        () => undefined,
      );
    this.#lastNotice = notice;
    await notice;
  }

  #take(slot: number, length: number): IncomingRequest {
    this.#free--;
    let held = true;
    return {
      bytes: (this.#slots[slot] as Buffer).subarray(0, length),
      mustHurry: this.#free < SPARE_SLOTS,
      release: () => {
        if (!held) return;
        held = false;
        this.#free++;
        this.#queue.release(slot);
      },
    };
  }
}

async function openDevice(): Promise<number> {
  try {
    return await openFile(DEVICE, constants.O_RDWR);
  } catch (error) {
    const code = osErrorCode(error);
    if (code === 'EACCES' || code === 'EPERM') {
      throw new DfsError('AccessControl', `${DEVICE} cannot be opened: mounting needs root`);
    }
    throw new DfsError(
      'Unsupported',
      `${DEVICE} cannot be opened (${code}): is FUSE part of this kernel, and allowed here?`,
    );
  }
}

/** mount(8) does it, because Node has no call for it: the descriptor is handed down to it. */
async function attach(fd: number, { mountPoint, source, readOnly }: MountOptions): Promise<void> {
  const options = [
    'fd=3',
    'rootmode=40000',
    'user_id=0',
    'group_id=0',
    'allow_other',
    'default_permissions',
    `max_read=${MAX_WRITE_BYTES}`,
    'nosuid',
    'nodev',
    ...(readOnly ? ['ro'] : []),
  ];
  const args = ['-i', '-t', 'fuse.dfs', '-o', options.join(','), source, mountPoint];
  const { code, stderr } = await runTool('mount', args, fd);
  if (code === 0) return;
  const why = stderr.trim().replace(/^mount: /, '') || `mount ended with exit code ${code}`;
  if (process.getuid?.() !== 0)
    throw new DfsError('AccessControl', `cannot mount on ${mountPoint}: it needs root (${why})`);
  throw new DfsError('InvalidArgument', `cannot mount on ${mountPoint}: ${why}`);
}
