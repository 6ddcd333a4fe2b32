/** The other way of wire-writer.ts. Whatever the bytes are, it throws or ends. */

/** Kinds of fields, the lower three bits of a tag. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const TWO_TO_28 = 2 ** 28;
const TWO_TO_32 = 2 ** 32;

/** A text, and where it stood. */
interface LastText {
  readonly start: number;
  readonly bytes: number;
  readonly text: string;
}

export class WireReader {
  readonly #bytes: Buffer;
  #at: number;
  #end: number;
  /** By field. */
  readonly #lastTexts: (LastText | undefined)[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
  }

  /** The tag of the next field; 0 at the end. */
  tag(): number {
    return this.#at < this.#end ? this.uint32() : 0;
  }

  uint32(): number {
    return this.#varint() % TWO_TO_32;
  }

  /** @throws TypeError above 2^53 - 1. */
  uint64(): number {
    const value = this.#varint();
    if (!Number.isSafeInteger(value)) throw new TypeError('a number is not an integer below 2^53');
    return value;
  }

  bool(): boolean {
    return this.#varint() !== 0;
  }

  string(): string {
    const bytes = this.#length();
    const start = this.#at - bytes;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** The same, for a field that mostly has what it had the last time: an owner, a group. */
  repeatedString(field: number): string {
    const bytes = this.#length();
    const start = this.#at - bytes;
    const last = this.#lastTexts[field];
    if (last !== undefined && last.bytes === bytes && this.#areEqual(last.start, start, bytes)) return last.text;
    const text = this.#bytes.toString('utf8', start, this.#at);
    this.#lastTexts[field] = { start, bytes, text };
    return text;
  }

  /** Calls `read` with nothing but a message within the message to be read. */
  message<T>(read: () => T): T {
    const bytes = this.#length();
    const [after, end] = [this.#at, this.#end];
    this.#at = after - bytes;
    this.#end = after;
    const value = read();
    this.#at = after;
    this.#end = end;
    return value;
  }

  /** A field that nobody here knows. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.#varint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case LENGTH_DELIMITED:
        this.#length();
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new RangeError(`invalid wire type ${tag & 7} at offset ${this.#at}`);
    }
  }

  /** Reads a length, and passes over so many bytes. */
  #length(): number {
    const bytes = this.uint32();
    this.#advance(bytes);
    return bytes;
  }

  #advance(bytes: number): void {
    if (bytes > this.#end - this.#at) throw new RangeError(`index out of range: ${this.#at} + ${bytes} > ${this.#end}`);
    this.#at += bytes;
  }

  #areEqual(one: number, other: number, bytes: number): boolean {
    for (let i = 0; i < bytes; i++) if (this.#bytes[one + i] !== this.#bytes[other + i]) return false;
    return true;
  }

  /** Exact below 2^53, above it about right. */
  #varint(): number {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    let high = 0;
    let factor = TWO_TO_28;
    for (let i = 0; i < 6; i++) {
      const byte = this.#byte();
      high += (byte & 0x7f) * factor;
      if (byte < 0x80) return low + high;
      factor *= 0x80;
    }
    throw new RangeError(`invalid varint encoding at offset ${this.#at}`);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new RangeError(`index out of range: ${this.#at} + 1 > ${this.#end}`);
    return this.#bytes[this.#at++] as number;
  }
}
