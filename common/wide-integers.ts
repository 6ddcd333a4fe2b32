/** Whole numbers up to 2^53 in 8 bytes, big-endian. */

export function writeWideInteger(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value % 2 ** 32, at + 4);
}

/** @throws RangeError for a number that JavaScript cannot hold exactly, and when the bytes end early. */
export function readWideInteger(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  if (!Number.isSafeInteger(value)) throw new RangeError('a number beyond 2^53');
  return value;
}
