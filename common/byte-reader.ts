/**
 * Messages out of a byte stream: collects what a channel brings until as much is there as a message needs, and hands it out as
 * slices of the received buffers, never copied together unless one buffer is asked for.
 */
import type { Channel } from './channel.js';
import { DfsError } from './errors.js';

/** A varint of 32 bits has at most this many bytes. */
const MAX_VARINT32_LENGTH = 5;

export class ByteReader {
  readonly #channel: Channel;
  /** Received and not yet taken; of the first one only what begins at #headOffset. */
  #buffers: Buffer[] = [];
  #headOffset = 0;
  #available = 0;
  #ended = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** `host:port` of the other side, for messages to people. */
  get peer(): string {
    return this.#channel.peer;
  }

  /** Bytes that have arrived and were not taken yet. */
  get available(): number {
    return this.#available;
  }

  /**
   * Waits until `length` bytes are there; false when the stream ended before the first of them. `timeoutMs` limits each wait
   * for more bytes, not the whole.
   * @throws DfsError `Timeout`; `ConnectionLost`, also when the stream ended after some of the bytes.
   */
  async fill(length: number, timeoutMs: number): Promise<boolean> {
    while (this.#available < length) {
      const buffer = this.#ended ? null : await this.#channel.read(timeoutMs);
      if (buffer === null) {
        this.#ended = true;
        if (this.#available === 0) return false;
        throw new DfsError('ConnectionLost', `${this.peer} closed the connection in the middle of a message`);
      }
      if (buffer.length > 0) this.#add(buffer);
    }
    return true;
  }

  /**
   * What was received side by side in memory becomes one buffer again: fewer pieces to write on, and a peer that trickles single
   * bytes cannot make us hold a Buffer object for each.
   */
  #add(buffer: Buffer): void {
    this.#available += buffer.length;
    const last = this.#buffers.at(-1);
    if (last?.buffer === buffer.buffer && last.byteOffset + last.length === buffer.byteOffset) {
      this.#buffers[this.#buffers.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + buffer.length);
      return;
    }
    this.#buffers.push(buffer);
  }

  /** Like {@link fill}, but an end of the stream before the first byte is a `ConnectionLost` too. */
  async fillOrThrow(length: number, timeoutMs: number): Promise<void> {
    if (!(await this.fill(length, timeoutMs))) {
      throw new DfsError('ConnectionLost', `${this.peer} closed the connection`);
    }
  }

  /**
   * The next `length` bytes as slices of what arrived.
   * @throws DfsError `ConnectionLost` when the stream ends before, `Timeout`.
   */
  async readExactly(length: number, timeoutMs: number): Promise<Buffer[]> {
    if (this.#available < length) await this.fillOrThrow(length, timeoutMs);
    return this.take(length);
  }

  /** The next `length` bytes in one piece: a slice where they arrived in one, else a copy. */
  async readBuffer(length: number, timeoutMs: number): Promise<Buffer> {
    if (this.#available < length) await this.fillOrThrow(length, timeoutMs);
    return this.takeBuffer(length);
  }

  /** Takes `length` bytes that are there already (see {@link fill}, {@link available}). */
  take(length: number): Buffer[] {
    if (length > this.#available) throw new RangeError(`${length} bytes taken of ${this.#available}`);
    const taken: Buffer[] = [];
    let whole = 0;
    let missing = length;
    while (missing > 0) {
      const head = this.#buffers[whole] as Buffer;
      const rest = head.length - this.#headOffset;
      if (rest > missing) {
        taken.push(head.subarray(this.#headOffset, this.#headOffset + missing));
        this.#headOffset += missing;
        break;
      }
      taken.push(this.#headOffset === 0 ? head : head.subarray(this.#headOffset));
      this.#headOffset = 0;
      whole++;
      missing -= rest;
    }
    if (whole > 0) this.#buffers.splice(0, whole);
    this.#available -= length;
    return taken;
  }

  /** Like {@link take}, in one piece: a slice where the bytes arrived in one, else a copy. */
  takeBuffer(length: number): Buffer {
    const buffers = this.take(length);
    return buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers);
  }

  /** See {@link Channel.recycle}. */
  recycle(buffers: readonly Buffer[]): void {
    this.#channel.recycle?.(buffers);
  }

  /** The byte at `index` from here on, which must be there; it stays to be taken. */
  peekByte(index: number): number {
    let at = index + this.#headOffset;
    for (const buffer of this.#buffers) {
      const byte = buffer[at];
      if (byte !== undefined) return byte;
      at -= buffer.length;
    }
    throw new RangeError(`byte ${index} peeked at of ${this.#available}`);
  }

  /**
   * A message that follows its length in varint form, as protobuf's writeDelimitedTo writes it; null when the stream ended
   * before its first byte.
   * @throws DfsError `ProtocolViolation` when the length is no varint or larger than `maxBytes`, `ConnectionLost`, `Timeout`.
   */
  async readVarintDelimited(maxBytes: number, timeoutMs: number): Promise<Buffer | null> {
    if (!(await this.fill(1, timeoutMs))) return null;
    let length = 0;
    let at = 0;
    for (;;) {
      await this.fillOrThrow(at + 1, timeoutMs);
      const byte = this.peekByte(at);
      length += (byte & 0x7f) * 2 ** (7 * at);
      at++;
      if (byte < 0x80) break;
      if (at === MAX_VARINT32_LENGTH) {
        throw new DfsError('ProtocolViolation', `${this.peer} sent a message without a valid length`);
      }
    }
    if (length > maxBytes) {
      throw new DfsError(
        'ProtocolViolation',
        `${this.peer} sent a message of ${length} bytes; at most ${maxBytes} are allowed here`,
      );
    }
    this.take(at);
    return this.readBuffer(length, timeoutMs);
  }
}
