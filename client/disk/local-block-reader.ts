import { blockName } from '../../common/block.js';
import type { Clock } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import type { BufferPool } from '../buffer-pool.js';
import type { ReceivedBytes } from '../tcp/block-reader.js';
import type { LocalReplica } from './local-replica.js';

export interface LocalReadOptions {
  readonly clock: Clock;
  /** How long the disk may take for one piece. */
  readonly timeoutMs: number;
  /** Pieces are as long as these. */
  readonly buffers: BufferPool;
}

interface Piece {
  readonly target: Buffer;
  /** Where it begins in the block. */
  readonly offset: number;
  readonly whenRead: Promise<void>;
}

/** Reads and verifies a range of a replica on this machine, the next piece while the last one is looked at. */
export class LocalBlockReader {
  readonly #replica: LocalReplica;
  readonly #options: LocalReadOptions;
  readonly #from: number;
  readonly #to: number;
  /** Where the next piece begins. */
  #next: number;
  #ahead: Piece | undefined;
  #closed = false;

  /** From `from` to before `to`, offsets in the block, which the replica has. Takes over one use of the replica, until {@link close}. */
  constructor(replica: LocalReplica, from: number, to: number, options: LocalReadOptions) {
    this.#replica = replica;
    this.#options = options;
    this.#from = from;
    this.#to = to;
    this.#next = from - (from % replica.checksum.bytesPerChecksum);
  }

  /**
   * Verified bytes; null after the last ones. One call at a time.
   * @throws DfsError `Corrupt`, `Timeout`, or the operating system's error.
   */
  async next(): Promise<ReceivedBytes | null> {
    const piece = this.#ahead ?? this.#begin();
    if (piece === undefined) return null;
    await this.#inTime(piece);
    this.#ahead = this.#begin();
    const { target, offset } = piece;
    const wanted = target.subarray(Math.max(0, this.#from - offset), this.#to - offset);
    return { pieces: [wanted], release: () => this.#options.buffers.give(target) };
  }

  /** May be called more than once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#replica.release();
  }

  #begin(): Piece | undefined {
    const offset = this.#next;
    if (offset >= this.#to || this.#closed) return undefined;
    const { bytesPerChecksum } = this.#replica.checksum;
    const { bufferBytes } = this.#options.buffers;
    const pieceBytes = Math.max(1, Math.floor(bufferBytes / bytesPerChecksum)) * bytesPerChecksum;
    const wantedEnd = Math.ceil(this.#to / bytesPerChecksum) * bytesPerChecksum;
    const end = Math.min(offset + pieceBytes, wantedEnd, this.#replica.numBytes);
    const target = this.#memory(end - offset);
    this.#next = end;
    const whenRead = this.#replica.read(target, offset);
    whenRead.catch(() => {}); // who waits for it is told; nobody may
    return { target, offset, whenRead };
  }

  /** Only whole buffers come from the pool, and go back. */
  #memory(length: number): Buffer {
    const { buffers } = this.#options;
    return length === buffers.bufferBytes ? buffers.take() : Buffer.allocUnsafe(length);
  }

  async #inTime({ whenRead }: Piece): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    let expire = (_: DfsError): void => {};
    const expired = new Promise<never>((_, reject) => {
      expire = reject;
    });
    const what = `the disk took longer than ${timeoutMs} ms to read ${blockName(this.#replica.block)}`;
    const timer = clock.after(timeoutMs, () => expire(new DfsError('Timeout', what)));
    try {
      await Promise.race([whenRead, expired]);
    } finally {
      timer.cancel();
    }
  }
}
