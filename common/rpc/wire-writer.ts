/**
 * Protocol buffers by hand, for the few messages with thousands of parts, where the general way (an object for each part, its fields looked up by
 * name, 64-bit numbers as objects) costs several times what the bytes do.
 */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const VARINT_BYTES_MAX = 10;
/** A tag of a field below 2,048. */
const TAG_BYTES_MAX = 2;
const UTF8_BYTES_MAX = 3;
const TWO_TO_28 = 2 ** 28;

export class WireWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, expectedBytes));
  }

  /** What has been written; nothing may be written any more. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** uint64, uint32, an enum's number; 0 is what a reader takes a missing one for. @throws TypeError above 2^53 - 1. */
  uint(field: number, value: number): void {
    if (value === 0) return;
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${value} is not an integer below 2^53`);
    this.#reserve(TAG_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint((field << 3) | VARINT);
    this.#varint(value);
  }

  bool(field: number, value: boolean): void {
    if (value) this.uint(field, 1);
  }

  string(field: number, text: string): void {
    const { length } = text;
    if (length === 0) return;
    this.#reserve(TAG_BYTES_MAX + VARINT_BYTES_MAX + length * UTF8_BYTES_MAX);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    const start = this.#length;
    this.#varint(length);
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#length = start;
        this.#utf8(text);
        return;
      }
      buffer[at++] = code;
    }
    this.#length = at;
  }

  /** A message within the message. */
  message(field: number, write: () => void): void {
    this.#reserve(TAG_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    // Most are so short that their length takes one byte; a longer one moves.
    const start = this.#length;
    this.#length++;
    write();
    const bytes = this.#length - start - 1;
    if (bytes < 0x80) {
      this.#buffer[start] = bytes;
      return;
    }
    this.#reserve(VARINT_BYTES_MAX);
    const end = this.#length;
    this.#length = start;
    const lengthBytes = Math.ceil((32 - Math.clz32(bytes)) / 7);
    this.#buffer.copyWithin(start + lengthBytes, start + 1, end);
    this.#varint(bytes);
    this.#length += bytes;
  }

  #utf8(text: string): void {
    this.#varint(Buffer.byteLength(text));
    this.#length += this.#buffer.write(text, this.#length);
  }

  #varint(value: number): void {
    const buffer = this.#buffer;
    let at = this.#length;
    let rest = value;
    if (rest >= TWO_TO_28) {
      // In two halves, because the operators for bits have 32.
      const high = Math.floor(rest / TWO_TO_28);
      let low = rest - high * TWO_TO_28;
      for (let i = 0; i < 4; i++) {
        buffer[at++] = (low & 0x7f) | 0x80;
        low >>>= 7;
      }
      rest = high;
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.#length = at;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
