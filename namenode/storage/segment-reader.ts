/** Reads the frames of one segment of the edit log, a bounded piece of the file at a time. */
import type { DiskFile } from '../../common/disk.js';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_PAYLOAD_BYTES_MAX,
  frameIsIntact,
  SEGMENT_HEADER_BYTES,
} from './edit-frames.js';

const WINDOW_BYTES = 2 ** 20;
const SMALLEST_PAYLOAD_BYTES = 2;

export interface Frame {
  readonly kind: 'frame';
  /** Where it begins in the file. */
  readonly offset: number;
  readonly firstTxid: number;
  readonly count: number;
  readonly payload: Buffer;
}

/** At `offset` there is no intact frame. */
export interface BadFrame {
  readonly kind: 'bad';
  readonly offset: number;
  readonly reason: string;
}

export class SegmentReader {
  readonly #file: DiskFile;
  readonly #size: number;
  #offset = SEGMENT_HEADER_BYTES;
  #window: Buffer = Buffer.alloc(0);
  #windowOffset = 0;

  /** Reads the first `size` bytes of `file`, from the first frame on. */
  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Where the next frame begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Goes on at `offset`, where an intact frame was found behind a bad one. */
  skipTo(offset: number): void {
    this.#offset = offset;
  }

  /** The next frame; `undefined` at the end. After a bad frame there is no going on. */
  async next(): Promise<Frame | BadFrame | undefined> {
    if (this.#offset === this.#size) return undefined;
    const offset = this.#offset;
    const frame = await this.#frameAt(offset);
    if (typeof frame === 'string') return { kind: 'bad', offset, reason: frame };
    this.#offset = offset + FRAME_HEADER_BYTES + frame.payload.length;
    return frame;
  }

  /**
   * Where, behind a bad frame at `offset`, an intact one begins that continues or follows `txid`; undefined: nowhere. This is the
   * difference between a write that a crash tore and damage that came later.
   */
  async findIntactFrame(offset: number, txid: number): Promise<number | undefined> {
    let start = offset + 1;
    while (start + FRAME_HEADER_BYTES < this.#size) {
      const length = Math.min(WINDOW_BYTES, this.#size - start);
      for (const at of this.#plausibleOffsets(await this.#bytes(start, length), start, txid)) {
        if (typeof (await this.#frameAt(at)) !== 'string') return at;
      }
      start += length - FRAME_HEADER_BYTES + 1;
    }
    return undefined;
  }

  /** Where in `window`, which begins at `start` in the file, a frame could begin; cheap checks that nearly all places fail. */
  #plausibleOffsets(window: Buffer, start: number, txid: number): number[] {
    const offsets: number[] = [];
    for (let i = 0; i + FRAME_HEADER_BYTES <= window.length; i++) {
      const payloadBytes = window.readUInt32LE(i);
      if (payloadBytes < SMALLEST_PAYLOAD_BYTES || start + i + FRAME_HEADER_BYTES + payloadBytes > this.#size) continue;
      const { firstTxid, count } = decodeFrameHeader(window.subarray(i, i + FRAME_HEADER_BYTES));
      // A record takes more than one byte.
      if (count > 0 && count < payloadBytes && firstTxid >= txid) offsets.push(start + i);
    }
    return offsets;
  }

  /** The frame, or in words why there is none. */
  async #frameAt(offset: number): Promise<Frame | string> {
    if (offset + FRAME_HEADER_BYTES > this.#size) return 'the file ends within the header of a frame';
    const header = Buffer.from(await this.#bytes(offset, FRAME_HEADER_BYTES));
    const { payloadBytes, firstTxid, count } = decodeFrameHeader(header);
    if (payloadBytes < SMALLEST_PAYLOAD_BYTES || payloadBytes > FRAME_PAYLOAD_BYTES_MAX) {
      return `a frame cannot have ${payloadBytes} bytes`;
    }
    if (offset + FRAME_HEADER_BYTES + payloadBytes > this.#size) return 'the file ends within a frame';
    const payload = Buffer.from(await this.#bytes(offset + FRAME_HEADER_BYTES, payloadBytes));
    if (!frameIsIntact(header, payload)) return 'the checksum of the frame does not match';
    return { kind: 'frame', offset, firstTxid, count, payload };
  }

  /** A view into the window: valid until the next call. */
  async #bytes(offset: number, length: number): Promise<Buffer> {
    const within = offset - this.#windowOffset;
    if (within >= 0 && within + length <= this.#window.length) return this.#window.subarray(within, within + length);
    const window = Buffer.allocUnsafe(Math.min(Math.max(length, WINDOW_BYTES), this.#size - offset));
    this.#window = window.subarray(0, await this.#file.read(window, offset));
    this.#windowOffset = offset;
    return this.#window.subarray(0, length);
  }
}
